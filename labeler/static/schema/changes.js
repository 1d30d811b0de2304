// The differences between two versions of a definition, in words, and the effect of each on the existing labels.

import { groupTitle } from "../shell/definition.js";

/** @import { Definition, Effect, Landmark } from "../shell/types.js" */

const SHOWN = 8;

/**
 * `items`: the single changes in words; `landmarks`: the ids concerned.
 * @typedef {{ kind: Kind, title: string, items: string[], landmarks: string[] }} Change
 */

/**
 * @typedef {"added" | "restored" | "deleted" | "renamed" | "regrouped" | "reordered" | "pairs" | "symmetric" | "edges" |
 *   "normalizer" | "title"} Kind
 */

/**
 * The changes from `before` (null: none yet) to `after`; none when they are the same. A new landmark whose id is in
 * `earlier`, the ids of all versions so far, is restored and not added.
 * @param {Definition | null} before
 * @param {Definition} after
 * @param {Set<string>} [earlier]
 * @returns {Change[]}
 */
export function changesBetween(before, after, earlier = new Set()) {
  const old = byId(before?.landmarks ?? []);
  const now = byId(after.landmarks);
  const both = after.landmarks.filter(({ id }) => old.has(id));
  /** @type {Change[]} */
  const found = [];
  /** @type {(kind: Kind, title: string, changed: Landmark[], word: (landmark: Landmark) => string) => void} */
  const add = (kind, title, changed, word) => {
    if (changed.length) found.push({ kind, title, items: changed.map(word), landmarks: changed.map(({ id }) => id) });
  };
  const came = after.landmarks.filter(({ id }) => !old.has(id));
  /** @param {Landmark} landmark */
  const words = ({ name }) => name;
  const gone = [...old.values()].filter(({ id }) => !now.has(id));
  add("added", "Added", came.filter(({ id }) => !earlier.has(id)), words);
  add("restored", "Restored", came.filter(({ id }) => earlier.has(id)), words);
  add("deleted", "Deleted", gone, words);
  add(
    "renamed",
    "Renamed",
    both.filter(({ id, name }) => old.get(id)?.name !== name),
    ({ id, name }) => `${old.get(id)?.name} → ${name}`,
  );
  add(
    "regrouped",
    "Regrouped",
    both.filter(({ id, group }) => old.get(id)?.group !== group),
    ({ name, group }) => `${name} → ${groupTitle(group)}`,
  );
  const place = new Map(after.landmarks.map(({ id }, k) => [id, k + 1]));
  add("reordered", "Reordered", moved([...old.keys()], both), ({ id, name }) => `${name} to place ${place.get(id)}`);
  if (!before) return found;
  // Pairs and edges of added and deleted landmarks are not listed again.
  /** @param {string[]} ids */
  const kept = (ids) => ids.every((id) => now.has(id) && old.has(id));
  /** @param {string} id */
  const nameOf = (id) => (now.get(id) ?? old.get(id))?.name ?? id;
  addSets(found, "pairs", "Mirror pairs", pairsOf(before).filter(kept), pairsOf(after).filter(kept), nameOf, " ↔ ");
  if (before.symmetric !== after.symmetric) {
    const item = `${after.symmetric ? "+" : "−"} every landmark lies on it`;
    found.push({ kind: "symmetric", title: "Middle line", items: [item], landmarks: [] });
  }
  addSets(found, "edges", "Edges", before.edges.filter(kept), after.edges.filter(kept), nameOf, " – ");
  const [was, is] = [before, after].map(({ normalizer }) => normalizerWords(normalizer, nameOf));
  if (was !== is) found.push({ kind: "normalizer", title: "Normalizer", items: [`${was} → ${is}`], landmarks: [] });
  if (before.name !== after.name)
    found.push({ kind: "title", title: "Name", items: [`${before.name} → ${after.name}`], landmarks: [] });
  return found;
}

/**
 * One line for a list of versions: "Renamed: eye → beak; Deleted: chin".
 * @param {Change[]} changes
 */
export function inWords(changes) {
  return changes.map((change) => `${change.title}: ${listed(change.items)}`).join("; ") || "Only the reference picture";
}

/**
 * @param {string[]} items
 * @param {number} [shown]
 */
export function listed(items, shown = SHOWN) {
  const rest = items.length - shown;
  return rest > 1 ? `${items.slice(0, shown).join(", ")} and ${rest} more` : items.join(", ");
}

