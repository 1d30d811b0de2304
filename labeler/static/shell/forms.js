// What is wrong with the fields of a form: said at the field, also to a screen reader, and the first one gets the focus.

/** @param {Element} field */
function unmark(field) {
  field.removeAttribute("aria-invalid");
  field.removeAttribute("aria-describedby");
}

/**
 * Marks the fields that have a message of what is wrong with them, and no others.
 * @returns {HTMLElement[]} these fields
 */
export function markProblems() {
  document.querySelectorAll("[aria-invalid=true]").forEach(unmark);
  /** @type {HTMLElement[]} */
  const messages = [...document.querySelectorAll(/** @type {"p"} */ (".field-problem"))];
  return messages.flatMap((message) => {
    /** @type {HTMLElement | null | undefined} */
    const field = document.getElementById(message.dataset.field ?? "")?.querySelector("input, textarea");
    if (message.hidden || !field?.offsetParent) return [];
    field.setAttribute("aria-invalid", "true");
    field.setAttribute("aria-describedby", message.id);
    return [field];
  });
}

/** Like `markProblems`, and the first of the fields gets the focus. Gradio shows a message some frames late. */
export function goToProblem(frames = 10) {
  const [first] = markProblems();
  if (first) first.focus();
  else if (frames) requestAnimationFrame(() => goToProblem(frames - 1));
}

/** A field that is changed is not said to be wrong any more, until the form is sent again. */
export function forgetWhenChanged() {
  document.addEventListener("input", ({ target }) => {
    if (!(target instanceof Element) || target.getAttribute("aria-invalid") !== "true") return;
    const message = document.getElementById(target.getAttribute("aria-describedby") ?? "");
    if (message) message.hidden = true;
    unmark(target);
  });
}
