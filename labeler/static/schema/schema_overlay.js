// Lines over the reference picture: a new connection, mirror pairs, and the normalizing length.

import { drawTag } from "../canvas/marks.js";
import { el } from "../shell/dom.js";

/** @import { Place } from "../shell/types.js" */
/** @import { LandmarkCanvas } from "../canvas/canvas.js" */
/** @import { Line } from "./connect.js" */

/** @typedef {{ color: string, dash: number[], width: number }} LineStyle */

/** @type {Record<Line["style"], LineStyle>} */
const STYLES = {
  joining: { color: "#fff", dash: [], width: 2 },
  pair: { color: "#7fd0ff", dash: [5, 4], width: 1.3 },
  odd: { color: "#ff8c00", dash: [], width: 2.2 },
  measure: { color: "#ffe14d", dash: [], width: 1.6 },
};

export class SchemaOverlay {
  /**
   * @param {HTMLElement} stage
   * @param {LandmarkCanvas} canvas
   */
  constructor(stage, canvas) {
    this.canvas = canvas;
    /** @type {Line[]} */
    this.lines = [];
    this.element = el("canvas.schema-overlay", { "aria-hidden": "true" });
    stage.append(this.element);
    canvas.on("view", () => this.draw());
    new ResizeObserver(() => this.draw()).observe(stage);
  }

  /** @param {Line[]} lines */
  show(lines) {
    this.lines = lines;
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.element;
    const ratio = window.devicePixelRatio || 1;
    Object.assign(this.element, { width: Math.round(width * ratio), height: Math.round(height * ratio) });
    const context = /** @type {CanvasRenderingContext2D} */ (this.element.getContext("2d"));
    context.scale(ratio, ratio);
    for (const { from, to, style, label } of this.lines) {
      /** @type {[Place, Place]} */
      const ends = [this.canvas.viewport.toScreen(...from), this.canvas.viewport.toScreen(...to)];
      drawLine(context, ends, STYLES[style]);
      if (style === "measure") drawTicks(context, ends, STYLES[style], label, this.canvas.viewport.rem);
    }
  }
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Path2D} path
 * @param {LineStyle} style
 */
function stroke(context, path, { color, dash, width }) {
  context.setLineDash([]);
  context.lineWidth = width + 2;
  context.strokeStyle = "rgb(0 0 0 / 55%)";
  context.stroke(path);
  context.setLineDash(dash);
  context.lineWidth = width;
  context.strokeStyle = color;
  context.stroke(path);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {[Place, Place]} ends
 * @param {LineStyle} style
 */
function drawLine(context, [from, to], style) {
  const path = new Path2D();
  path.moveTo(...from);
  path.lineTo(...to);
  stroke(context, path, style);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {[Place, Place]} ends
 * @param {LineStyle} style
 * @param {string | undefined} label
 * @param {number} rem
 */
function drawTicks(context, [from, to], style, label, rem) {
  const length = Math.hypot(to[0] - from[0], to[1] - from[1]) || 1;
  const across = [(-7 * (to[1] - from[1])) / length, (7 * (to[0] - from[0])) / length];
  for (const [x, y] of [from, to])
    drawLine(
      context,
      [
        [x - across[0], y - across[1]],
        [x + across[0], y + across[1]],
      ],
      style,
    );
  if (!label) return;
  const [x, y] = [(from[0] + to[0]) / 2, (from[1] + to[1]) / 2 - rem];
  drawTag(context, label, (width) => [x - width / 2, y], { rem, color: style.color });
}
