// A draft after another version was saved meanwhile: what the other version changed and the draft did not is taken over.

import { setMirror, withIds } from "./draft.js";

/** @import { Draft, Landmark } from "../shell/types.js" */

/**
 * The draft with the changes from `base`, the version that it began with, to `theirs`, the newest. Where both changed the same,
 * the draft counts. A new landmark of the draft that has the name of one of theirs becomes that one, with its labels.
 * @param {Draft} draft
 * @param {Draft} base
 * @param {Draft} theirs
 * @returns {Draft}
 */
export function merged(draft, base, theirs) {
  const [before, now] = [byId(base), byId(theirs)];
  const came = theirs.landmarks.filter(({ id }) => !before.has(id));
  const ours = withKnownIds(draft, came);
  const own = byId(ours);
  /** @param {Landmark} landmark */
  const kept = ({ id, name, group }) => {
    const old = before.get(id);
    return now.has(id) || !old || old.name !== name || old.group !== group;
  };
  /** @param {Landmark} landmark */
  const updated = (landmark) => {
    const [old, other] = [before.get(landmark.id), now.get(landmark.id)];
    if (!old || !other) return landmark;
    const name = landmark.name === old.name ? other.name : landmark.name;
    return { ...landmark, name, group: landmark.group === old.group ? other.group : landmark.group };
  };
  const more = came.filter(({ id }) => !own.has(id));
  const landmarks = [...ours.landmarks.filter(kept).map(updated), ...more.map((landmark) => ({ ...landmark, mirror: null }))];
  const ids = new Set(landmarks.map(({ id }) => id));
  /** @param {string} id */
  const has = (id) => ids.has(id);
  /** @type {<Key extends "name" | "edges" | "normalizer" | "symmetric">(key: Key) => Draft[Key]} */
  const choice = (key) => (JSON.stringify(draft[key]) === JSON.stringify(base[key]) ? theirs[key] : ours[key]);
  const places = ours.picture === theirs.picture ? { ...theirs.places, ...ours.places } : ours.places;
  const normalizer = choice("normalizer");
  /** @type {Draft} */
  const whole = {
    ...ours,
    name: choice("name"),
    category: theirs.category,
    landmarks: landmarks.map((landmark) => (landmark.mirror && !has(landmark.mirror) ? { ...landmark, mirror: null } : landmark)),
    edges: choice("edges").filter((edge) => edge.every(has)),
    normalizer: normalizer?.every((end) => end.every(has)) ? normalizer : null,
    symmetric: choice("symmetric"),
    places: Object.fromEntries(Object.entries(places).filter(([id]) => has(id))),
  };
  return theirs.landmarks.reduce((result, { id, mirror }) => withTheirPair(result, { id, mirror, base, own }), whole);
}

/**
 * Takes over a mirror pair that they changed and the draft did not.
 * @param {Draft} draft
 * @param {{ id: string, mirror: string | null, base: Draft, own: Map<string, Landmark> }} theirs
 */
function withTheirPair(draft, { id, mirror, base, own }) {
  const now = byId(draft);
  const was = byId(base).get(id)?.mirror ?? null;
  const changedHere = own.has(id) && (own.get(id)?.mirror ?? null) !== was;
  if (!now.has(id) || mirror === was || changedHere) return draft;
  if (mirror === null) return setMirror(draft, id, null);
  return now.has(mirror) && !now.get(mirror)?.mirror ? setMirror(draft, id, mirror) : draft;
}

/**
 * The draft whose new landmarks have the ids of `known` landmarks with the same names.
 * @param {Draft} draft
 * @param {Landmark[]} known
 * @returns {Draft}
 */
function withKnownIds(draft, known) {
  const ids = new Map(known.map(({ id, name }) => [name, id]));
  const fresh = draft.landmarks.filter(({ id, name }) => id.startsWith("new") && ids.has(name));
  return withIds(draft, new Map(fresh.map(({ id, name }) => [id, ids.get(name) ?? id])));
}

/** @param {Draft} draft */
const byId = ({ landmarks }) => new Map(landmarks.map((landmark) => [landmark.id, landmark]));
