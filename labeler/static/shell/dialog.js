// A dialog over a page: a heading, a body that scrolls, buttons below. While it is open, the page gets no keys.

import { el } from "./dom.js";

/**
 * Escape closes the dialog too; either way it fires a `close` event.
 * @param {HTMLElement} root
 * @param {string} title
 * @param {HTMLElement} body
 * @param {HTMLElement[]} buttons
 */
export function openDialog(root, title, body, buttons) {
  const dialog = el(
    "dialog.floating.dialog",
    { "aria-label": title },
    el("h2", { text: title }),
    body,
    el("div.dialog-buttons", {}, ...buttons),
  );
  dialog.addEventListener("keydown", (event) => event.stopPropagation());
  dialog.addEventListener("close", () => dialog.remove());
  root.append(dialog);
  dialog.showModal();
  return { dialog, close: () => dialog.close() };
}
