// A landmark definition while it is being edited. Every operation gives a new draft, so that undo is a list of drafts.

import { fromCategory, GROUPS, toCategory } from "../shell/definition.js";
import { groupOfName, partnerName } from "./landmark_names.js";

/** @import { Category, Draft, Landmark, Place, Reference } from "../shell/types.js" */

/** @returns {Draft} */
export function emptyDraft() {
  return { name: "face", landmarks: [], edges: [], normalizer: null, symmetric: false, category: {}, places: {}, picture: null };
}

/**
 * The draft of a category and its reference picture.
 * @param {Category | null} category
 * @param {Reference | null} [reference]
 * @returns {Draft}
 */
export function draftOf(category, reference = null) {
  if (!category) return emptyDraft();
  return { ...fromCategory(category), places: { ...reference?.points }, picture: reference?.picture ?? null };
}

/**
 * What the server takes: a category, and the reference picture's points by id, or by "#index" for new landmarks.
 * @param {Draft} draft
 */
export function toSave(draft) {
  /** @type {Record<string, Place>} */
  const points = {};
  draft.landmarks.forEach(({ id }, k) => {
    if (draft.places[id]) points[isNew(id) ? `#${k}` : id] = draft.places[id];
  });
  const { picture } = draft;
  const reference = picture && Object.keys(points).length ? { picture, points } : null;
  return { category: toCategory(draft), reference };
}

/** @param {string} id */
const isNew = (id) => id.startsWith("new");
/** @param {string} id */
const numberOf = (id) => Number(id.slice(3));

/** @param {Draft} draft */
function freshId({ landmarks }) {
  const numbers = landmarks.filter(({ id }) => isNew(id)).map(({ id }) => numberOf(id));
  return `new${Math.max(-1, ...numbers) + 1}`;
}

/**
 * @param {Draft} draft
 * @param {number} group
 */
function freshName(draft, group) {
  const title = GROUPS[group];
  const side = title.match(/left|right/)?.[0];
  const stem = title.replace(/_(left|right)(?=_)|^(left|right)_/, "");
  const taken = new Set(draft.landmarks.map(({ name }) => name));
  for (let k = 1; ; k++) {
    const name = [stem, k, side].filter(Boolean).join("_");
    if (!taken.has(name)) return name;
  }
}

/**
 * Adds a landmark with a new name.
 * @param {Draft} draft
 * @param {number} group
 * @param {Place} [place]
 * @returns {{ draft: Draft, id: string }}
 */
export function addLandmark(draft, group, place) {
  const id = freshId(draft);
  const landmark = { id, name: freshName(draft, group), group, mirror: null, guessed: /** @type {const} */ ("place") };
  const grown = {
    ...draft,
    landmarks: [...draft.landmarks, landmark],
    places: place ? { ...draft.places, [id]: place } : draft.places,
  };
  return { draft: pairByName(grown, id), id };
}

/**
 * @param {Draft} draft
 * @param {string} id
 * @param {Partial<Landmark>} changes
 * @returns {Draft}
 */
const change = (draft, id, changes) => ({
  ...draft,
  landmarks: draft.landmarks.map((landmark) => (landmark.id === id ? { ...landmark, ...changes } : landmark)),
});

/**
 * While the group is only proposed, the name may determine it. A pair that the former name made is proposed again.
 * @param {Draft} draft
 * @param {string} id
 * @param {string} name
 * @returns {Draft}
 */
export function rename(draft, id, name) {
  const landmark = draft.landmarks.find((other) => other.id === id);
  if (!landmark || landmark.name === name) return draft;
  const group = landmark.guessed ? groupOfName(name) : -1;
  const renamed = change(draft, id, group < 0 ? { name } : { name, group, guessed: "name" });
  return pairByName(landmark.pairedByName ? setMirror(renamed, id, null) : renamed, id);
}

/**
 * @param {Draft} draft
 * @param {string} id
 * @param {number} group
 * @returns {Draft}
 */
export function setGroup(draft, id, group) {
  return change(draft, id, { group, guessed: undefined });
}

/**
 * Pairs nose_left with nose_right, where neither has a partner that a person chose.
 * @param {Draft} draft
 * @param {string} id
 * @returns {Draft}
 */
function pairByName(draft, id) {
  const landmark = draft.landmarks.find((other) => other.id === id);
  const wanted = landmark && partnerName(landmark.name);
  const other = draft.landmarks.find(({ name }) => name === wanted);
  /** @param {Landmark} one */
  const free = ({ mirror, pairedByName }) => !mirror || pairedByName;
  if (!landmark || !other || !free(landmark) || !free(other)) return draft;
  const paired = setMirror(draft, id, other.id);
  return change(change(paired, id, { pairedByName: true }), other.id, { pairedByName: true });
}

/**
 * Pairs `id` with `other` (null: on the midline). Former partners of both have no partner then. With a pair, the
 * definition is not symmetric in itself.
 * @param {Draft} draft
 * @param {string} id
 * @param {string | null} other
 * @returns {Draft}
 */
