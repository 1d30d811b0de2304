// Above the landmarks: which face is open, how far it is, whether it is skipped, and the actions on the whole face.

import { el } from "../shell/dom.js";

/** @typedef {"skip" | "history" | "remove" | "removePicture"} HeadAction */
/** @typedef {{ name: string, labeled: number, of: number, nth: number, count: number, skip: string | null, proposer: string }} HeadFace  `proposer`: where proposed points come from. */

export class FaceHead {
  /**
   * @param {HTMLElement} column
   * @param {Record<HeadAction, () => unknown>} actions
   */
  constructor(column, actions) {
    this.actions = actions;
    this.content = "";
    this.element = el("div.face-head");
    column.append(this.element);
  }

  /**
   * `check`: the button of its label checks; `note`: a line about near-duplicates. While the content stays the same,
   * the buttons stay the same elements and keep the focus.
   * @param {HeadFace} face
   * @param {{ check: HTMLElement | null, note: HTMLElement | null }} parts
   */
  show(face, { check, note }) {
    const content = JSON.stringify([face, check?.textContent, check?.title, note?.textContent]);
    if (content === this.content) return;
    this.content = content;
    const { name, labeled, of, nth, count, skip, proposer } = face;
    const { actions } = this;
    const { activeElement } = document;
    const held = activeElement instanceof HTMLElement && this.element.contains(activeElement) && activeElement.dataset.action;
    /** @type {(action: HeadAction, text: string, title: string, keys?: string | null) => HTMLButtonElement} */
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
        ? button("skip", "Unskip", "No longer skip this face (S)", "S")
        : button("skip", "Skip…", "Leave this face out, with a reason (S)", "S"),
      button("history", "History", "Who changed what on this face, and when (H)", "H"),
    ];
    if (count > 1) buttons.push(button("remove", "Remove this face", "Remove this face from the picture"));
    buttons.push(button("removePicture", "Remove picture…", "Remove this picture with its labels from the project"));
    this.element.replaceChildren(
      el("div.face-name", { text: name, title: name, dir: "auto" }),
      el("div.face-count", {
        text: `${labeled} of ${of} landmarks${count > 1 ? ` · face ${nth} of ${count}` : ""}`,
      }),
      ...(proposer ? [el("div.face-count", { text: proposer })] : []),
      ...(note ? [note] : []),
      ...(skip ? [el("div.skip-note", { title: skip }, el("b", { text: "Skipped: " }), el("bdi", { text: skip }))] : []),
      el("div.head-actions", {}, check, ...buttons),
    );
    if (held) this.element.querySelector(/** @type {"button"} */ (`[data-action=${held}]`))?.focus();
  }
}
