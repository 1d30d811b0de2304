// The picture as the view shows it, kept while the view rests: a click, a drag or a hovered point redraws the points alone,
// and the picture is not scaled anew. A view that moves has no use for a copy and makes none.

import { SHARP_SCALE } from "./loupe.js";

export class Backdrop {
  constructor() {
    this.view = null;
    this.copy = null;
  }

  /** `shown`: {picture, filter} as a Look gives them. */
  draw(context, viewport, shown) {
    const { canvas } = context;
    const view = [shown.picture, shown.filter, canvas.width, canvas.height, viewport.scale, ...viewport.toScreen(0, 0)];
    const rests = this.view !== null && view.every((value, k) => value === this.view[k]);
    this.view = view;
    if (!rests) this.copy = null;
    if (!shown.picture) return;
    if (!rests) return drawPicture(context, viewport, shown);
    this.copy ??= copyOf(context, viewport, shown);
    context.save();
    context.resetTransform(); // pixel by pixel
    context.drawImage(this.copy, 0, 0);
    context.restore();
  }
}

function copyOf(context, viewport, shown) {
  const copy = new OffscreenCanvas(context.canvas.width, context.canvas.height);
  const drawing = copy.getContext("2d");
  drawing.setTransform(context.getTransform());
  drawPicture(drawing, viewport, shown);
  return copy;
}

function drawPicture(context, viewport, { picture, filter }) {
  const [x, y] = viewport.toScreen(0, 0);
  const [width, height] = [viewport.imageWidth * viewport.scale, viewport.imageHeight * viewport.scale];
  context.imageSmoothingEnabled = viewport.scale < SHARP_SCALE;
  // A moving view scales the bitmap anew at every frame: "high" would take longer than the frame has.
  context.imageSmoothingQuality = width < picture.width / 2 ? "medium" : "low";
  context.filter = filter;
  context.drawImage(picture, x, y, width, height);
  context.filter = "none";
}