export function setMirror(draft, id, other) {
  const involved = new Set([id, ...(other === null ? [] : [other])]);
  const landmarks = draft.landmarks.map((landmark) => {
    if (landmark.id === id) return { ...landmark, mirror: other, pairedByName: false };
    if (landmark.id === other) return { ...landmark, mirror: id, pairedByName: false };
    return landmark.mirror !== null && involved.has(landmark.mirror) ? { ...landmark, mirror: null } : landmark;
  });
  return { ...draft, landmarks, symmetric: draft.symmetric && other === null };
}

/**
 * Declares that every landmark lies on the middle line, or takes that back.
 * @param {Draft} draft
 * @param {boolean} symmetric
 * @returns {Draft}
 */
export function setSymmetric(draft, symmetric) {
  return { ...draft, symmetric };
}

/**
 * Pairs two landmarks, or separates them.
 * @param {Draft} draft
 * @param {string} a
 * @param {string} b
 * @returns {Draft}
 */
export function togglePair(draft, a, b) {
  const paired = draft.landmarks.some(({ id, mirror }) => id === a && mirror === b);
  return setMirror(draft, a, paired ? null : b);
}

/**
 * @param {Draft} draft
 * @param {string} id
 * @returns {Draft}
 */
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

/**
 * Puts a landmark at `index` of the order.
 * @param {Draft} draft
 * @param {string} id
 * @param {number} index
 * @returns {Draft}
 */
export function moveTo(draft, id, index) {
  const from = draft.landmarks.findIndex((landmark) => landmark.id === id);
  const landmarks = draft.landmarks.filter((landmark) => landmark.id !== id);
  const to = Math.min(Math.max(index, 0), landmarks.length);
  if (from < 0 || from === to) return draft;
  return { ...draft, landmarks: landmarks.toSpliced(to, 0, draft.landmarks[from]) };
}

/**
 * Restores a deleted landmark, with its labels; at the end of the order, without a partner.
 * @param {Draft} draft
 * @param {Landmark} landmark
 * @param {Place} [place]
 * @returns {Draft}
 */
export function restore(draft, { id, name, group }, place) {
  if (draft.landmarks.some((landmark) => landmark.id === id)) return draft;
  return {
    ...draft,
    landmarks: [...draft.landmarks, { id, name, group, mirror: null }],
    places: place ? { ...draft.places, [id]: place } : draft.places,
  };
}

/**
 * Gives the landmarks of a draft the ids of known landmarks with the same names, so that an import or a template
 * keeps the labels. Where a name occurs twice, the first one counts.
 * @param {Draft} draft
 * @param {Pick<Landmark, "id" | "name">[]} known
 * @returns {Draft}
 */
export function adoptIds(draft, known) {
  const byName = new Map([...known].reverse().map(({ id, name }) => [name, id]));
  /** @type {Map<string, string>} */
  const ids = new Map();
  /** @type {Set<string>} */
  const taken = new Set();
  for (const { id, name } of draft.landmarks) {
    const own = byName.get(name);
    if (own === undefined || taken.has(own)) continue;
    taken.add(own);
    ids.set(id, own);
  }
  // New landmarks get new numbers, because an adopted id may be one of a new landmark too.
  let fresh = Math.max(-1, ...[...taken].filter(isNew).map(numberOf)) + 1;
  for (const { id } of draft.landmarks) if (!ids.has(id)) ids.set(id, `new${fresh++}`);
  return withIds(draft, ids);
}

/**
 * The draft with other ids of landmarks, where `ids` names one.
 * @param {Draft} draft
 * @param {Map<string, string>} ids
 * @returns {Draft}
 */
export function withIds(draft, ids) {
  /** @param {string} id */
  const own = (id) => ids.get(id) ?? id;
  return {
    ...draft,
    landmarks: draft.landmarks.map((one) => ({ ...one, id: own(one.id), mirror: one.mirror && own(one.mirror) })),
    edges: draft.edges.map(([a, b]) => [own(a), own(b)]),
    normalizer: draft.normalizer?.map((end) => end.map(own)) ?? null,
    places: Object.fromEntries(Object.entries(draft.places).map(([id, place]) => [own(id), place])),
  };
}

/**
 * @param {Draft} draft
 * @param {string} id
 * @param {Place} place
 * @returns {Draft}
 */
export function setPlace(draft, id, place) {
  return { ...draft, places: { ...draft.places, [id]: place } };
}

/**
 * Adds the edge between two landmarks, or removes it.
 * @param {Draft} draft
 * @param {string} a
 * @param {string} b
 * @returns {Draft}
 */
export function toggleEdge(draft, a, b) {
  /** @param {[string, string]} edge */
  const isIt = ([from, to]) => (from === a && to === b) || (from === b && to === a);
  /** @type {[string, string][]} */
  const edges = draft.edges.some(isIt) ? draft.edges.filter((edge) => !isIt(edge)) : [...draft.edges, [a, b]];
  return { ...draft, edges };
}

/**
 * `ends`: two sets of landmark ids, whose means span the length; null: the box.
 * @param {Draft} draft
 * @param {string[][] | null} ends
 * @returns {Draft}
 */
export function setNormalizer(draft, ends) {
  return { ...draft, normalizer: ends };
}
