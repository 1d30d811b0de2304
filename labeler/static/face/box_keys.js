// The box of a face by keys: arrows move it, Ctrl and arrows move its lower right corner. The box of a new face is moved in the
// same way, and Enter adds the face. Many small steps are one edit.

/** @import { Box } from "../shell/types.js" */
/** @import { FaceEditor } from "./editor.js" */

const PAUSE_MS = 450;

export class BoxKeys {
  /** @param {FaceEditor} editor */
  constructor(editor) {
    this.editor = editor;
    /** A change that is not sent yet. @type {{ box: Box, timer: number } | null} */
    this.pending = null;
  }

  get active() {
    return this.editor.canvas.scene.mode === "box";
  }

  /**
   * @param {number} dx
   * @param {number} dy
   */
  move(dx, dy) {
    this.change(([x, y, w, h], width, height) => [limit(x + dx, 0, width - w), limit(y + dy, 0, height - h), w, h]);
  }

  /**
   * @param {number} dx
   * @param {number} dy
   */
  grow(dx, dy) {
    this.change(([x, y, w, h], width, height) => [x, y, limit(w + dx, 1, width - x), limit(h + dy, 1, height - y)]);
  }

  /** @param {(box: Box, width: number, height: number) => Box} to */
  change(to) {
    const { canvas, picture, drawsNewFace } = this.editor;
    if (!picture) return;
    const { width, height } = picture;
    const box = to(canvas.scene.box ?? [width / 4, height / 4, width / 2, height / 2], width, height);
    canvas.show({ box });
    if (drawsNewFace) return; // Enter adds the face
    clearTimeout(this.pending?.timer);
    this.pending = { box, timer: setTimeout(() => this.flush(), PAUSE_MS) };
  }

  enter() {
    const { editor } = this;
    const { box } = editor.canvas.scene;
    if (!editor.drawsNewFace) this.flush();
    else if (box) editor.boxDrawn(box);
  }

  flush() {
    if (!this.pending) return;
    const { box, timer } = this.pending;
    clearTimeout(timer);
    this.pending = null;
    this.editor.boxDrawn(box);
  }
}

/**
 * @param {number} value
 * @param {number} least
 * @param {number} most
 */
function limit(value, least, most) {
  return Math.min(Math.max(value, least), most);
}
