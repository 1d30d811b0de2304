// The loupe: a round window onto the picture's own pixels around one place, drawn on the canvas in the canvas's frame.

import { drawCross, strokeOnDark } from "./marks.js";

const DIAMETER = 190;
const MAGNIFICATION = 12;
/** From here on a pixel of the picture is a square. */
export const SHARP_SCALE = 8;
const MARGIN = 14;
const ABOVE_FINGER = 48;

/** CSS pixels to a picture's pixel: twelve times the view, twelve at most, but always closer than the view. */
export function loupeScale(viewScale) {
  return Math.max(2 * viewScale, Math.min(MAGNIFICATION * viewScale, MAGNIFICATION));
}

export class Loupe {
  constructor() {
    this.side = "right";
  }

  /** The loupe's middle and radius: above a finger, else in the lower corner that is away from (x, y). */
  spot(viewport, [x, y], finger) {
    const radius = Math.min(DIAMETER, 0.4 * viewport.width, 0.4 * viewport.height) / 2;
    const edge = radius + MARGIN;
    if (finger) {
      const above = y - radius - ABOVE_FINGER;
      const aside = x < viewport.width / 2 ? x + 2 * edge : x - 2 * edge;
      return above >= edge
        ? { x: Math.min(Math.max(x, edge), viewport.width - edge), y: above, radius }
        : { x: aside, y: edge, radius };
    }
    // It changes corners only when it must, or it would flicker along the middle.
    const top = viewport.height - edge;
    const near = (side) => Math.hypot((side === "left" ? edge : viewport.width - edge) - x, top - y) < 2 * radius;
    if (near(this.side)) this.side = this.side === "left" ? "right" : "left";
    return { x: this.side === "left" ? edge : viewport.width - edge, y: top, radius };
  }

  /** Draw `shown` ({picture, filter}) around `place` in image pixels; `mark`: {x, y, colour} of the point in hand. */
  draw(context, viewport, shown, place, { mark = null, finger = false } = {}) {
    const { x, y, radius } = this.spot(viewport, viewport.toScreen(...place), finger);
    const scale = loupeScale(viewport.scale);
    const circle = new Path2D();
    circle.arc(x, y, radius, 0, 2 * Math.PI);
    context.save();
    context.fillStyle = "#23272e";
    context.fill(circle);
    context.save();
    context.clip(circle);
    if (shown.picture) drawCutout(context, viewport, shown, place, { x, y, radius, scale });
    drawCross(context, x, y, 5, radius, { colour: "rgb(255 255 255 / 80%)", width: 1, halo: 1.5 });
    if (mark) drawRing(context, x + (mark.x - place[0]) * scale, y + (mark.y - place[1]) * scale, mark.colour);
    context.restore();
    for (const [style, thickness] of [
      ["rgb(0 0 0 / 70%)", 5],
      ["#fff", 2],
    ]) {
      context.strokeStyle = style;
      context.lineWidth = thickness;
      context.stroke(circle);
    }
    context.restore();
  }
}

// Only the part of the picture that is seen is handed over: a whole picture at twelve times would be drawn for nothing.
function drawCutout(context, viewport, { picture, filter }, [px, py], { x, y, radius, scale }) {
  const reach = radius / scale + 1;
  const left = Math.max(Math.floor(px - reach), 0);
  const top = Math.max(Math.floor(py - reach), 0);
  const width = Math.min(Math.ceil(px + reach), viewport.imageWidth) - left;
  const height = Math.min(Math.ceil(py + reach), viewport.imageHeight) - top;
  if (width <= 0 || height <= 0) return;
  const fine = picture.width / viewport.imageWidth; // the copy's pixels to the picture's
  context.imageSmoothingEnabled = scale < SHARP_SCALE;
  context.imageSmoothingQuality = "low";
  context.filter = filter;
  context.drawImage(
    picture,
    ...[left * fine, top * fine, width * fine, height * fine],
    ...[x + (left - px) * scale, y + (top - py) * scale, width * scale, height * scale],
  );
  context.filter = "none";
}

function drawRing(context, x, y, colour) {
  const ring = new Path2D();
  ring.arc(x, y, 8, 0, 2 * Math.PI);
  strokeOnDark(context, ring, { colour, width: 2, halo: 1.5 });
}
