// Buttons that copy a text, wherever a page has one: <button data-copy="the text">Copy</button>.

import { el } from "./dom.js";

const SAID_MS = 2000;

/** @param {Document} page */
export function listenForCopies(page) {
  page.addEventListener("click", async ({ target }) => {
    const button = target instanceof Element ? target.closest("button[data-copy]") : null;
    if (!(button instanceof HTMLButtonElement)) return;
    const done = await navigator.clipboard.writeText(button.dataset.copy ?? "").then(
      () => true,
      () => false,
    );
    if (!done) selectBeside(button);
    const said = el("span.copied", { role: "status", text: done ? "Copied" : "Selected: press Ctrl+C" });
    button.parentElement?.querySelector(".copied")?.remove();
    button.after(said);
    setTimeout(() => said.remove(), SAID_MS);
  });
}

/**
 * Selects the text before the button, for a browser that lets no script copy.
 * @param {HTMLElement} button
 */
function selectBeside(button) {
  if (button.previousElementSibling) getSelection()?.selectAllChildren(button.previousElementSibling);
}
