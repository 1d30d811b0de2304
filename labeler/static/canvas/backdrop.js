// The picture as the view shows it, copied while the view rests: a click, a drag or a hovered point redraws only the points and
// does not scale the picture again. A moving view makes no copy.

import { SHARP_SCALE } from "./loupe.js";

/** @import { CanvasImage, Shown } from "../shell/types.js" */
/** @import { Viewport } from "./viewport.js" */

export class Backdrop {
  constructor() {
    /** What the last drawing depended on. @type {unknown[] | null} */
    this.view = null;
    /** @type {OffscreenCanvas | null} */
    this.copy = null;
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Viewport} viewport
   * @param {Shown | null} shown null: there is no picture
   */
  draw(context, viewport, shown) {
    const { canvas } = context;
    const view = [shown?.picture, shown?.filter, canvas.width, canvas.height, viewport.scale, ...viewport.toScreen(0, 0)];
    const { view: before } = this;
    const rests = before !== null && view.every((value, k) => value === before[k]);
    this.view = view;
    if (!rests) this.copy = null;
    if (!shown) return;
    if (!rests) return drawPicture(context, viewport, shown);
    this.copy ??= copyOf(context, viewport, shown);
    context.save();
    context.resetTransform(); // pixel by pixel
    context.drawImage(this.copy, 0, 0);
    context.restore();
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {Shown} shown
 */
function copyOf(context, viewport, shown) {
  const copy = new OffscreenCanvas(context.canvas.width, context.canvas.height);
  const drawing = /** @type {OffscreenCanvasRenderingContext2D} */ (copy.getContext("2d"));
  drawing.setTransform(context.getTransform());
  drawPicture(drawing, viewport, shown);
  return copy;
}

/**
 * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {Shown} shown
 */
function drawPicture(context, viewport, { picture, filter }) {
  const [x, y] = viewport.toScreen(0, 0);
  const [width, height] = [viewport.imageWidth * viewport.scale, viewport.imageHeight * viewport.scale];
  context.imageSmoothingEnabled = viewport.scale < SHARP_SCALE;
  // A moving view scales the bitmap at every frame, and "high" takes longer than a frame.
  context.imageSmoothingQuality = width < picture.width / 2 ? "medium" : "low";
  context.filter = filter;
  context.drawImage(picture, x, y, width, height);
  context.filter = "none";
}
