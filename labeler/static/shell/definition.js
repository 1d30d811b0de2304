// A landmark definition as the pages use it: landmarks by stable id, groups by number, edges by id.

/** @import { Category, Definition, Landmark } from "./types.js" */

export const GROUPS = [
  "upper_left_contour",
  "lower_left_contour",
  "jaw",
  "lower_right_contour",
  "upper_right_contour",
  "left_eye",
  "right_eye",
  "left_brow",
  "right_brow",
  "nose",
  "top_mouth",
  "bottom_mouth",
];

// Found by search: any two of these colors, and the orange of doubtful points, are at least 20 apart in CIELAB for normal,
// protan, deutan and tritan vision (tests/labeler/static/test_definition.py). The groups of small definitions have the most
// vivid ones.
export const COLORS = [
  "#eeeeff",
  "#99bb88",
  "#775533",
  "#666677",
  "#993399",
  "#11ff77",
  "#ff00dd",
  "#bbffcc",
  "#cc99aa",
  "#11aaff",
  "#ee4422",
  "#8822ee",
];
export const DOUBT = "#ff8c00";

/**
 * "Left eye": the title of a group.
 * @param {number} group
 */
export function groupTitle(group) {
  const words = GROUPS[group].replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

/**
 * A COCO category as a definition. A landmark that the project does not know yet gets an id that starts with "new".
 * @param {Category} category
 * @returns {Definition}
 */
export function fromCategory(category) {
  const names = category.keypoints;
  const ids = names.map((_, k) => category.landmark_ids?.[k] ?? `new${k}`);
  /** @type {Landmark[]} */
  const landmarks = names.map((name, k) => ({ id: String(ids[k]), name, group: 0, mirror: null }));
  for (const [group, members] of Object.entries(category.flsg ?? {})) {
    for (const k of members) landmarks[k].group = GROUPS.indexOf(group);
  }
  for (const [a, b] of category.flip_pairs ?? []) {
    landmarks[a].mirror = landmarks[b].id;
    landmarks[b].mirror = landmarks[a].id;
  }
  /** @type {[string, string][]} */
  const edges = (category.skeleton ?? []).map(([a, b]) => [landmarks[a - 1].id, landmarks[b - 1].id]);
  const normalizer = normalizerIds(category.normalizer, landmarks);
  const symmetric = Boolean(category.symmetric) && !category.flip_pairs?.length;
  return { name: category.name, landmarks, edges, normalizer, symmetric, category };
}

/**
 * @param {Category["normalizer"]} normalizer
 * @param {Landmark[]} landmarks
 * @returns {string[][] | null}
 */
function normalizerIds(normalizer, landmarks) {
  if (!Array.isArray(normalizer)) return null;
  return normalizer.map((end) => [end].flat().map((k) => landmarks[k].id));
}

/**
 * The inverse of `fromCategory`. An id that starts with "new" becomes null: the server gives the id.
 * @param {Definition} definition
 * @returns {Category & Required<Pick<Category, "landmark_ids" | "flsg">>}
 */
export function toCategory(definition) {
  const index = new Map(definition.landmarks.map((landmark, k) => [landmark.id, k]));
  /** @type {Record<string, number[]>} */
  const flsg = {};
  definition.landmarks.forEach((landmark, k) => (flsg[GROUPS[landmark.group]] ??= []).push(k));
  /** @type {[number, number][]} */
  const pairs = [];
  definition.landmarks.forEach(({ mirror }, k) => {
    const other = mirror === null ? undefined : index.get(mirror);
    if (other !== undefined && k < other) pairs.push([k, other]);
  });
  /** @param {string} id */
  const place = (id) => index.get(id) ?? NaN;
  const ends = definition.normalizer?.map((end) => end.filter((id) => index.has(id)).map(place));
  /** @type {Category["normalizer"]} */
  let normalizer = "box";
  if (ends?.every((end) => end.length)) normalizer = ends.every((end) => end.length === 1) ? ends.flat() : ends;
  const { symmetric: _, ...rest } = definition.category;
  return {
    ...rest,
    name: definition.name,
    keypoints: definition.landmarks.map((landmark) => landmark.name),
    landmark_ids: definition.landmarks.map((landmark) => (landmark.id.startsWith("new") ? null : Number(landmark.id))),
    flsg,
    flip_pairs: pairs,
    ...(definition.symmetric ? { symmetric: true } : {}),
    skeleton: definition.edges.map(([a, b]) => [place(a) + 1, place(b) + 1]),
    normalizer,
  };
}
