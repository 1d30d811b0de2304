// Brightness and contrast of the picture, not of the points. The picture is filtered once into a copy: drawing the copy takes as
// long as drawing the picture, and a filter at every frame takes four times as long.

import { Emitter } from "../shell/emitter.js";

/** @import { CanvasImage, Shown } from "../shell/types.js" */

const KEY = "mdmd.image_filter";
/** Both values are in stops: 0 is the picture as it is, 1 is twice as much. */
export const MOST = 2;
export const STEP = 0.25;
const PLAIN = { brightness: 0, contrast: 0 };
/** A copy takes 4 bytes per pixel; a picture larger than this is filtered when it is drawn. */
const MOST_PIXELS = 16e6;

/** @typedef {"brightness" | "contrast"} Quantity */

/** @extends {Emitter<{ changed: {} }>} */
export class ImageFilter extends Emitter {
  /** @param {Storage | null} [storage]  Where the values are kept, such as sessionStorage; null: nowhere. */
  constructor(storage = null) {
    super();
    this.storage = storage;
    /** @type {Record<Quantity, number>} */
    this.values = { ...PLAIN, ...JSON.parse(storage?.getItem(KEY) ?? "{}") };
    /** @type {(Shown & { image: CanvasImage, of: string }) | null} */
    this.copy = null;
  }

  get plain() {
    return Object.values(this.values).every((stops) => stops === 0);
  }

  get filter() {
    const { brightness, contrast } = this.values;
    return `brightness(${2 ** brightness}) contrast(${2 ** contrast})`;
  }

  /**
   * @param {Quantity} name
   * @param {number} stops
   */
  set(name, stops) {
    this.values[name] = Math.min(Math.max(stops, -MOST), MOST);
    this.changed();
  }

  /**
   * @param {Quantity} name
   * @param {number} direction
   */
  step(name, direction) {
    this.set(name, this.values[name] + direction * STEP);
  }

  reset() {
    this.values = { ...PLAIN };
    this.changed();
  }

  changed() {
    this.storage?.setItem(KEY, JSON.stringify(this.values));
    this.emit("changed", {});
  }

  /**
   * What to draw for `image`; the filter is "none" where the copy holds it already.
   * @param {CanvasImage | null} image
   * @returns {Shown | null}
   */
  of(image) {
    if (this.plain || !image) {
      this.copy = null;
      return image && { picture: image, filter: "none" };
    }
    const width = image.width;
    const height = image.height;
    if (width * height > MOST_PIXELS) return { picture: image, filter: this.filter };
    if (this.copy?.image !== image || this.copy.of !== this.filter) {
      const picture = Object.assign(document.createElement("canvas"), { width, height });
      const context = /** @type {CanvasRenderingContext2D} */ (picture.getContext("2d"));
      context.filter = this.filter;
      context.drawImage(image, 0, 0);
      this.copy = { image, of: this.filter, picture, filter: "none" };
    }
    return this.copy;
  }
}
