// Which faces the strip shows and what is next among them: pure functions on the items of `facesOf`.

/** What a face's state is called. */
export const STATES = {
  empty: "unlabeled",
  partial: "partly labeled",
  complete: "done",
  predicted: "pre-labeled",
  skipped: "skipped",
};

const inState = (state) => (item) => item.state === state;

/** In the order of the menu; flagged faces are pre-labeled ones too. */
export const FILTERS = [
  { id: "all", title: "All faces", holds: () => true },
  { id: "empty", title: "Unlabeled", holds: inState("empty") },
  { id: "partial", title: "Partly labeled", holds: inState("partial") },
  { id: "complete", title: "Done", holds: inState("complete") },
  { id: "predicted", title: "Pre-labeled", holds: inState("predicted") },
  { id: "flagged", title: "Flagged", holds: (item) => item.flagged > 0 },
  { id: "unseen", title: "Accepted unseen", holds: (item) => item.unseen > 0 },
  { id: "skipped", title: "Skipped", holds: inState("skipped") },
];

/** How many of `items` each filter lets through, by its id. */
export function counts(items) {
  return Object.fromEntries(FILTERS.map(({ id, holds }) => [id, items.filter(holds).length]));
}

const plain = (text) => text.normalize("NFKC").toLocaleLowerCase();

/** Whether `filter` lets a face through and its picture's name holds every word of `query`. */
export function matches(item, { filter, query }) {
  const name = plain(item.picture.name);
  return (
    FILTERS.find(({ id }) => id === filter).holds(item) &&
    plain(query)
      .split(/\s+/)
      .every((word) => name.includes(word))
  );
}

/** The faces to show, in their order: those that match, and the `open` one (its id) whether it does or not; `beside`
 * marks it where it does not. */
export function shownFaces(items, choice, open) {
  return items
    .map((item) => ({ ...item, beside: !matches(item, choice) }))
    .filter(({ beside, face }) => !beside || face === open);
}

/** The face after (1) or before (-1) the open one among those shown; null where there is none. */
export function neighbour(shown, open, direction) {
  return shown[shown.findIndex(({ face }) => face === open) + direction] ?? null;
}

/** The next face that is neither done nor skipped, around the end; null when there is none but the open one. */
export function nextUnfinished(shown, open) {
  const at = shown.findIndex(({ face }) => face === open);
  const order = [...shown.slice(at + 1), ...shown.slice(0, Math.max(at, 0))];
  return order.find(({ state, beside }) => !beside && state !== "complete" && state !== "skipped") ?? null;
}
