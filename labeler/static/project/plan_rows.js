// What the rows of a plan share: the mark of a guess, and the element of a kind around another one.

/**
 * What a person has said is no guess.
 * @param {HTMLSelectElement} select
 */
export function told(select) {
  const row = select.closest(".matching-row");
  row?.classList.remove("guess");
  row?.querySelector(".matching-guess")?.replaceChildren();
}

/** @param {HTMLSelectElement} select */
export function guess(select) {
  const row = select.closest(".matching-row");
  row?.classList.add("guess");
  row?.querySelector(".matching-guess")?.replaceChildren("guess");
}

/**
 * @param {EventTarget | null} target
 * @param {string} selector
 * @returns {HTMLElement | null | undefined}
 */
export function of(target, selector) {
  return target instanceof Element ? target.closest(selector) : undefined;
}
