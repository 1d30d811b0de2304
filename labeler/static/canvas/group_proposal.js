// The likely group of a new landmark, from its place among the landmarks that are placed.
//
// No person says where the face lies on the picture. So faces of many sizes are laid over it, each so that one landmark is at a
// usual place of some group. Each face counts as much as it explains all landmarks; what the faces say about the new
// place is added up. A group that a person chose or named must fit; one that was proposed counts for nothing.

import { usualPlaces } from "./schematic.js";

/** @import { Box, Place } from "../shell/types.js" */

/** Where a face's box lies in the unit square of the schematic face. @type {Box} */
const BOX = [0.08, -0.05, 0.84, 0.97];
/** The outline of that face. */
const OUTLINE = { x: 0.5, y: 0.4, rx: 0.42, ry: 0.52 };
/** A place farther out than this many times the outline belongs to no part of a face: an ear, a horn, a whisker. */
const OUTSIDE = 1.15;
/** Sizes of faces that are tried, as shares of the largest that fits the picture, the usual one, and how far sizes spread. */
const SIZES = [1.25, 1.05, 0.88, 0.74, 0.62, 0.52, 0.44, 0.37, 0.31, 0.26, 0.2, 0.15];
const USUAL_SIZE = 0.8;
const SIZE_SPREAD = 0.7;
/** How far faces lie from the middle of the picture, as a share of what the face leaves free and of the face itself. */
const FREE = 0.3;
const OWN = 0.07;
/** How far landmarks lie from the usual places of their group, in the unit square. */
const NEAR = 0.035;
/** What a landmark counts that no group explains. */
const STRAY = 0.002;
/** The weight of a face at any place and of any size. */
const UNUSUAL = 0.002;
const NOSE = 9;
/** How often a group is clicked, until an eye is chosen or named: eyes more than others, brows less. @type {Record<number, number>} */
const OFTEN = { 5: 2, 6: 2, 7: 0.4, 8: 0.4 };
const OFTEN_OUTSIDE = 0.15;
const EYES = [5, 6];
const BROWS = [7, 8];
/** Landmarks that are looked at: the last ones. */
const MOST = 24;
/** Landmarks at which faces are laid. */
const ANCHORS = 2;
/** Where many groups are proposed: landmarks that are looked at, those at which faces are laid, and the faces that are refined. */
const MOST_OF_MANY = 48;
const ANCHORS_OF_MANY = 4;
const REFINED = 6;
/** What a landmark counts then that no group explains, how far landmarks lie from what they cover, and what counts if none does. */
const STRAY_OF_MANY = 0.1;
const COVERED_NEAR = 0.06;
const UNCOVERED = 0.01;
/** The first and last step by which a face is moved and stretched, as a share of its size, and how far it is stretched. */
const COARSE = 0.1;
const FINE = 0.005;
const TALLEST = 1.4;

/** @typedef {{ place: Place, group: number, guessed?: "place" | "name" }} Placed  `guessed` "place": the group counts for nothing. */
/** A face over the picture: pixels of its unit, which is `tall` times as high as wide, and of its origin. @typedef {{ scale: number, tall: number, x: number, y: number, weight: number }} Face */

/**
 * The group for a landmark at `place`, from the landmarks that are placed and the box of the face or the picture. A brow is
 * proposed only beside an eye, because the first landmarks are rarely brows.
 * @param {Place} place
 * @param {Placed[]} placed
 * @param {Box} box
 * @returns {number}
 */
export function proposeGroup(place, placed, box) {
  const usual = usualPlaces();
  const known = placed.slice(-MOST).map(({ place: at, group, guessed }) => ({ at, group: guessed === "place" ? null : group }));
  const eyes = placed.filter(({ group }) => EYES.includes(group));
  const often = usual.map((_, group) => (eyes.some(({ guessed }) => guessed !== "place") ? 1 : (OFTEN[group] ?? 1)));
  if (!eyes.length) for (const group of BROWS) often[group] = 0;
  const total = usual.map(() => 0);
  for (const face of facesOver(known.slice(-ANCHORS).map(({ at }) => at), usual.flat(), box)) {
    const explained = known.reduce((product, { at, group }) => {
      const shares = sharesAt(unit(face, at), usual, often);
      return product * (STRAY + (group === null ? sum(shares) : near(unit(face, at), usual[group])));
    }, face.weight);
    /** @type {(group: number) => Place[]} */
    const own = (group) => known.filter((other) => other.group === group).map(({ at }) => unit(face, at));
    const shares = sharesAt(unit(face, place), usual.map((points, group) => [...points, ...own(group)]), often);
    shares.forEach((share, group) => (total[group] += explained * (share + 1e-9)));
  }
  return total.indexOf(Math.max(...total));
}

/**
 * The groups for many landmarks at `places`, all at once, from those that are named and the box of the picture: those of
 * the one face that fits best. It is near the places, and they cover it.
 * @param {Place[]} places
 * @param {Placed[]} named
 * @param {Box} box
 * @returns {number[]}
 */
