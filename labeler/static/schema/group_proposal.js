// The likely group of a new landmark, from its place among the landmarks that are placed.

import { usualPlaces } from "../canvas/schematic.js";

/** @import { Box, Place } from "../shell/types.js" */

/** Where a face's box lies in the unit square of the schematic face. @type {Box} */
const BOX = [0.08, -0.05, 0.84, 0.97];
// The weights of a group that was proposed and not chosen, and of the box where the landmarks do not tell the size.
const GUESSED = 0.3;
const BOX_WEIGHT = 0.5;
// Groups that are closer than this in the unit square do not tell the size of a face.
const SPREAD = 0.08;

const AXES = /** @type {const} */ ([0, 1]);

/** @typedef {{ place: Place, group: number, guessed?: boolean }} Placed */
/** A place on the picture, the usual place of its group, and its weight. @typedef {{ from: Place, to: Place, weight: number }} Match */

/**
 * The group for a landmark at `place`, from the landmarks that are placed and the box of the face or the picture.
 * @param {Place} place
 * @param {Placed[]} placed
 * @param {Box} box
 * @returns {number}
 */
export function proposeGroup(place, placed, box) {
  const usual = usualPlaces();
  /** @type {Match[]} */
  const known = placed.map(({ place: at, group, guessed }) => ({
    from: at,
    to: middle(usual[group]),
    weight: guessed ? GUESSED : 1,
  }));
  const scales = AXES.map((axis) => scaleOf(known, axis));
  if (!scales.some(Boolean)) {
    /** @type {(box: Box) => Place} */
    const center = ([x, y, w, h]) => [x + w / 2, y + h / 2];
    known.push({ from: center(box), to: center(BOX), weight: BOX_WEIGHT });
  }
  const [toX, toY] = AXES.map((axis) => {
    const scale = scales[axis] ?? scales[1 - axis] ?? BOX[axis + 2] / box[axis + 2];
    const [from, to] = [mean(known, "from", axis), mean(known, "to", axis)];
    /** @param {number} x */
    return (x) => to + scale * (x - from);
  });
  /** @type {(place: Place) => Place} */
  const unit = ([x, y]) => [toX(x), toY(y)];
  const here = unit(place);
  const distances = usual.map((points, group) => {
    const own = placed.filter((other) => other.group === group && !other.guessed).map((other) => unit(other.place));
    return Math.min(...[...points, ...own].map(([x, y]) => Math.hypot(x - here[0], y - here[1])));
  });
  return distances.indexOf(Math.min(...distances));
}

/**
 * Units per pixel along an axis, by least squares; null where the groups are too close together or in the wrong
 * order.
 * @param {Match[]} known
 * @param {0 | 1} axis
 */
function scaleOf(known, axis) {
  const [from, to] = [mean(known, "from", axis), mean(known, "to", axis)];
  const total = known.reduce((sum, { weight }) => sum + weight, 0);
  /** @type {(a: (match: Match) => number, b: (match: Match) => number) => number} */
  const moment = (a, b) => known.reduce((sum, end) => sum + end.weight * a(end) * b(end), 0) / total;
  /** @param {Match} end */
  const pixels = (end) => end.from[axis] - from;
  /** @param {Match} end */
  const units = (end) => end.to[axis] - to;
  const [both, spread] = [moment(pixels, units), moment(units, units)];
  return both > 0 && spread > SPREAD ** 2 ? spread / both : null;
}

/**
 * @param {Match[]} known
 * @param {"from" | "to"} key
 * @param {0 | 1} axis
 */
function mean(known, key, axis) {
  const total = known.reduce((sum, { weight }) => sum + weight, 0);
  return known.reduce((sum, end) => sum + end.weight * end[key][axis], 0) / total;
}

/**
 * @param {Place[]} points
 * @returns {Place}
 */
function middle(points) {
  const [x, y] = AXES.map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
  return [x, y];
}
