// Finds the box of a face with the landmark model itself, as `mdmd predict --find-boxes` does, and follows a face from
// frame to frame.

/** @import { Box, Pixels } from "./crop.js" */
/** @import { Face, Model } from "./model.js" */

// The search starts from the whole picture and from its middle, at these shares of its sides.
const STARTS = [1, 0.7, 0.5];
// The most looks from one start, and the movement, as a share of the box's longer side, that ends them.
const PASSES = 4;
const STILL = 0.02;
// Points whose box is smaller than this, in pixels, show no face.
const SMALLEST = 8;
// The mean predicted deviation of points, as a share of their box, up to which they show a face, and above which a face
// that is followed is lost: benchmarks/RESULTS.md.
const SURE = 0.06;
const LOST = 0.09;

/**
 * The face that the model is least in doubt of; of the whole picture if boxes are not known to go with points.
 * Null if `goesOn` says, between two looks, that nobody waits for it.
 * @param {Model} model @param {Pixels} picture @param {() => Promise<boolean>} goesOn
 * @returns {Promise<Face | null>}
 */
export async function findFace(model, picture, goesOn) {
  const whole = wholeOf(picture);
  if (model.boxScale === null) return model.look(picture, whole);
  let best = whole;
  let least = Infinity;
  for (const start of STARTS) {
    let box = middle(whole, start);
    let doubtThere = Infinity;
    for (let pass = 0; pass < PASSES; pass++) {
      if (!(await goesOn())) return null;
      const face = await model.look(picture, box);
      const around = boxAround(face, model.boxScale);
      doubtThere = around === null ? Infinity : doubt(face);
      const moves = around !== null && moved(box, around) > STILL;
      box = around ?? whole;
      if (!moves) break;
    }
    if (doubtThere < least) [best, least] = [box, doubtThere];
  }
  return model.look(picture, best);
}

/** Follows one face from frame to frame: each frame is one look, in the box of the points of the frame before. */
export class Follower {
  /** @param {Model} model */
  constructor(model) {
    this.model = model;
    /** @type {Box | null} */
    this.box = null;
    this.seen = false;
    this.start = 0;
    this.looks = 0;
  }

  /**
   * The face in the next frame; null if none is found. Where it is lost, the search begins again from the whole frame,
   * one look a frame.
   * @param {Pixels} picture @param {Box | null} drawn a box in which a person says that the face is
   * @returns {Promise<Face | null>}
   */
  async next(picture, drawn) {
    const scale = this.model.boxScale;
    const from = drawn ?? this.box ?? middle(wholeOf(picture), scale === null ? 1 : STARTS[this.start]);
    const face = await this.model.look(picture, from);
    if (scale === null) {
      this.box = from;
      return face;
    }
    const around = boxAround(face, scale);
    const most = this.seen ? LOST : SURE;
    if (around !== null && (drawn !== null || doubt(face) <= most)) {
      Object.assign(this, { box: around, seen: true, start: 0, looks: 0 });
      return face;
    }
    this.looks++;
    if (this.seen) Object.assign(this, { box: null, seen: false, start: 0, looks: 0 });
    else if (around !== null && this.looks < PASSES) this.box = around;
    else Object.assign(this, { box: null, start: (this.start + 1) % STARTS.length, looks: 0 });
    return null;
  }
}

/**
 * Whether points show a face; always where boxes are not known to go with points.
 * @param {Model} model @param {Face} face
 */
export function isFace(model, face) {
  return model.boxScale === null || doubt(face) <= SURE;
}

/**
 * The mean predicted standard deviation of the points, divided by the longer side of their box.
 * @param {Face} face
 */
function doubt(face) {
  const own = boxOf(face.points);
  const deviations = face.covariances.map(([xx, xy, yy]) => Math.max(xx * yy - xy * xy, 0) ** 0.25);
  return deviations.reduce((sum, one) => sum + one, 0) / deviations.length / Math.max(own.w, own.h);
}

/**
 * The box of a face, whose longer side is `scale` times that of the box of its points; null if the points show no face.
 * @param {Face} face @param {number} scale
 * @returns {Box | null}
 */
function boxAround(face, scale) {
  const own = boxOf(face.points);
  const grow = ((scale - 1) / 2) * Math.max(own.w, own.h);
  const box = { x: own.x - grow, y: own.y - grow, w: own.w + 2 * grow, h: own.h + 2 * grow };
  return Math.max(box.w, box.h) >= SMALLEST && Math.min(box.w, box.h) > 0 ? box : null;
}

/** @param {[number, number][]} points */
function boxOf(points) {
  const [left, top] = [0, 1].map((k) => Math.min(...points.map((point) => point[k])));
  const [right, bottom] = [0, 1].map((k) => Math.max(...points.map((point) => point[k])));
  return { x: left, y: top, w: right - left, h: bottom - top };
}

/** @param {Pixels} picture */
function wholeOf(picture) {
  return { x: 0, y: 0, w: picture.width, h: picture.height };
}

/** @param {Box} box @param {number} share */
function middle(box, share) {
  return {
    x: box.x + (box.w * (1 - share)) / 2,
    y: box.y + (box.h * (1 - share)) / 2,
    w: box.w * share,
    h: box.h * share,
  };
}

/**
 * The largest movement of an edge, as a share of the later box's longer side.
 * @param {Box} before @param {Box} after
 */
function moved(before, after) {
  const edges = [
    before.x - after.x,
    before.y - after.y,
    before.x + before.w - after.x - after.w,
    before.y + before.h - after.y - after.h,
  ];
  return Math.max(...edges.map(Math.abs)) / Math.max(after.w, after.h, 1);
}
