// What can be computed of a face without a server or a screen.

/** @import { Box, Definition, FaceSummary, FaceView, Prediction } from "../shell/types.js" */

/**
 * The landmark to label after `current`: the next one that is not in `points`, in the order of the definition, or null.
 * After the last landmark it starts from the first.
 * @param {Pick<Definition, "landmarks">} definition
 * @param {Record<string, unknown>} points
 * @param {string | null} [current]
 */
export function nextUnlabeled(definition, points, current = null) {
  const ids = definition.landmarks.map((landmark) => landmark.id);
  const start = current === null ? 0 : ids.indexOf(current) + 1;
  const order = [...ids.slice(start), ...ids.slice(0, start)];
  return order.find((id) => !points[id]) ?? null;
}

/**
 * The landmark `step` places after `current` in the order of the definition. After the last landmark it starts from
 * the first.
 * @param {Definition} definition
 * @param {string | null} current
 * @param {number} step
 */
export function stepLandmark(definition, current, step) {
  const ids = definition.landmarks.map((landmark) => landmark.id);
  const from = current === null ? (step > 0 ? -1 : 0) : ids.indexOf(current);
  return ids[(from + step + ids.length) % ids.length] ?? null;
}

/**
 * Landmarks with a prediction, labeled or not: the one most likely to be wrong first.
 * @param {Pick<FaceView, "points" | "predictions">} view
 * @param {Pick<Definition, "landmarks">} definition
 */
function byDoubt(view, definition) {
  const ids = definition.landmarks.map(({ id }) => id).filter((id) => view.predictions[id]);
  return ids.sort((a, b) => view.predictions[b].p_off - view.predictions[a].p_off);
}

/**
 * Doubtful points without a label, the most doubtful first.
 * @param {Pick<FaceView, "points" | "predictions">} view
 * @param {Pick<Definition, "landmarks">} definition
 */
export function flaggedIds(view, definition) {
  return byDoubt(view, definition).filter((id) => view.predictions[id].flagged && !view.points[id]);
}

/**
 * The landmark to review after `current` (direction 1) or before it (-1): a doubtful one, or where there is none any
 * predicted one without a label; null when there is none. After the last one it starts from the first.
 * @param {Pick<FaceView, "points" | "predictions">} view
 * @param {Pick<Definition, "landmarks">} definition
 * @param {string | null} current
 * @param {number} direction
 */
export function stepInDoubt(view, definition, current, direction) {
  const order = byDoubt(view, definition);
  const flagged = flaggedIds(view, definition);
  const left = flagged.length ? flagged : order.filter((id) => !view.points[id]);
  const at = current === null ? -1 : order.indexOf(current);
  /** @param {string} id */
  const beyond = (id) => direction * (order.indexOf(id) - at) > 0;
  return (direction > 0 ? left.find(beyond) : left.findLast(beyond)) ?? left.at(direction > 0 ? 0 : -1) ?? null;
}

/**
 * The landmark that a click places after `current`: the next doubtful one, or where there is none the next one with neither
 * a label nor a prediction. Null: what is left are predictions without a flag, and no click may move one by accident.
 * @param {Pick<FaceView, "points" | "predictions">} view
 * @param {Pick<Definition, "landmarks">} definition
 * @param {string | null} current
 */
export function nextToPlace(view, definition, current) {
  if (flaggedIds(view, definition).length) return stepInDoubt(view, definition, current, 1);
  return nextUnlabeled(definition, { ...view.predictions, ...view.points }, current);
}

/**
 * How many predicted points without a label are expected to be wrong: the sum of their probabilities.
 * @param {FaceView} view
 * @param {Definition} definition
 */
export function expectedWrong(view, definition) {
  const left = byDoubt(view, definition).filter((id) => !view.points[id]);
  return left.reduce((sum, id) => sum + view.predictions[id].p_off, 0);
}

/**
 * How far a face is, from its view.
 * @param {FaceView} view
 * @param {Definition | null} definition
 * @returns {FaceSummary}
 */
