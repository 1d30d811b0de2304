// Which faces the strip shows and which is next: pure functions on faces.

/** @import { FaceItem, FaceState } from "../shell/types.js" */

/** The names of the states. @type {Record<FaceState, string>} */
export const STATES = {
  empty: "unlabeled",
  partial: "partly labeled",
  complete: "complete",
  predicted: "pre-labeled",
  skipped: "skipped",
};

/**
 * @param {FaceState} state
 * @returns {(item: FaceItem) => boolean}
 */
const inState = (state) => (item) => item.state === state;
/** @param {FaceItem} item */
const isToGo = ({ state }) => state !== "complete" && state !== "skipped";

/**
 * In the order of the menu. A pre-labeled face is unlabeled or partly labeled, too.
 * @type {{ id: string, title: string, holds: (item: FaceItem) => boolean }[]}
 */
export const FILTERS = [
  { id: "all", title: "All faces", holds: () => true },
  { id: "empty", title: "Unlabeled", holds: (item) => isToGo(item) && !item.visible },
  { id: "partial", title: "Partly labeled", holds: (item) => isToGo(item) && item.visible > 0 },
  { id: "complete", title: "Complete", holds: inState("complete") },
  { id: "predicted", title: "Pre-labeled", holds: inState("predicted") },
  { id: "flagged", title: "Flagged", holds: (item) => item.flagged > 0 },
  { id: "unseen", title: "Accepted unseen", holds: (item) => item.unseen > 0 },
  { id: "skipped", title: "Skipped", holds: inState("skipped") },
];

/** @typedef {{ filter: string, query: string }} Choice  The id of a filter, and words in the picture's name. */

/**
 * How many of the faces each filter shows, by its id.
 * @param {FaceItem[]} items
 * @returns {Record<string, number>}
 */
export function counts(items) {
  return Object.fromEntries(FILTERS.map(({ id, holds }) => [id, items.filter(holds).length]));
}

/** @param {string} text */
const plain = (text) => text.normalize("NFKC").toLocaleLowerCase();

/**
 * Whether the filter shows a face and its picture's name contains every word of the query.
 * @param {FaceItem} item
 * @param {Choice} choice
 */
export function matches(item, { filter, query }) {
  const name = plain(item.picture.name);
  return (
    FILTERS.some(({ id, holds }) => id === filter && holds(item)) &&
    plain(query)
      .split(/\s+/)
      .every((word) => name.includes(word))
  );
}

/**
 * The faces to show, in their order: those that match, and the open one even where it does not match.
 * @param {FaceItem[]} items
 * @param {Choice} choice
 * @param {number | null} open
 * @returns {FaceItem[]}
 */
export function shownFaces(items, choice, open) {
  return items
    .map((item) => ({ ...item, beside: !matches(item, choice) }))
    .filter(({ beside, face }) => !beside || face === open);
}

/**
 * The face after (1) or before (-1) the open one among those shown; null where there is none.
 * @param {FaceItem[]} shown
 * @param {number | null} open
 * @param {number} direction
 * @returns {FaceItem | null}
 */
export function neighbor(shown, open, direction) {
  return shown[shown.findIndex(({ face }) => face === open) + direction] ?? null;
}

/**
 * The next face that is neither complete nor skipped; after the last one the search starts from the first. Null where
 * there is none but the open one.
 * @param {FaceItem[]} shown
 * @param {number | null} open
 * @returns {FaceItem | null}
 */
export function nextUnfinished(shown, open) {
  const at = shown.findIndex(({ face }) => face === open);
  const order = [...shown.slice(at + 1), ...shown.slice(0, Math.max(at, 0))];
  return order.find((item) => !item.beside && isToGo(item)) ?? null;
}
