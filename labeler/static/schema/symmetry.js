// The mirror symmetry of placed landmarks: which landmark is whose partner, and how far a pair is from its mirror image.
//
// A reflection is fitted to the points and its matches, in turns; then an affine map, because a face that is turned away is
// narrower on one side. Landmarks are matched to those of the mirrored group only.

import { assign } from "./assignment.js";

/** @import { Landmark, Place, Places } from "../shell/types.js" */

/** The group on the other side of each of the twelve. */
export const MIRRORED_GROUP = [4, 3, 2, 1, 0, 6, 5, 8, 7, 9, 10, 11];

/**
 * Landmarks farther from the other's mirror image than this share of the face's size are no pair. The limit is wide,
 * because the groups already restrict the pairs and a face that looks aside is far from symmetric.
 */
export const TOLERANCE = 0.8;
const TURNS = 12;
const FEWEST_FOR_AFFINE = 6;
const TILTS = [0, -15, 15, -30, 30, -45, 45];

/** @typedef {{ id: string, group: number, place: Place }} GroupedPoint */
/** A map of the plane. @typedef {{ matrix: [number, number, number, number], shift: Place }} PlaneMap */
/** @typedef {[number, number][]} Matches  Indices a <= b of points; a point with itself lies on the midline. */

/**
 * The symmetry of the landmarks that have a place. `off(a, b)` is the distance between the mirror image of landmark a
 * and landmark b, as a share of the face's size (root mean square distance to the center); `across(id)` is how far a
 * landmark lies to the right of the middle line, negative to the left. Null for fewer than two places.
 * @param {Landmark[]} landmarks
 * @param {Places} places
 */
export function symmetryOf(landmarks, places) {
  const points = landmarks.filter(({ id }) => places[id]).map(({ id, group }) => ({ id, group, place: places[id] }));
  if (points.length < 2) return null;
  const center = mean(points.map(({ place }) => place));
  const size = Math.sqrt(points.reduce((sum, { place }) => sum + squared(place, center), 0) / points.length) || 1;
  const kinds = mirroredKinds(points);
  const fits = TILTS.map((tilt) => settle(points, kinds, reflection(((90 + tilt) * Math.PI) / 180, center), size));
  const { matches, map } = fits.reduce((best, fit) => (fit.cost < best.cost - 1e-9 ? fit : best));
  return {
    pairs: matches.filter(([a, b]) => a !== b).map(([a, b]) => /** @type {[string, string]} */ ([points[a].id, points[b].id])),
    midline: matches.filter(([a, b]) => a === b).map(([a]) => points[a].id),
    /** @type {(a: string, b: string) => number} */
    off: (a, b) => Math.sqrt(gap(map, places[a], places[b])) / size,
    /** @type {(id: string) => number} */
    across: (id) => (places[id][0] - apply(map, places[id])[0]) / 2 / size,
  };
}

/**
 * Matches the points, fits the map to the matches, and repeats until the matches stay.
 * @param {GroupedPoint[]} points
 * @param {number[][][]} kinds
 * @param {PlaneMap} start
 * @param {number} size
 */
function settle(points, kinds, start, size) {
  const limit = (TOLERANCE * size) ** 2;
  let map = start;
  /** @type {Matches} */
  let matches = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const next = match(points, kinds, map, limit);
    if (turn && String(next) === String(matches)) break;
    matches = next;
    /** @type {[Place, Place][]} */
    const ends = matches.map(([a, b]) => [points[a].place, points[b].place]);
    map = (turn > 1 && ends.length >= FEWEST_FOR_AFFINE && affine(ends)) || reflectionOf(ends) || map;
  }
  const matched = matches.reduce((sum, [a, b]) => sum + weight(a, b) * gap(map, points[a].place, points[b].place), 0);
  const alone = points.length - matches.reduce((count, [a, b]) => count + weight(a, b), 0);
  return { map, matches, cost: matched + alone * limit };
}

/**
 * @param {number} a
 * @param {number} b
 */
const weight = (a, b) => (a === b ? 1 : 2);

/**
 * Indices of points by kind: [members, members of the mirrored group]; on the midline both are the same list.
 * @param {GroupedPoint[]} points
 * @returns {number[][][]}
 */
function mirroredKinds(points) {
  const members = MIRRORED_GROUP.map((_, group) => points.flatMap((point, k) => (point.group === group ? [k] : [])));
  return MIRRORED_GROUP.flatMap((other, group) => (group <= other ? [[members[group], members[other]]] : []));
}

