// The view of the review page goes along with the doubtful points. It shows a point's ellipse and what lies around it, and
// rests while the next point can be seen well enough: points close together do not make it jump about.

import { ellipseOf } from "../canvas/drawing.js";
import { extent } from "../face/face.js";
import { Sight } from "../face/viewpoint.js";
import { remember } from "../shell/memory.js";

const KEY = "mdmd.review.follow";
/** Half of what is shown around a point: three of its ellipses, but no less and no more than these shares of the face. */
const ELLIPSES = 3;
const [LEAST, MOST] = [0.35, 0.75];
/** More CSS pixels to a pixel of the picture show its grain and not the face. */
const CLOSEST = 6;
/** A view that is up to so much wider or closer than it would be chosen is kept. */
const [WIDER, CLOSER] = [1.5, 3];
/** The ellipse keeps away from the edge of the view by this share of it. */
const EDGE = 0.12;

export class DoubtSight extends Sight {
  constructor(editor, { storage = localStorage } = {}) {
    super(editor);
    this.storage = storage;
    this.follow = storage.getItem(KEY) !== "off";
    /** Whether the view was brought to a point. */
    this.near = false;
  }

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
    if (!place) {
      // Nothing is left to look at closely: the whole face again.
      if (current === null && this.near) this.frameFace({ glide: true });
      return;
    }
    const prediction = view.predictions[current];
    const reach = prediction ? ellipseOf(prediction.cov, prediction.radius90).major : 0;
    const { viewport } = canvas;
    const face = faceSize(view);
    const half = Math.max(Math.min(Math.max(ELLIPSES * reach, LEAST * face), MOST * face), 1.2 * reach);
    const fitting = viewport.clamp(Math.min(Math.min(viewport.width, viewport.height) / (2 * half), CLOSEST));
    const fits = viewport.scale > fitting / WIDER && viewport.scale < fitting * CLOSER;
    if (!fits || !inView(viewport, place, reach)) canvas.glideTo(place.x, place.y, fits ? viewport.scale : fitting);
    this.near = true;
  }
}

function faceSize(view) {
  const [, , w, h] = extent(view, 0) ?? view.box;
  return Math.max(w, h);
}

function inView(viewport, { x, y }, reach) {
  const [left, top] = viewport.toScreen(x - reach, y - reach);
  const [right, bottom] = viewport.toScreen(x + reach, y + reach);
  const [wide, high] = [EDGE * viewport.width, EDGE * viewport.height];
  return left > wide && top > high && right < viewport.width - wide && bottom < viewport.height - high;
}
