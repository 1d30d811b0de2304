// A dialog over a page: a heading, a body that scrolls, buttons below. It keeps the keys to itself while it is open.

import { el } from "./dom.js";

/** `buttons`: elements. Escape closes it too; a `close` event of the dialog says so. */
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