export function proposeGroups(places, named, box) {
  const usual = usualPlaces();
  const often = usual.map(() => 1);
  const all = [...named.map(({ place, group }) => ({ at: place, group })), ...places.map((at) => ({ at, group: null }))];
  const known = spread(all, MOST_OF_MANY);
  /** @type {(face: Face) => number} */
  const fit = (face) => {
    const points = known.map(({ at, group }) => ({ at: unit(face, at), group }));
    const explained = points.map(({ at, group }) => (group === null ? sum(sharesAt(at, usual, often)) : near(at, usual[group])));
    const covered = usual.flat().map((at) => near(at, points.map((point) => point.at), COVERED_NEAR));
    return (
      Math.log(face.weight) +
      sum(explained.map((share) => Math.log(STRAY_OF_MANY + share))) +
      sum(covered.map((share) => Math.log(UNCOVERED + share)))
    );
  };
  const [best] = facesOver(spread(known, ANCHORS_OF_MANY).map(({ at }) => at), usual.flat(), box)
    .map((face) => ({ face, value: fit(face) }))
    .sort((one, other) => other.value - one.value)
    .slice(0, REFINED)
    .map(({ face, value }) => refined(face, value, fit))
    .sort((one, other) => other.value - one.value);
  return places.map((place) => {
    const shares = sharesAt(unit(best.face, place), usual, often);
    return shares.indexOf(Math.max(...shares));
  });
}

/**
 * The face near `face` that fits best, moved and stretched, and how well it fits.
 * @param {Face} face
 * @param {number} value
 * @param {(face: Face) => number} fit
 */
function refined(face, value, fit) {
  for (let step = COARSE; step > FINE; ) {
    const { scale, x, y, tall } = face;
    const around = [
      ...[step, -step].flatMap((by) => [
        { ...face, x: x + by * scale },
        { ...face, y: y + by * scale },
      ]),
      ...[1 + step, 1 / (1 + step)].flatMap((by) => [
        { ...face, scale: scale * by, x: x + (scale * (1 - by)) / 2, y: y + (scale * tall * (1 - by)) / 2 },
        { ...face, tall: tall * by, y: y + (scale * tall * (1 - by)) / 2 },
      ]),
    ].filter((other) => other.tall >= 1 / TALLEST && other.tall <= TALLEST);
    const values = around.map(fit);
    const most = Math.max(...values);
    if (most > value) {
      face = around[values.indexOf(most)];
      value = most;
    } else step /= 2;
  }
  return { face, value };
}

/**
 * At most `count` of `all`, evenly spread.
 * @template T
 * @param {T[]} all
 * @param {number} count
 */
const spread = (all, count) => (all.length <= count ? all : Array.from({ length: count }, (_, k) => all[Math.floor((k * all.length) / count)]));

/**
 * Faces of every size with one of `anchors` at one of the usual places, weighted by their size and place on the picture;
 * without anchors, the face that fills it.
 * @param {Place[]} anchors
 * @param {Place[]} usual
 * @param {Box} box
 * @returns {Face[]}
 */
function facesOver(anchors, usual, [left, top, width, height]) {
  const largest = Math.min(width / BOX[2], height / BOX[3]);
  /** @type {(scale: number) => Place} */
  const inTheMiddle = (scale) => [left + width / 2 - (BOX[0] + BOX[2] / 2) * scale, top + height / 2 - (BOX[1] + BOX[3] / 2) * scale];
  if (!anchors.length) {
    const [x, y] = inTheMiddle(largest);
    return [{ scale: largest, tall: 1, x, y, weight: 1 }];
  }
  return SIZES.flatMap((size) => {
    const scale = size * largest;
    const unusual = (Math.log(size / USUAL_SIZE) / SIZE_SPREAD) ** 2;
    /** @type {(whole: number, part: number) => number} */
    const reach = (whole, part) => FREE * Math.max(whole - part * scale, 0) + OWN * scale;
    return anchors.flatMap((anchor) =>
      usual.map((at) => {
        const [x, y] = [anchor[0] - at[0] * scale, anchor[1] - at[1] * scale];
        const [usualX, usualY] = inTheMiddle(scale);
        const away = ((x - usualX) / reach(width, BOX[2])) ** 2 + ((y - usualY) / reach(height, BOX[3])) ** 2;
        return { scale, tall: 1, x, y, weight: Math.exp(-(unusual + away) / 2) + UNUSUAL };
      }),
    );
  });
}

/**
 * A place of the picture in the unit square of a face.
 * @param {Face} face
 * @param {Place} place
 * @returns {Place}
 */
const unit = ({ scale, tall, x, y }, place) => [(place[0] - x) / scale, (place[1] - y) / (scale * tall)];

/**
 * How well each group explains a landmark at `place` of the unit square.
 * @param {Place} place
 * @param {Place[][]} usual
 * @param {number[]} often
 */
function sharesAt(place, usual, often) {
  const outer = outsideGroup(place);
  if (outer === null) return usual.map((points, group) => often[group] * near(place, points));
  return usual.map((_, group) => (group === outer ? OFTEN_OUTSIDE : 0));
}

/**
 * The group of a place outside of the face: the nearest part of its contour. On the middle line above the face it is the
 * nose, the only upper group that is its own mirror image. Null on the face.
 * @param {Place} place
 */
function outsideGroup([x, y]) {
  const [across, down] = [(x - OUTLINE.x) / OUTLINE.rx, (y - OUTLINE.y) / OUTLINE.ry];
  if (Math.hypot(across, down) < OUTSIDE) return null;
  const middle = Math.abs(across) < 0.12;
  if (down < 0.35) return middle ? NOSE : across < 0 ? 0 : 4;
  return Math.abs(across) < 0.45 ? 2 : across < 0 ? 1 : 3;
}

/**
 * @param {Place} place
 * @param {Place[]} points
 * @param {number} [distance]
 */
function near([x, y], points, distance = NEAR) {
  let least = Infinity;
  for (const [px, py] of points) least = Math.min(least, (px - x) ** 2 + (py - y) ** 2);
  return Math.exp(-least / (2 * distance ** 2));
}

/** @param {number[]} numbers */
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);
