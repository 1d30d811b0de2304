// The mirror symmetry of placed landmarks: which landmark is whose partner, and how far a pair is from its mirror image.
//
// A reflection is fitted to the points and its matches, in turns; then an affine map, because a face that is turned
// away is narrower on one side. Landmarks are matched to those of the mirrored group only.

import { assign } from "./assignment.js";

/** The group on the other side of each of the twelve. */
export const MIRRORED_GROUP = [4, 3, 2, 1, 0, 6, 5, 8, 7, 9, 10, 11];

/** Landmarks farther from the other's mirror image than this share of the face's size are no pair: groups say enough,
 * and a face that looks aside is far from symmetric. */
export const TOLERANCE = 0.8;
const TURNS = 12;
const FEWEST_FOR_AFFINE = 6;
const TILTS = [0, -15, 15, -30, 30, -45, 45];

/**
 * The symmetry of the landmarks that have a place: {pairs: [[id, id]], midline: [id], off(a, b)}, where `off` is the
 * distance between the mirror image of landmark a and landmark b in parts of the face's size (root mean square distance
 * to the centre); null below two places.
 */
export function symmetryOf(landmarks, places) {
  const points = landmarks.filter(({ id }) => places[id]).map(({ id, group }) => ({ id, group, place: places[id] }));
  if (points.length < 2) return null;
  const centre = mean(points.map(({ place }) => place));
  const size = Math.sqrt(mean(points.map(({ place }) => [squared(place, centre)]))[0]) || 1;
  const kinds = mirroredKinds(points);
  let best = null;
  for (const tilt of TILTS) {
    const found = settle(points, kinds, reflection(((90 + tilt) * Math.PI) / 180, centre), size);
    if (!best || found.cost < best.cost - 1e-9) best = found;
  }
  const { matches, map } = best;
  return {
    pairs: matches.filter(([a, b]) => a !== b).map(([a, b]) => [points[a].id, points[b].id]),
    midline: matches.filter(([a, b]) => a === b).map(([a]) => points[a].id),
    off: (a, b) => Math.sqrt(gap(map, places[a], places[b])) / size,
  };
}

// Match, fit the map to the matches, match again, until the matches stay.
function settle(points, kinds, start, size) {
  const limit = (TOLERANCE * size) ** 2;
  let [map, matches] = [start, null];
  for (let turn = 0; turn < TURNS; turn++) {
    const next = match(points, kinds, map, limit);
    if (String(next) === String(matches)) break;
    matches = next;
    const ends = matches.map(([a, b]) => [points[a].place, points[b].place]);
    map = (turn > 1 && ends.length >= FEWEST_FOR_AFFINE && affine(ends)) || reflectionOf(ends) || map;
  }
  const matched = matches.reduce((sum, [a, b]) => sum + weight(a, b) * gap(map, points[a].place, points[b].place), 0);
  const alone = points.length - matches.reduce((count, [a, b]) => count + weight(a, b), 0);
  return { map, matches, cost: matched + alone * limit };
}

const weight = (a, b) => (a === b ? 1 : 2);

/** Indices of `points` by kind: [[members], [members of the mirrored group]], one list twice on the midline. */
function mirroredKinds(points) {
  const members = MIRRORED_GROUP.map((_, group) => points.flatMap((point, k) => (point.group === group ? [k] : [])));
  return MIRRORED_GROUP.flatMap((other, group) => (group <= other ? [[members[group], members[other]]] : []));
}

/** [[a, b]] with a <= b, indices of `points`: each is in at most one match; a with itself is on the midline. */
function match(points, kinds, map, limit) {
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

const apply = ({ matrix: [a, b, c, d], shift }, [x, y]) => [a * x + b * y + shift[0], c * x + d * y + shift[1]];

/** Squared distance between the images and the points, the mean of both ways. */
const gap = (map, p, q) => (squared(apply(map, p), q) + squared(apply(map, q), p)) / 2;

/** The reflection about the axis through `centre` at `angle`. */
function reflection(angle, centre) {
  const [cos, sin] = [Math.cos(2 * angle), Math.sin(2 * angle)];
  const image = apply({ matrix: [cos, sin, sin, -cos], shift: [0, 0] }, centre);
  return { matrix: [cos, sin, sin, -cos], shift: [centre[0] - image[0], centre[1] - image[1]] };
}

/** The reflection nearest to mapping each end of `ends` [[p, q]] to the other; null when it cannot be told. */
function reflectionOf(ends) {
  if (!ends.length) return null;
  const centre = mean(ends.flat());
  let [along, across] = [0, 0];
  for (const [p, q] of ends) {
    const [[px, py], [qx, qy]] = [p, q].map(([x, y]) => [x - centre[0], y - centre[1]]);
    along += px * qx - py * qy;
    across += px * qy + py * qx;
  }
  return Math.hypot(along, across) > 1e-9 ? reflection(Math.atan2(across, along) / 2, centre) : null;
}

/** The affine map that sends each end of `ends` to the other in the least squares; null when they lie on a line. */
function affine(ends) {
  const both = ends.flatMap(([p, q]) => [
    [p, q],
    [q, p],
  ]);
  const centre = mean(both.map(([p]) => p));
  let [xx, xy, yy] = [0, 0, 0];
  const right = [0, 0, 0, 0];
  for (const [p, q] of both) {
    const [[px, py], [qx, qy]] = [p, q].map(([x, y]) => [x - centre[0], y - centre[1]]);
    xx += px * px;
    xy += px * py;
    yy += py * py;
    [qx * px, qx * py, qy * px, qy * py].forEach((term, k) => (right[k] += term));
  }
  const determinant = xx * yy - xy * xy;
  if (determinant < 1e-6 * (xx + yy) ** 2) return null;
  const solve = (u, v) => [(u * yy - v * xy) / determinant, (v * xx - u * xy) / determinant];
  const matrix = [...solve(right[0], right[1]), ...solve(right[2], right[3])];
  const image = apply({ matrix, shift: [0, 0] }, centre);
  return { matrix, shift: [centre[0] - image[0], centre[1] - image[1]] };
}

function mean(vectors) {
  return vectors[0].map((_, axis) => vectors.reduce((sum, vector) => sum + vector[axis], 0) / vectors.length);
}

function squared([ax, ay], [bx, by]) {
  return (ax - bx) ** 2 + (ay - by) ** 2;
}