/**
 * Each point is in at most one match.
 * @param {GroupedPoint[]} points
 * @param {number[][][]} kinds
 * @param {PlaneMap} map
 * @param {number} limit
 * @returns {Matches}
 */
function match(points, kinds, map, limit) {
  /** @type {Matches} */
  const matches = [];
  for (const [ours, theirs] of kinds) {
    const [few, many] = ours.length <= theirs.length ? [ours, theirs] : [theirs, ours];
    const cost = few.map((a) => many.map((b) => Math.min(gap(map, points[a].place, points[b].place), limit)));
    const partner = assign(cost);
    partner.forEach((column, row) => {
      const [a, b] = [few[row], many[column]];
      const mutual = ours !== theirs || partner[column] === row;
      const once = ours !== theirs || a <= b;
      if (mutual && once && cost[row][column] < limit) matches.push([Math.min(a, b), Math.max(a, b)]);
    });
  }
  return matches;
}

// --- maps of the plane: {matrix: [a, b, c, d], shift: [x, y]} -----------------------------------------------------

/**
 * @param {PlaneMap} map
 * @param {Place} place
 * @returns {Place}
 */
const apply = ({ matrix: [a, b, c, d], shift }, [x, y]) => [a * x + b * y + shift[0], c * x + d * y + shift[1]];

/**
 * The squared distance between image and point, averaged over both directions.
 * @param {PlaneMap} map
 * @param {Place} p
 * @param {Place} q
 */
const gap = (map, p, q) => (squared(apply(map, p), q) + squared(apply(map, q), p)) / 2;

/**
 * The reflection about the axis through `center` at `angle`.
 * @param {number} angle
 * @param {Place} center
 * @returns {PlaneMap}
 */
function reflection(angle, center) {
  const [cos, sin] = [Math.cos(2 * angle), Math.sin(2 * angle)];
  const image = apply({ matrix: [cos, sin, sin, -cos], shift: [0, 0] }, center);
  return { matrix: [cos, sin, sin, -cos], shift: [center[0] - image[0], center[1] - image[1]] };
}

/**
 * The reflection closest to mapping the ends of each pair to each other; null when the pairs do not determine it.
 * @param {[Place, Place][]} ends
 * @returns {PlaneMap | null}
 */
function reflectionOf(ends) {
  if (!ends.length) return null;
  const center = mean(ends.flat());
  let [along, across] = [0, 0];
  for (const [p, q] of ends) {
    const [[px, py], [qx, qy]] = [p, q].map(([x, y]) => [x - center[0], y - center[1]]);
    along += px * qx - py * qy;
    across += px * qy + py * qx;
  }
  return Math.hypot(along, across) > 1e-9 ? reflection(Math.atan2(across, along) / 2, center) : null;
}

/**
 * The affine map that sends the ends of each pair to each other in the least-squares sense; null when the points lie
 * on a line.
 * @param {[Place, Place][]} ends
 * @returns {PlaneMap | null}
 */
function affine(ends) {
  /** @type {[Place, Place][]} */
  const both = ends.flatMap(([p, q]) => [
    [p, q],
    [q, p],
  ]);
  const center = mean(both.map(([p]) => p));
  let [xx, xy, yy] = [0, 0, 0];
  const right = [0, 0, 0, 0];
  for (const [p, q] of both) {
    const [[px, py], [qx, qy]] = [p, q].map(([x, y]) => [x - center[0], y - center[1]]);
    xx += px * px;
    xy += px * py;
    yy += py * py;
    [qx * px, qx * py, qy * px, qy * py].forEach((term, k) => (right[k] += term));
  }
  const determinant = xx * yy - xy * xy;
  if (determinant < 1e-6 * (xx + yy) ** 2) return null;
  /** @type {(u: number, v: number) => [number, number]} */
  const solve = (u, v) => [(u * yy - v * xy) / determinant, (v * xx - u * xy) / determinant];
  /** @type {PlaneMap["matrix"]} */
  const matrix = [...solve(right[0], right[1]), ...solve(right[2], right[3])];
  const image = apply({ matrix, shift: [0, 0] }, center);
  return { matrix, shift: [center[0] - image[0], center[1] - image[1]] };
}

/**
 * @param {Place[]} vectors
 * @returns {Place}
 */
function mean(vectors) {
  const [x, y] = vectors.reduce(([sumX, sumY], [vx, vy]) => [sumX + vx, sumY + vy], [0, 0]);
  return [x / vectors.length, y / vectors.length];
}

/**
 * @param {Place} a
 * @param {Place} b
 */
function squared([ax, ay], [bx, by]) {
  return (ax - bx) ** 2 + (ay - by) ** 2;
}
