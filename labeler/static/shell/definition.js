// A landmark definition as the pages use it: landmarks by stable id, groups by number, edges by id.

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

// Found by search: any two of these, and the orange that marks doubt, are at least 20 apart in CIELAB to normal,
// protan, deutan and tritan eyes (measured by tests/labeler/static/test_definition.py). The most vivid ones went to the groups that small definitions use.
export const COLOURS = [
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

export function groupTitle(group) {
  const words = GROUPS[group].replaceAll("_", " ");
  return words[0].toUpperCase() + words.slice(1);
}

/** COCO category -> {name, landmarks: [{id, name, group, mirror}], edges: [[id, id]], normalizer, category}.
 * A landmark without an id of the project yet gets one that starts with "new". */
export function fromCategory(category) {
  if (!category) return null;
  const names = category.keypoints;
  const ids = names.map((_, k) => category.landmark_ids?.[k] ?? `new${k}`);
  const landmarks = names.map((name, k) => ({ id: String(ids[k]), name, group: 0, mirror: null }));
  for (const [group, members] of Object.entries(category.flsg ?? {})) {
    for (const k of members) landmarks[k].group = GROUPS.indexOf(group);
  }
  for (const [a, b] of category.flip_pairs ?? []) {
    landmarks[a].mirror = landmarks[b].id;
    landmarks[b].mirror = landmarks[a].id;
  }
  const edges = (category.skeleton ?? []).map(([a, b]) => [landmarks[a - 1].id, landmarks[b - 1].id]);
  return { name: category.name, landmarks, edges, normalizer: normalizerIds(category.normalizer, landmarks), category };
}

function normalizerIds(normalizer, landmarks) {
  if (!Array.isArray(normalizer)) return null;
  return normalizer.map((end) => [end].flat().map((k) => landmarks[k].id));
}

/** The inverse of `fromCategory`. An id that starts with "new" is one the server has yet to give: null. */
export function toCategory(definition) {
  const index = new Map(definition.landmarks.map((landmark, k) => [landmark.id, k]));
  const flsg = {};
  definition.landmarks.forEach((landmark, k) => (flsg[GROUPS[landmark.group]] ??= []).push(k));
  const pairs = definition.landmarks.flatMap((landmark, k) => {
    const other = index.get(landmark.mirror);
    return other !== undefined && k < other ? [[k, other]] : [];
  });
  const ends = definition.normalizer?.map((end) => end.map((id) => index.get(id)).filter((k) => k !== undefined));
  let normalizer = "box";
  if (ends?.every((end) => end.length)) normalizer = ends.every((end) => end.length === 1) ? ends.flat() : ends;
  return {
    ...definition.category,
    name: definition.name,
    keypoints: definition.landmarks.map((landmark) => landmark.name),
    landmark_ids: definition.landmarks.map((landmark) => (landmark.id.startsWith("new") ? null : Number(landmark.id))),
    flsg,
    flip_pairs: pairs,
    skeleton: definition.edges.map(([a, b]) => [index.get(a) + 1, index.get(b) + 1]),
    normalizer,
  };
}
