// A landmark definition while it is being edited: every operation gives a new draft, so that undo is a list of drafts.
// A draft is {name, landmarks: [{id, name, group, mirror, guessed?}], edges, normalizer, category,
// places: {id: [x, y]}, picture}; `guessed`: nobody has said the group yet; `places` are pixels of the picture `picture`.

import { fromCategory, GROUPS, toCategory } from "../shell/definition.js";

const OPPOSITE = { left: "right", right: "left" };

export function emptyDraft() {
  return { name: "face", landmarks: [], edges: [], normalizer: null, category: {}, places: {}, picture: null };
}

/** The draft of a category; `reference` is {picture, points: {id: [x, y]}} or null. */
export function draftOf(category, reference = null) {
  if (!category) return emptyDraft();
  return { ...fromCategory(category), places: { ...reference?.points }, picture: reference?.picture ?? null };
}

/** What the server takes: a category, and the reference picture's points under ids or, for new landmarks, "#index". */
export function toSave(draft) {
  const points = {};
  draft.landmarks.forEach(({ id }, k) => {
    if (draft.places[id]) points[isNew(id) ? `#${k}` : id] = draft.places[id];
  });
  const { picture } = draft;
  const reference = picture && Object.keys(points).length ? { picture, points } : null;
  return { category: toCategory(draft), reference };
}

const isNew = (id) => id.startsWith("new");
const numberOf = (id) => Number(id.slice(3));

function freshId({ landmarks }) {
  const numbers = landmarks.filter(({ id }) => isNew(id)).map(({ id }) => numberOf(id));
  return `new${Math.max(-1, ...numbers) + 1}`;
}

/** "left", "right" or null: the one side word at the end of a paired landmark's name. */
export function sideOf(name) {
  return name.match(/_(left|right)$/)?.[1] ?? null;
}

export function partnerName(name) {
  const side = sideOf(name);
  return side && name.slice(0, -side.length) + OPPOSITE[side];
}

function freshName(draft, group) {
  const [side, part] = GROUPS[group].match(/^(left|right)_(.+)$/)?.slice(1) ?? [
    null,
    GROUPS[group].replace(/_?(left|right)_?/, "_"),
  ];
  const word = side ?? sideOf(GROUPS[group].replace(/_contour$/, ""));
  const stem = part.replaceAll("__", "_");
  const taken = new Set(draft.landmarks.map(({ name }) => name));
  for (let k = 1; ; k++) {
    const name = [stem, k, word].filter(Boolean).join("_");
    if (!taken.has(name)) return name;
  }
}

export function addLandmark(draft, group, place) {
  const id = freshId(draft);
  const landmark = { id, name: freshName(draft, group), group, mirror: null, guessed: true };
  const grown = {
    ...draft,
    landmarks: [...draft.landmarks, landmark],
    places: place ? { ...draft.places, [id]: place } : draft.places,
  };
  return { draft: pairByName(grown, id), id };
}

const change = (draft, id, changes) => ({
  ...draft,
  landmarks: draft.landmarks.map((landmark) => (landmark.id === id ? { ...landmark, ...changes } : landmark)),
});

/** A name may tell the group, as long as that is only guessed from the place. */
export function rename(draft, id, name) {
  const { guessed } = draft.landmarks.find((landmark) => landmark.id === id);
  const group = guessed ? groupOfName(name) : -1;
  return pairByName(change(draft, id, group < 0 ? { name } : { name, group }), id);
}

/** The group that a name like `eye_outer_left` or `lip_top` speaks of, or -1. */
export function groupOfName(name) {
  const side = sideOf(name) ?? name.match(/^(left|right)_/)?.[1];
  if (/brow/.test(name)) return GROUPS.indexOf(`${side}_brow`);
  if (/eye/.test(name)) return GROUPS.indexOf(`${side}_eye`);
  if (/nose|nostril/.test(name)) return GROUPS.indexOf("nose");
  if (/mouth|lip/.test(name)) return GROUPS.indexOf(/bottom|lower/.test(name) ? "bottom_mouth" : "top_mouth");
  return /jaw|chin/.test(name) ? GROUPS.indexOf("jaw") : -1;
}

export function setGroup(draft, id, group) {
  return change(draft, id, { group, guessed: false });
}

