// The keyboard's cross: where the arrow keys place the next landmark. It starts where the landmark is expected, and disappears
// when the mouse moves or another landmark becomes current.

/** @import { Place } from "../shell/types.js" */
/** @import { FaceEditor } from "./editor.js" */

export class KeyCursor {
  /** @param {FaceEditor} editor */
  constructor(editor) {
    this.editor = editor;
    /** @type {Place | null} */
    this.place = null;
    /** The place of the newest label: without a better guess, the next one is near. @type {Place | null} */
    this.lastPlace = null;
    editor.canvas.on("hover", ({ x }) => x !== null && this.hide());
  }

  /** Another face is shown. */
  forget() {
    this.place = null;
    this.lastPlace = null;
  }

  show() {
    this.place = this.start();
    this.editor.refresh();
  }

  hide() {
    if (!this.place) return;
    this.place = null;
    this.editor.refresh();
  }

  /**
   * @param {number} dx
   * @param {number} dy
   */
  move(dx, dy) {
    const [x, y] = this.place ?? this.start();
    this.place = this.editor.within(x + dx, y + dy);
    this.editor.refresh();
  }

  /**
   * Where the current landmark is expected: at its ghost or prediction, near the last label, or in the middle of the
   * box.
   * @returns {Place}
   */
  start() {
    const { current, picture, view } = this.editor;
    const expected = current === null ? null : (this.editor.openGhosts()[current] ?? view?.predictions[current]);
    if (expected) return [expected.x, expected.y];
    const [x, y, w, h] = view?.box ?? [0, 0, picture?.width ?? 0, picture?.height ?? 0];
    return this.lastPlace ?? [x + w / 2, y + h / 2];
  }
}
