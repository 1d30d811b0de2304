// Skipping the open face with a reason, and taking it in again.

import { toast } from "../shell/dom.js";
import { choose } from "../shell/popover.js";

const REASONS = ["not a face", "too blurred", "duplicate", "cannot tell"];
const OTHER = { placeholder: "another reason", maxLength: 200 };

/** `page` has {root, editor, session, shortcuts}; the question stands at `anchor()`. */
export class Skipping {
  constructor(page, anchor) {
    Object.assign(this, { page, anchor });
  }

  /** Ask why the open face is skipped; one that is skipped is taken in again. */
  async toggle() {
    const { page } = this;
    const view = page.editor.view;
    if (!view) return;
    if (view.skip) return this.set(null);
    const choices = REASONS.map((reason) => ({ value: reason, title: reason }));
    const reason = await choose(page.root, this.anchor(), { label: "Skip this face", choices, other: OTHER });
    if (reason && page.editor.view?.face === view.face) this.set(reason);
    page.editor.canvas.element.focus({ preventScroll: true });
  }

  set(reason) {
    const { editor, session, root } = this.page;
    editor.flush();
    editor.change({ skip: reason });
    session.setSkip(editor.view.face, reason);
    editor.emit("edited", { face: editor.view.face });
    toast(root, reason ? "Skipped; its labels stay. D for the next picture." : "No longer skipped.");
  }

  commands() {
    return [{ keys: ["S"], title: "Skip this face, or take it in again", run: () => this.toggle() }];
  }
}
