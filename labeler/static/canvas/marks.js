// Small marks that several drawings share. All are light on dark, so that they show on any picture.

/** @import { Place } from "../shell/types.js" */

/**
 * `halo`: the width of the dark edges on both sides of the line together, in CSS pixels.
 * @typedef {{ color?: string, width?: number, halo?: number }} LineStyle
 */

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Path2D} path
 * @param {LineStyle} [style]
 */
export function strokeOnDark(context, path, { color = "#fff", width = 1.5, halo = 2 } = {}) {
  context.lineWidth = width + halo;
  context.strokeStyle = "rgb(0 0 0 / 70%)";
  context.stroke(path);
  context.lineWidth = width;
  context.strokeStyle = color;
  context.stroke(path);
}

/**
 * Draws a cross with a free center: its four arms reach from `inner` to `outer`.
 * @param {CanvasRenderingContext2D} context
 * @param {number} x
 * @param {number} y
 * @param {number} inner
 * @param {number} outer
 * @param {LineStyle} style
 */
export function drawCross(context, x, y, inner, outer, style) {
  const cross = new Path2D();
  for (const [dx, dy] of [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ]) {
    cross.moveTo(x + inner * dx, y + inner * dy);
    cross.lineTo(x + outer * dx, y + outer * dy);
  }
  strokeOnDark(context, cross, style);
}

/**
 * Writes `words` on a dark plate. `place(width)` gives its left end and the height of its middle.
 * @param {CanvasRenderingContext2D} context
 * @param {string} words
 * @param {(width: number) => Place} place
 * @param {{ rem: number, color?: string }} style
 */
export function drawTag(context, words, place, { rem, color = "#fff" }) {
  context.font = `${0.75 * rem}px system-ui, sans-serif`;
  const width = context.measureText(words).width + 10;
  const height = 1.125 * rem;
  const [left, middle] = place(width);
  context.fillStyle = "rgb(15 18 24 / 82%)";
  context.beginPath();
  context.roundRect(left, middle - height / 2, width, height, 4);
  context.fill();
  context.fillStyle = color;
  context.textBaseline = "middle";
  context.fillText(words, left + 5, middle + 0.5);
}
