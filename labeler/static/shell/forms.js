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
function markProblems() {
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

/** Gives the first field with a problem the focus: now, and again when Gradio shows the message of one before it. */
export function goToProblem() {
  markProblems()[0]?.focus();
}

/** Follows messages that appear, and forgets one when its field is changed, until the form is sent again. */
export function followProblems() {
  // Whether a form was refused since the person's last key or click. It may have been before this script was loaded, so
  // the page says so itself.
  const { dataset } = document.documentElement;
  const forget = () => delete dataset.refused;
  if ("refused" in dataset) goToProblem();
  // The style sheet gives every message an animation, so that it says when it appears.
  document.addEventListener("animationstart", ({ animationName }) => {
    if (animationName !== "field-problem") return;
    if ("refused" in dataset) goToProblem();
    else markProblems();
  });
  document.addEventListener("pointerdown", forget);
  document.addEventListener("keydown", forget);
  document.addEventListener("input", ({ target }) => {
    if (!(target instanceof Element) || target.getAttribute("aria-invalid") !== "true") return;
    const message = document.getElementById(target.getAttribute("aria-describedby") ?? "");
    if (message) message.hidden = true;
    unmark(target);
  });
}
