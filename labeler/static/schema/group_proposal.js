// Which of the twelve groups a new landmark is likely to belong to, from where it lies among those that are placed.

import { usualPlaces } from "../canvas/schematic.js";

// Where a face's box lies in the unit square of the schematic face: [left, top, width, height].
const BOX = [0.08, -0.05, 0.84, 0.97];
// How much a group counts that was proposed and not chosen, and the box beside landmarks that do not tell the size.
const GUESSED = 0.3;
const BOX_WEIGHT = 0.5;
// Groups that lie nearer together than this in the unit square do not tell the size of a face.
const SPREAD = 0.08;

/**
 * The group for a landmark at `place` [x, y].
 * `placed`: [{place, group, guessed}] of the landmarks there are; `box` [x, y, w, h]: of the face, or the picture.
 */
export function proposeGroup(place, placed, box) {
  const usual = usualPlaces();
  const known = placed.map(({ place: at, group, guessed }) => ({
    from: at,
    to: middle(usual[group]),
    weight: guessed ? GUESSED : 1,
  }));
  const scales = [0, 1].map((axis) => scaleOf(known, axis));
  if (!scales.some(Boolean)) {
    const centre = ([x, y, w, h]) => [x + w / 2, y + h / 2];
    known.push({ from: centre(box), to: centre(BOX), weight: BOX_WEIGHT });
  }
  const [toX, toY] = [0, 1].map((axis) => {
    const scale = scales[axis] ?? scales[1 - axis] ?? BOX[axis + 2] / box[axis + 2];
    const [from, to] = [mean(known, "from", axis), mean(known, "to", axis)];
    return (x) => to + scale * (x - from);
  });
  const unit = ([x, y]) => [toX(x), toY(y)];
  const here = unit(place);
  const distances = usual.map((points, group) => {
    const own = placed.filter((other) => other.group === group && !other.guessed).map((other) => unit(other.place));
    return Math.min(...[...points, ...own].map(([x, y]) => Math.hypot(x - here[0], y - here[1])));
  });
  return distances.indexOf(Math.min(...distances));
}

/** Units a pixel along an axis, by least squares; null where the groups lie too close together or the wrong way round. */
function scaleOf(known, axis) {
  const [from, to] = [mean(known, "from", axis), mean(known, "to", axis)];
  const total = known.reduce((sum, { weight }) => sum + weight, 0);
  const moment = (a, b) => known.reduce((sum, end) => sum + end.weight * a(end) * b(end), 0) / total;
  const pixels = (end) => end.from[axis] - from;
  const units = (end) => end.to[axis] - to;
  const [both, spread] = [moment(pixels, units), moment(units, units)];
  return both > 0 && spread > SPREAD ** 2 ? spread / both : null;
}

function mean(known, key, axis) {
  const total = known.reduce((sum, { weight }) => sum + weight, 0);
  return known.reduce((sum, end) => sum + end.weight * end[key][axis], 0) / total;
}

function middle(points) {
  return [0, 1].map((axis) => points.reduce((sum, point) => sum + point[axis], 0) / points.length);
}
