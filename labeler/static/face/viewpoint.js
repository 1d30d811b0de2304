// Which part of the picture an editor's canvas shows: the face, the current landmark, or each next landmark. Loads the original
// once the zoom needs more pixels than the screen-sized copy has.

import { extent } from "./face.js";

/** @import { Position } from "../shell/types.js" */
/** @import { FaceEditor } from "./editor.js" */

export class Viewpoint {
  /** @param {FaceEditor} editor */
  constructor(editor) {
    this.editor = editor;
    this.follow = false;
    this.sharpened = false;
    editor.canvas.on("view", () => this.sharpen());
  }

  /**
   * Shows the whole face.
   * @param {{ animate?: boolean }} [options]
   */
  frameFace({ animate = false } = {}) {
    const { canvas, picture, view } = this.editor;
    if (!picture || !view) return;
    const { width, height } = picture;
    const [x, y, w, h] = extent(view) ?? view.box;
    const left = Math.max(x, 0);
    const top = Math.max(y, 0);
    canvas.frame([left, top, Math.min(x + w, width) - left, Math.min(y + h, height) - top], 8, { animate });
  }

  zoomToCurrent() {
    const { canvas, cursor } = this.editor;
    const { expected } = this;
    const [x, y] = cursor.place ?? (expected ? [expected.x, expected.y] : (canvas.pointer ?? cursor.start()));
    canvas.zoomTo(x, y);
  }

  /** Zooms to where the current landmark is or should be; without such a place the view stays. */
  zoomToExpected() {
    const place = this.expected;
    if (place) this.editor.canvas.zoomTo(place.x, place.y);
  }

  /**
   * Where the current landmark is or should be: its label, ghost or prediction.
   * @returns {Position | null}
   */
  get expected() {
    const { current, view } = this.editor;
    if (current === null) return null;
    const label = view?.points[current];
    return (label?.v ? label : null) ?? this.editor.openGhosts()[current] ?? view?.predictions[current] ?? null;
  }

  /** Whether the view goes to each next landmark. */
  toggleFollow() {
    this.follow = !this.follow;
    if (this.follow) this.zoomToExpected();
    this.editor.emit("changed", {});
  }

  async sharpen() {
    const { canvas, picture, pictures } = this.editor;
    if (!picture || this.sharpened || pictures.hasOriginal(picture)) return;
    const copy = canvas.scene.image;
    const finest = canvas.finestScale * (window.devicePixelRatio || 1);
    if (!copy || finest < (1.5 * copy.width) / picture.width) return;
    this.sharpened = true;
    const loading = pictures.original(picture);
    const image = await loading.catch(() => null);
    // An original that the cache has let go meanwhile is closed, though its picture may be open again.
    if (image && picture === this.editor.picture && pictures.near?.promise === loading) canvas.show({ image });
  }
}