// nose_left finds nose_right by itself, as long as neither has a partner.
function pairByName(draft, id) {
  const landmark = draft.landmarks.find((other) => other.id === id);
  const other = draft.landmarks.find(({ name }) => name === partnerName(landmark.name));
  return other && !other.mirror && !landmark.mirror ? setMirror(draft, id, other.id) : draft;
}

/** Pair `id` with `other` (null: on the midline). A partner either had before is set free. */
export function setMirror(draft, id, other) {
  const involved = new Set([id, other]);
  const landmarks = draft.landmarks.map((landmark) => {
    if (landmark.id === id) return { ...landmark, mirror: other };
    if (landmark.id === other) return { ...landmark, mirror: id };
    return involved.has(landmark.mirror) ? { ...landmark, mirror: null } : landmark;
  });
  return { ...draft, landmarks };
}

/** Make partners of two landmarks, or part them. */
export function togglePair(draft, a, b) {
  const paired = draft.landmarks.find(({ id }) => id === a).mirror === b;
  return setMirror(draft, a, paired ? null : b);
}

export function remove(draft, id) {
  const { [id]: _, ...places } = draft.places;
  const normalizer = draft.normalizer?.map((end) => end.filter((key) => key !== id));
  return {
    ...draft,
    places,
    landmarks: draft.landmarks
      .filter((landmark) => landmark.id !== id)
      .map((landmark) => (landmark.mirror === id ? { ...landmark, mirror: null } : landmark)),
    edges: draft.edges.filter((edge) => !edge.includes(id)),
    normalizer: normalizer?.every((end) => end.length) ? normalizer : null,
  };
}

/** Put a landmark at `index` of the order. */
export function moveTo(draft, id, index) {
  const from = draft.landmarks.findIndex((landmark) => landmark.id === id);
  const landmarks = draft.landmarks.filter((landmark) => landmark.id !== id);
  const to = Math.min(Math.max(index, 0), landmarks.length);
  if (from < 0 || from === to) return draft;
  return { ...draft, landmarks: landmarks.toSpliced(to, 0, draft.landmarks[from]) };
}

/** Bring back a landmark {id, name, group} that was deleted, with its labels; at the end, unpaired. */
export function restore(draft, { id, name, group }, place) {
  if (draft.landmarks.some((landmark) => landmark.id === id)) return draft;
  return {
    ...draft,
    landmarks: [...draft.landmarks, { id, name, group, mirror: null }],
    places: place ? { ...draft.places, [id]: place } : draft.places,
  };
}

/**
 * `draft` with the ids of the landmarks in `known` [{id, name}] that have the same names: what is imported or started
 * from a template keeps the labels there are. The first of a name counts.
 */
export function adoptIds(draft, known) {
  const byName = new Map([...known].reverse().map(({ id, name }) => [name, id]));
  const ids = new Map();
  const taken = new Set();
  for (const { id, name } of draft.landmarks) {
    const own = byName.get(name);
    if (own === undefined || taken.has(own)) continue;
    taken.add(own);
    ids.set(id, own);
  }
  // New landmarks are numbered again: an adopted id may itself be a new one's.
  let fresh = Math.max(-1, ...[...taken].filter(isNew).map(numberOf)) + 1;
  for (const { id } of draft.landmarks) if (!ids.has(id)) ids.set(id, `new${fresh++}`);
  const own = (id) => (id === null ? null : ids.get(id));
  return {
    ...draft,
    landmarks: draft.landmarks.map((landmark) => ({ ...landmark, id: own(landmark.id), mirror: own(landmark.mirror) })),
    edges: draft.edges.map((edge) => edge.map(own)),
    normalizer: draft.normalizer?.map((end) => end.map(own)) ?? null,
    places: Object.fromEntries(Object.entries(draft.places).map(([id, place]) => [own(id), place])),
  };
}

export function setPlace(draft, id, place) {
  return { ...draft, places: { ...draft.places, [id]: place } };
}

/** Draw the edge between two landmarks, or take it away. */
export function toggleEdge(draft, a, b) {
  const isIt = ([from, to]) => (from === a && to === b) || (from === b && to === a);
  const edges = draft.edges.some(isIt) ? draft.edges.filter((edge) => !isIt(edge)) : [...draft.edges, [a, b]];
  return { ...draft, edges };
}

/** `ends`: two lists of landmark ids, whose middles span the length; null for the box. */
export function setNormalizer(draft, ends) {
  return { ...draft, normalizer: ends };
}