/**
 * What a change does to the labels, in words.
 * @param {Pick<Change, "kind" | "landmarks">} change
 * @param {Effect} effect
 */
export function consequence({ kind, landmarks }, effect) {
  const labels = landmarks.reduce((sum, id) => sum + (effect.labels[id] ?? 0), 0);
  const stay = labels ? `${count(labels, "label")} ${labels === 1 ? "stays" : "stay"}` : "No label is concerned";
  const finished = effect.finished ? ` ${count(effect.finished, "face")} more will be complete.` : "";
  const unfinished = effect.unfinished
    ? `${count(effect.unfinished, "complete face")} will be unfinished until they have it.`
    : "No complete face becomes unfinished.";
  const back = labels ? `${count(labels, "label")} on ${count(effect.back, "face")} come back. ` : "";
  /** @type {Record<Kind, string>} */
  const says = {
    added: unfinished,
    restored: back + unfinished,
    deleted: labels
      ? `${count(labels, "label")} on ${count(effect.set_aside, "face")} are set aside, and come back when you restore the landmark.`
      : "It has no label.",
    renamed: `${stay}, under the new name.`,
    regrouped: `${stay}; the next training learns the new group.`,
    reordered: `${stay}; labeling and exports follow the new order.`,
    pairs: "Labels stay; the next training mirrors pictures with the new pairs, and without pairs not at all.",
    symmetric: "Labels stay; without pairs, the next training mirrors pictures only if every landmark lies on the middle line.",
    edges: "Labels stay; edges are drawn only.",
    normalizer: "Labels stay; new errors are measured in this length and do not compare with the old ones.",
    title: "Labels stay.",
  };
  return says[kind] + (kind === "deleted" ? finished : "");
}

/**
 * @param {number} number
 * @param {string} word
 */
const count = (number, word) => `${number} ${word}${number === 1 ? "" : "s"}`;

/**
 * @param {Change[]} found
 * @param {Kind} kind
 * @param {string} title
 * @param {string[][]} before
 * @param {string[][]} after
 * @param {(id: string) => string} nameOf
 * @param {string} sign
 */
function addSets(found, kind, title, before, after, nameOf, sign) {
  /** @param {string[]} ids */
  const key = (ids) => [...ids].sort().join("|");
  const [were, are] = [new Set(before.map(key)), new Set(after.map(key))];
  /** @param {string[]} ids */
  const word = (ids) => ids.map(nameOf).join(sign);
  const items = [
    ...after.filter((ids) => !were.has(key(ids))).map((ids) => `+ ${word(ids)}`),
    ...before.filter((ids) => !are.has(key(ids))).map((ids) => `− ${word(ids)}`),
  ];
  if (items.length) found.push({ kind, title, items, landmarks: [] });
}

/**
 * @param {Definition} definition
 * @returns {string[][]}
 */
function pairsOf({ landmarks }) {
  const places = new Map(landmarks.map(({ id }, k) => [id, k]));
  return landmarks.flatMap(({ id, mirror }, k) => (mirror !== null && k < (places.get(mirror) ?? -1) ? [[id, mirror]] : []));
}

/**
 * @param {string[][] | null} normalizer
 * @param {(id: string) => string} nameOf
 */
function normalizerWords(normalizer, nameOf) {
  return normalizer ? normalizer.map((end) => end.map(nameOf).join(" + ")).join(" to ") : "the face's box";
}

/**
 * Those of `landmarks` that had to move: all but the longest series that keeps the order of `ids`.
 * @param {string[]} ids
 * @param {Landmark[]} landmarks
 */
function moved(ids, landmarks) {
  const place = new Map(ids.map((id, k) => [id, k]));
  const rank = landmarks.map(({ id }) => place.get(id) ?? NaN);
  const length = rank.map(() => 1);
  const previous = rank.map(() => -1);
  for (let k = 0; k < rank.length; k++)
    for (let j = 0; j < k; j++)
      if (rank[j] < rank[k] && length[j] + 1 > length[k]) [length[k], previous[k]] = [length[j] + 1, j];
  const stays = new Set();
  for (let k = length.indexOf(Math.max(...length)); k >= 0; k = previous[k]) stays.add(k);
  return landmarks.filter((_, k) => !stays.has(k));
}

/** @param {Landmark[]} landmarks */
const byId = (landmarks) => new Map(landmarks.map((landmark) => [landmark.id, landmark]));
