// Above the landmarks: which face is open, how far it is, whether it is skipped, and what is done to it as a whole.

import { el } from "../shell/dom.js";

export class FaceHead {
  /** `actions` are the functions {skip, history, remove}. */
  constructor(column, actions) {
    this.actions = actions;
    this.element = el("div.face-head");
    column.append(this.element);
  }

  /** `face` is {name, labeled, of, nth, count, skip}, `check` the button of its label checks or null, `note` a line
   * about near-duplicates or null. The buttons stay the same ones, and focused, while these do. */
  show(face, { check, note }) {
    const content = JSON.stringify([face, check?.textContent, check?.title, note?.textContent]);
    if (content === this.content) return;
    this.content = content;
    const { name, labeled, of, nth, count, skip } = face;
    const { actions } = this;
    const held = this.element.contains(document.activeElement) ? document.activeElement.dataset.action : null;
    const button = (action, text, title, keys = null) =>
      el("button.plain.small", {
        type: "button",
        text,
        title,
        "aria-keyshortcuts": keys,
        "data-action": action,
        onclick: actions[action],
      });
    const buttons = [
      skip
        ? button("skip", "Unskip", "Take this face in again (S)", "S")
        : button("skip", "Skip…", "Leave this face out, with a reason (S)", "S"),
      button("history", "History", "Who did what to this face, and when (H)", "H"),
    ];
    if (count > 1) buttons.push(button("remove", "Remove this face", "Take this face off the picture"));
    this.element.replaceChildren(
      el("div.face-name", { text: name, title: name, dir: "auto" }),
      el("div.face-count", {
        text: `${labeled} of ${of} landmarks${count > 1 ? ` · face ${nth} of ${count}` : ""}`,
      }),
      ...(note ? [note] : []),
      ...(skip ? [el("div.skip-note", { title: skip }, el("b", { text: "Skipped: " }), el("bdi", { text: skip }))] : []),
      el("div.head-actions", {}, check, ...buttons),
    );
    if (held) this.element.querySelector(`[data-action=${held}]`)?.focus();
  }
}
