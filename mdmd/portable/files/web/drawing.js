// Draws a picture with its points, their 90 % ellipses and the box.

/** @import { Box } from "./crop.js" */
/** @import { Face, ModelRecord } from "./model.js" */

/**
 * What is shown. `pointed` is the landmark under the pointer or chosen by keys, -1 for none.
 * @typedef {object} Shown
 * @property {CanvasImageSource} image
 * @property {{ width: number, height: number }} size
 * @property {Face | null} face
 * @property {Box | null} box
 * @property {number} pointed
 */

// Sizes in CSS pixels.
const DOT = 2.5;
const LARGE_DOT = 4.5;
const LINE = 1;
const NAME = 13;
// A point is doubtful if it is more likely off than not.
export const DOUBTFUL = 0.5;

/**
 * @param {HTMLCanvasElement} canvas @param {Shown} shown @param {ModelRecord} record
 */
export function draw(canvas, shown, record) {
  const context = canvas.getContext("2d");
  const ratio = window.devicePixelRatio || 1;
  const wide = Math.round(canvas.clientWidth * ratio);
  if (!context || !wide) return;
  const scale = wide / shown.size.width;
  const high = Math.round(shown.size.height * scale);
  if (canvas.width !== wide || canvas.height !== high) Object.assign(canvas, { width: wide, height: high });
  const styles = getComputedStyle(canvas);
  /** @param {string} name */
  const color = (name) => styles.getPropertyValue(name).trim();
  context.imageSmoothingQuality = "high";
  context.drawImage(shown.image, 0, 0, wide, high);
  if (shown.box) {
    const { x, y, w, h } = shown.box;
    context.lineWidth = LINE * ratio;
    context.setLineDash([6 * ratio, 4 * ratio]);
    context.strokeStyle = color("--box");
    context.strokeRect(x * scale, y * scale, w * scale, h * scale);
    context.setLineDash([]);
  }
  const face = shown.face;
  if (!face) return;
  face.points.forEach(([x, y], k) => {
    const { long, short, turn } = ellipse(face.covariances[k], record.radius90);
    const own = color(face.off[k] > DOUBTFUL ? "--doubt" : "--point");
    const rim = color("--rim");
    context.beginPath();
    context.ellipse(x * scale, y * scale, long * scale, short * scale, turn, 0, 2 * Math.PI);
    for (const [width, stroke] of /** @type {[number, string][]} */ ([[2.2 * LINE, rim], [LINE, own]])) {
      context.lineWidth = width * ratio;
      context.strokeStyle = stroke;
      context.stroke();
    }
    context.beginPath();
    context.arc(x * scale, y * scale, (k === shown.pointed ? LARGE_DOT : DOT) * ratio, 0, 2 * Math.PI);
    context.fillStyle = own;
    context.lineWidth = LINE * ratio;
    context.strokeStyle = rim;
    context.fill();
    context.stroke();
  });
  if (shown.pointed < 0) return;
  const [x, y] = face.points[shown.pointed];
  plate(context, record.landmarks[shown.pointed], x * scale, y * scale, ratio, color);
}

/**
 * The half axes of the ellipse that contains 90 % of the mass, and the angle of the longer one.
 * @param {[number, number, number]} covariance @param {number} radius
 */
export function ellipse([xx, xy, yy], radius) {
  const middle = (xx + yy) / 2;
  const apart = Math.hypot((xx - yy) / 2, xy);
  return {
    long: radius * Math.sqrt(middle + apart),
    short: radius * Math.sqrt(Math.max(middle - apart, 0)),
    turn: Math.atan2(2 * xy, xx - yy) / 2,
  };
}

/**
 * The name of a landmark beside its point, within the canvas.
 * @param {CanvasRenderingContext2D} context @param {string} name @param {number} x @param {number} y
 * @param {number} ratio @param {(name: string) => string} color
 */
function plate(context, name, x, y, ratio, color) {
  context.font = `${NAME * ratio}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const pad = 6 * ratio;
  const width = context.measureText(name).width + 2 * pad;
  const height = 1.7 * NAME * ratio;
  const left = Math.max(0, Math.min(x + 2 * pad, context.canvas.width - width));
  const above = y - height - pad;
  const top = above < 0 ? y + pad : above;
  context.fillStyle = color("--plate");
  context.fillRect(left, top, width, height);
  context.fillStyle = color("--plate-ink");
  context.fillText(name, left + pad, top + height / 2);
}
