// The map between image pixels and CSS pixels of the canvas: screen = image * scale + (x, y).

/** @import { Box, Place } from "../shell/types.js" */

export class Viewport {
  constructor() {
    this.scale = 1;
    this.x = 0;
    this.y = 0;
    this.width = 0;
    this.height = 0;
    this.imageWidth = 0;
    this.imageHeight = 0;
    /** The browser's text size in CSS pixels, for names on the canvas. */
    this.rem = 16;
  }

  /**
   * @param {number} x
   * @param {number} y
   * @returns {Place}
   */
  toScreen(x, y) {
    return [x * this.scale + this.x, y * this.scale + this.y];
  }

  /**
   * @param {number} x
   * @param {number} y
   * @returns {Place}
   */
  toImage(x, y) {
    return [(x - this.x) / this.scale, (y - this.y) / this.scale];
  }

  /**
   * @param {number} [width]
   * @param {number} [height]
   * @param {number} [margin]
   */
  fitScale(width = this.imageWidth, height = this.imageHeight, margin = 16) {
    return Math.min((this.width - 2 * margin) / width, (this.height - 2 * margin) / height);
  }

  /**
   * Shows a rectangle of the image, centered and as large as possible.
   * @param {Box} box
   * @param {number} [margin]
   */
  frame([x, y, w, h], margin = 16) {
    this.scale = this.clamp(this.fitScale(Math.max(w, 1), Math.max(h, 1), margin));
    this.center(x + w / 2, y + h / 2);
  }

  /**
   * Shows an image point at `scale`: centered, or as near to the center as a filled view allows.
   * @param {number} x
   * @param {number} y
   * @param {number} scale
   */
  bring(x, y, scale) {
    this.scale = this.clamp(scale);
    /** @type {(place: number, image: number, shown: number) => number} */
    const near = (place, image, shown) =>
      image < shown ? image / 2 : Math.min(Math.max(place, shown / 2), image - shown / 2);
    const cx = near(x, this.imageWidth, this.width / this.scale);
    this.center(cx, near(y, this.imageHeight, this.height / this.scale));
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  center(x, y) {
    this.x = this.width / 2 - x * this.scale;
    this.y = this.height / 2 - y * this.scale;
  }

  /**
   * Zooms so that the image point under (screenX, screenY) stays there.
   * @param {number} factor
   * @param {number} screenX
   * @param {number} screenY
   */
  zoomAt(factor, screenX, screenY) {
    const [x, y] = this.toImage(screenX, screenY);
    this.scale = this.clamp(this.scale * factor);
    this.x = screenX - x * this.scale;
    this.y = screenY - y * this.scale;
    this.keepVisible();
  }

  /**
   * @param {number} dx
   * @param {number} dy
   */
  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.keepVisible();
  }

  /** @param {number} scale */
  clamp(scale) {
    const fit = this.fitScale();
    return Math.min(Math.max(scale, fit / 4, 1e-3), Math.max(64, fit * 64));
  }

  /** Keeps at least 40 CSS pixels of the picture on the canvas, so that panning cannot lose it. */
  keepVisible() {
    this.x = Math.min(Math.max(this.x, 40 - this.imageWidth * this.scale), this.width - 40);
    this.y = Math.min(Math.max(this.y, 40 - this.imageHeight * this.scale), this.height - 40);
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  contains(x, y) {
    return x >= 0 && y >= 0 && x <= this.imageWidth && y <= this.imageHeight;
  }
}
