// What of the picture an editor's canvas shows: the face, the current landmark, every next one, and the original once
// the zoom asks for more than the screen-sized copy has.

import { extent } from "./face.js";

export class Sight {
  constructor(editor) {
    this.editor = editor;
    this.follow = false;
    this.sharpened = false;
    editor.canvas.addEventListener("view", () => this.sharpen());
  }

  /** Show the whole face; with `glide`, on a way that the eye can follow. */
  frameFace({ glide = false } = {}) {
    const { canvas, picture, view } = this.editor;
    const { width, height } = picture;
    const [bx, by, bw, bh] = view.box ?? [0, 0, width, height];
    const [x, y, w, h] = extent(view) ?? [bx, by, bw, bh];
    const left = Math.max(x, 0);
    const top = Math.max(y, 0);
    canvas.frame([left, top, Math.min(x + w, width) - left, Math.min(y + h, height) - top], 8, { glide });
  }

  zoomToCurrent() {
    const { canvas, cursor } = this.editor;
    const place = this.expected;
    canvas.zoomTo(...(cursor.place ?? (place ? [place.x, place.y] : (canvas.pointer ?? cursor.start()))));
  }

  /** Zoom to where the current landmark is or should be; without any such place, stay. */
  zoomToExpected() {
    const place = this.expected;
    if (place) this.editor.canvas.zoomTo(place.x, place.y);
  }

  /** Where the current landmark is or should be: its label, ghost or prediction. */
  get expected() {
    const { current, view } = this.editor;
    const places = [view?.points[current], this.editor.openGhosts()[current], view?.predictions[current]];
    return places.find((known) => known && known.x !== null);
  }

  /** Follow on or off: every next landmark is zoomed to. */
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
    const image = await pictures.original(picture).catch(() => null);
    if (image && picture === this.editor.picture) canvas.show({ image });
  }
}