export function summary(view, definition) {
  const of = definition?.landmarks.length ?? 0;
  const labeled = definition?.landmarks.filter((landmark) => view.points[landmark.id]).length ?? 0;
  const predicted = Object.keys(view.predictions).some((id) => !view.points[id]);
  const visible = definition?.landmarks.filter(({ id }) => view.points[id]?.v).length ?? 0;
  const unseen = Object.values(view.points).filter(({ source }) => source === "accepted_unseen").length;
  if (view.skip) return { state: "skipped", labeled, visible, of, flagged: 0, unseen, skip: view.skip };
  const flagged = definition ? flaggedIds(view, definition).length : 0;
  const state = of && labeled === of ? "complete" : predicted ? "predicted" : visible ? "partial" : "empty";
  return { state, labeled, visible, of, flagged, unseen, skip: null };
}

/**
 * @param {FaceView} view
 * @param {string} id
 * @returns {"visible" | "hidden" | "absent" | "predicted" | "doubtful" | "unlabeled"}
 */
export function landmarkState(view, id) {
  const point = view.points[id];
  if (point) return /** @type {const} */ (["absent", "hidden", "visible"])[point.v];
  const prediction = view.predictions[id];
  if (prediction) return prediction.flagged ? "doubtful" : "predicted";
  return "unlabeled";
}

/**
 * The view with every prediction in its picture: a model may expect a landmark beyond the edge, where no label can be.
 * @param {FaceView} view
 * @returns {FaceView}
 */
export function inPicture(view) {
  const { width, height } = view.picture;
  const predictions = Object.entries(view.predictions).map(([id, prediction]) => {
    const x = Math.min(Math.max(prediction.x, 0), width);
    const y = Math.min(Math.max(prediction.y, 0), height);
    return [id, { ...prediction, x, y }];
  });
  return { ...view, predictions: Object.fromEntries(predictions) };
}

/** Labeled faces from which on it is measured how far carried-over points may be off. */
const MEASURED_FROM = 5;

/**
 * Where the predictions of a face come from, in words; empty without predictions that are left to review.
 * @param {FaceView} view
 */
export function proposerText({ proposer, predictions, points }) {
  if (!proposer || Object.keys(predictions).every((id) => points[id])) return "";
  const { kind, number, measured } = proposer;
  if (kind === "round") return `Learned from your labels (round ${number})`;
  if (kind === "run") return `Proposed by run ${String(number).padStart(3, "0")}`;
  if (kind === "import") return `Points of another tool (import ${number}). How far they may be off is not known.`;
  const from = `Carried over from ${number} labeled ${number === 1 ? "face" : "faces"}`;
  if (measured) return from;
  const more = MEASURED_FROM - number;
  return `${from}. Doubt is not measured yet: label ${more} more ${more === 1 ? "face" : "faces"}.`;
}

/**
 * How likely the place of a doubtful point is wrong, in a few words.
 * @param {Pick<Prediction, "p_off">} prediction
 * @param {FaceView["flags"] | undefined} flags
 */
export function doubtText({ p_off }, flags) {
  return flags && flags.threshold !== null ? `Doubtful: ${percent(p_off)} likely wrong` : "Doubtful";
}

/**
 * The same with what wrong means, and from which probability on points are doubtful.
 * @param {Pick<Prediction, "p_off">} prediction
 * @param {FaceView["flags"] | undefined} flags
 */
export function doubtTitle({ p_off }, flags) {
  if (!flags || flags.threshold === null) return "";
  return `${percent(p_off)} likely to be off by over ${flags.wrong} (flagged from ${percent(flags.threshold)} on)`;
}

/** @param {number} share */
const percent = (share) => `${Math.round(100 * share)} %`;

/**
 * What the flags of a face are expected to do; empty without a doubtful point that is left to review.
 * @param {FaceView} view
 */
export function expectedText({ flags, predictions, points }) {
  const doubtful = Object.entries(predictions).some(([id, { flagged }]) => flagged && !points[id]);
  return doubtful && flags ? flags.expected : "";
}

/**
 * A rectangle around all labels and predictions of the face, with a margin of `air` times its size; null for fewer
 * than two points.
 * @param {FaceView} view
 * @param {number} [air]
 * @returns {Box | null}
 */
export function extent(view, air = 0.5) {
  const labels = Object.values(view.points).filter((point) => point.x !== null);
  const places = [...Object.values(view.predictions), ...labels];
  if (places.length < 2) return null;
  const xs = places.map((p) => p.x);
  const ys = places.map((p) => p.y);
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const grow = air * Math.max(right - left, bottom - top, 8);
  return [left - grow, top - grow, right - left + 2 * grow, bottom - top + 2 * grow];
}
