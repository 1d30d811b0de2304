// Skipping the open face with a reason, and undoing that.

import { toast } from "../shell/dom.js";
import { choose } from "../shell/popover.js";

/** @import { FacePage } from "./face_commands.js" */
/** @import { Session } from "../shell/session.js" */

const REASONS = ["not a face", "too blurred", "duplicate", "cannot tell"];
const OTHER = { placeholder: "another reason", maxLength: 200 };

/** `page` has {root, editor, session, shortcuts}; the question stands at `anchor()`. */
export class Skipping {
  /**
   * @param {FacePage & { session: Session }} page
   * @param {() => HTMLElement} anchor where the question appears
   */
  constructor(page, anchor) {
    this.page = page;
    this.anchor = anchor;
  }

  /** Asks why the open face is skipped; a skipped face counts again. */
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

  /** @param {string | null} reason */
  set(reason) {
    const { editor, session, root } = this.page;
    editor.flush();
    if (!editor.view) return;
    const { face } = editor.view;
    editor.change({ skip: reason });
    session.setSkip(face, reason);
    editor.emit("edited", { face });
    toast(root, reason ? "Skipped; its labels stay. D for the next picture." : "No longer skipped.");
  }

  commands() {
    return [{ keys: ["S"], title: "Skip this face, or no longer skip it", run: () => this.toggle() }];
  }
}
