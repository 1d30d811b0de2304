// The loupe: a round window that shows the picture's own pixels around one place. It is drawn on the canvas, in its frame.

import { drawCross, strokeOnDark } from "./marks.js";

/** @import { Place, Position, Shown } from "../shell/types.js" */
/** @import { Viewport } from "./viewport.js" */

const DIAMETER = 190;
const MAGNIFICATION = 12;
/** From this scale on, a pixel of the picture is drawn as a square. */
export const SHARP_SCALE = 8;
const MARGIN = 14;
const ABOVE_FINGER = 48;

/**
 * CSS pixels per image pixel in the loupe: twelve times the view and at most 12, but always larger than the view.
 * @param {number} viewScale
 */
export function loupeScale(viewScale) {
  return Math.max(2 * viewScale, Math.min(MAGNIFICATION * viewScale, MAGNIFICATION));
}

export class Loupe {
  constructor() {
    /** @type {"left" | "right"} */
    this.side = "right";
  }

  /**
   * The center and radius of the loupe for a place on the screen: above a finger, else in the lower corner that is
   * farther away.
   * @param {Viewport} viewport
   * @param {Place} place
   * @param {boolean} finger
   * @returns {Position & { radius: number }}
   */
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
    // It changes the corner only when it must. Otherwise it would flicker along the middle.
    const top = viewport.height - edge;
    /** @param {string} side */
    const near = (side) => Math.hypot((side === "left" ? edge : viewport.width - edge) - x, top - y) < 2 * radius;
    if (near(this.side)) this.side = this.side === "left" ? "right" : "left";
    return { x: this.side === "left" ? edge : viewport.width - edge, y: top, radius };
  }

  /**
   * Draws the picture around `place` in image pixels; `mark` is the point that is dragged.
   * @param {CanvasRenderingContext2D} context
   * @param {Viewport} viewport
   * @param {Shown | null} shown
   * @param {Place} place
   * @param {{ mark?: (Position & { color: string }) | null, finger?: boolean }} [options]
   */
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
    if (shown) drawCutout(context, viewport, shown, place, { x, y, radius, scale });
    drawCross(context, x, y, 5, radius, { color: "rgb(255 255 255 / 80%)", width: 1, halo: 1.5 });
    if (mark) drawRing(context, x + (mark.x - place[0]) * scale, y + (mark.y - place[1]) * scale, mark.color);
    context.restore();
    for (const [style, thickness] of /** @type {const} */ ([
      ["rgb(0 0 0 / 70%)", 5],
      ["#fff", 2],
    ])) {
      context.strokeStyle = style;
      context.lineWidth = thickness;
      context.stroke(circle);
    }
    context.restore();
  }
}

/**
 * Draws only the visible part: scaling the whole picture by twelve would be slow.
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {Shown} shown
 * @param {Place} place
 * @param {Position & { radius: number, scale: number }} circle
 */
function drawCutout(context, viewport, { picture, filter }, [px, py], { x, y, radius, scale }) {
  const reach = radius / scale + 1;
  const left = Math.max(Math.floor(px - reach), 0);
  const top = Math.max(Math.floor(py - reach), 0);
  const width = Math.min(Math.ceil(px + reach), viewport.imageWidth) - left;
  const height = Math.min(Math.ceil(py + reach), viewport.imageHeight) - top;
  if (width <= 0 || height <= 0) return;
  const fine = picture.width / viewport.imageWidth; // pixels of the copy per pixel of the picture
  context.imageSmoothingEnabled = scale < SHARP_SCALE;
  context.imageSmoothingQuality = "low";
  context.filter = filter;
  context.drawImage(
    picture,
    left * fine,
    top * fine,
    width * fine,
    height * fine,
    x + (left - px) * scale,
    y + (top - py) * scale,
    width * scale,
    height * scale,
  );
  context.filter = "none";
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {string} color
 */
function drawRing(context, x, y, color) {
  const ring = new Path2D();
  ring.arc(x, y, 8, 0, 2 * Math.PI);
  strokeOnDark(context, ring, { color, width: 2, halo: 1.5 });
}
