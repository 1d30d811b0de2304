// What can be said of a face without a server or a screen. A face view's `points` and `predictions` are by landmark id.

/** The landmark to label after `current`: the next one in schema order without a label, around the end; or null. */
export function nextUnlabeled(definition, points, current = null) {
  const ids = definition.landmarks.map((landmark) => landmark.id);
  const start = current === null ? 0 : ids.indexOf(current) + 1;
  const order = [...ids.slice(start), ...ids.slice(0, start)];
  return order.find((id) => !points[id]) ?? null;
}

/** The landmark `step` places after `current` in schema order, around the end. */
export function stepLandmark(definition, current, step) {
  const ids = definition.landmarks.map((landmark) => landmark.id);
  const from = current === null ? (step > 0 ? -1 : 0) : ids.indexOf(current);
  return ids[(from + step + ids.length) % ids.length] ?? null;
}

/** Landmarks with a prediction, labeled or not: the one most likely to be wrong first. */
function byDoubt(view, definition) {
  const ids = definition.landmarks.map(({ id }) => id).filter((id) => view.predictions[id]);
  return ids.sort((a, b) => view.predictions[b].p_off - view.predictions[a].p_off);
}

/** Doubtful points that nobody has labeled, the most doubtful first. */
export function flaggedIds(view, definition) {
  return byDoubt(view, definition).filter((id) => view.predictions[id].flagged && !view.points[id]);
}

/** The landmark to look at after `current` (direction 1) or before it (-1), around the end: a doubtful one, or else any
 * predicted one without a label; null when there is none. */
export function stepInDoubt(view, definition, current, direction) {
  const order = byDoubt(view, definition);
  const flagged = flaggedIds(view, definition);
  const left = flagged.length ? flagged : order.filter((id) => !view.points[id]);
  const at = order.indexOf(current);
  const beyond = (id) => direction * (order.indexOf(id) - at) > 0;
  return (direction > 0 ? left.find(beyond) : left.findLast(beyond)) ?? left.at(direction > 0 ? 0 : -1) ?? null;
}

/** How many of the predicted points that nobody has labeled are expected to be wrong: the sum of their probabilities. */
export function expectedWrong(view, definition) {
  const left = byDoubt(view, definition).filter((id) => !view.points[id]);
  return left.reduce((sum, id) => sum + view.predictions[id].p_off, 0);
}

/** {state, labeled, of, flagged, skip} as the list of pictures has it, from a fresh view. */
export function summary(view, definition) {
  const of = definition?.landmarks.length ?? 0;
  const labeled = definition?.landmarks.filter((landmark) => view.points[landmark.id]).length ?? 0;
  const predicted = Object.keys(view.predictions).length > 0;
  const unseen = Object.values(view.points).filter(({ source }) => source === "accepted_unseen").length;
  if (view.skip) return { state: "skipped", labeled, of, flagged: 0, unseen, skip: view.skip };
  const flagged = definition ? flaggedIds(view, definition).length : 0;
  const state = of && labeled === of ? "complete" : predicted ? "predicted" : labeled ? "partial" : "empty";
  return { state, labeled, of, flagged, unseen, skip: null };
}

/** "visible", "hidden", "absent", "predicted", "doubtful" or "unlabeled". */
export function landmarkState(view, id) {
  const point = view.points[id];
  if (point) return ["absent", "hidden", "visible"][point.v];
  const prediction = view.predictions[id];
  if (prediction) return prediction.flagged ? "doubtful" : "predicted";
  return "unlabeled";
}

/** A rectangle [x, y, w, h] around everything known of the face, with air; null when nothing is. */
export function extent(view, air = 0.5) {
  const places = [...Object.values(view.predictions), ...Object.values(view.points)].filter((p) => p.x !== null);
  if (places.length < 2) return null;
  const xs = places.map((p) => p.x);
  const ys = places.map((p) => p.y);
  const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  const grow = air * Math.max(right - left, bottom - top, 8);
  return [left - grow, top - grow, right - left + 2 * grow, bottom - top + 2 * grow];
}
