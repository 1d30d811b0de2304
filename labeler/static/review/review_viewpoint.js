// The view of the review page follows the doubtful points. It shows a point's ellipse and its surroundings. It does not move while
// the next point can be seen well enough: between points close together it stays.

import { ellipseOf } from "../canvas/drawing.js";
import { extent } from "../face/face.js";
import { Viewpoint } from "../face/viewpoint.js";
import { remember } from "../shell/memory.js";

/** @import { FaceView, Position } from "../shell/types.js" */
/** @import { FaceEditor } from "../face/editor.js" */
/** @import { Viewport } from "../canvas/viewport.js" */

const KEY = "mdmd.review.follow";
/** Half of what is shown around a point: three of its ellipses, but between these shares of the face. */
const ELLIPSES = 3;
const [LEAST, MOST] = [0.35, 0.75];
/** CSS pixels per image pixel: a closer view shows the grain of the picture, not the face. */
const CLOSEST = 6;
/** A view up to this much wider or closer than the fitting one is kept. */
const [WIDER, CLOSER] = [1.5, 3];
/** The ellipse keeps this share of the view away from its edge. */
const EDGE = 0.12;

export class ReviewViewpoint extends Viewpoint {
  /**
   * @param {FaceEditor} editor
   * @param {{ storage?: Storage }} [options]
   */
  constructor(editor, { storage = localStorage } = {}) {
    super(editor);
    this.storage = storage;
    this.follow = storage.getItem(KEY) !== "off";
    /** Whether the view was moved to a point. */
    this.near = false;
  }

  /** @param {{ animate?: boolean }} [options] */
  frameFace(options) {
    this.near = false;
    super.frameFace(options);
  }

  toggleFollow() {
    super.toggleFollow();
    remember(this.storage, KEY, this.follow ? "on" : "off");
    this.editor.note(this.follow ? "The view goes to each next point." : "The view stays where it is; Shift+Z follows again.");
  }

  zoomToExpected() {
    const { canvas, current, view } = this.editor;
    const place = this.expected;
    if (!view) return;
    if (!place) {
      // No point is left to review: show the whole face again.
      if (current === null && this.near) this.frameFace({ animate: true });
      return;
    }
    const prediction = current === null ? null : view.predictions[current];
    const reach = prediction ? ellipseOf(prediction.cov, prediction.radius90).major : 0;
    const { viewport } = canvas;
    const face = faceSize(view);
    const half = Math.max(Math.min(Math.max(ELLIPSES * reach, LEAST * face), MOST * face), 1.2 * reach);
    const fitting = viewport.clamp(Math.min(Math.min(viewport.width, viewport.height) / (2 * half), CLOSEST));
    const fits = viewport.scale > fitting / WIDER && viewport.scale < fitting * CLOSER;
    if (!fits || !inView(viewport, place, reach)) canvas.animateTo(place.x, place.y, fits ? viewport.scale : fitting);
    this.near = true;
  }
}

/** @param {FaceView} view */
function faceSize(view) {
  const [, , w, h] = extent(view, 0) ?? view.box;
  return Math.max(w, h);
}

/**
 * Whether a point with its ellipse can be seen well enough.
 * @param {Viewport} viewport
 * @param {Position} place
 * @param {number} reach
 */
function inView(viewport, { x, y }, reach) {
  const [left, top] = viewport.toScreen(x - reach, y - reach);
  const [right, bottom] = viewport.toScreen(x + reach, y + reach);
  const [wide, high] = [EDGE * viewport.width, EDGE * viewport.height];
  return left > wide && top > high && right < viewport.width - wide && bottom < viewport.height - high;
}
