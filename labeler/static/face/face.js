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

export function flaggedIds(view, definition) {
  return definition.landmarks
    .map((landmark) => landmark.id)
    .filter((id) => view.predictions[id]?.flagged && !view.points[id]);
}

/** {state, labeled, of, flagged, skip} as the list of pictures has it, from a fresh view. */
export function summary(view, definition) {
  const of = definition?.landmarks.length ?? 0;
  const labeled = definition?.landmarks.filter((landmark) => view.points[landmark.id]).length ?? 0;
  const predicted = Object.keys(view.predictions).length > 0;
  if (view.skip) return { state: "skipped", labeled, of, flagged: 0, skip: view.skip };
  const flagged = definition ? flaggedIds(view, definition).length : 0;
  const state = of && labeled === of ? "complete" : predicted ? "predicted" : labeled ? "partial" : "empty";
  return { state, labeled, of, flagged, skip: null };
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
