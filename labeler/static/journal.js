// What to do with edits that were never acknowledged: pure functions on lists of {face, action, body}.

/** The least that says the same: per face one edit of points, one of cleared points, one box, one acceptance, one
 * skip. They touch different things, so their order no longer matters. Undo and redo are left out: done twice, they would take
 * back something else, and without them nothing is lost. `values` keeps all that was ever wanted for a point. */
export function collapse(edits) {
  const faces = new Map();
  for (const { face, action, body } of edits) {
    if (!faces.has(face))
      faces.set(face, { points: new Map(), values: {}, cleared: new Set(), box: null, accept: null, skip: null });
    const state = faces.get(face);
    if (action === "points") {
      for (const point of body.points) {
        state.points.set(point.id, { point, source: body.source, revision: body.revision });
        (state.values[point.id] ??= []).push(point);
        state.cleared.delete(point.id);
      }
    } else if (action === "clear") {
      for (const id of body.ids) {
        state.points.delete(id);
        state.cleared.add(id);
      }
    } else if (action === "box") state.box = body;
    else if (action === "accept") state.accept = body;
    else if (action === "skip") state.skip = body;
  }
  return [...faces].flatMap(([face, state]) => editsOf(face, state));
}

function editsOf(face, { points, values, cleared, box, accept, skip }) {
  const found = [];
  if (points.size) {
    const [{ source, revision }] = [...points.values()].slice(-1);
    const body = { points: [...points.values()].map(({ point }) => point), source, revision };
    found.push({ face, action: "points", body, values });
  }
  if (cleared.size) found.push({ face, action: "clear", body: { ids: [...cleared] } });
  if (box) found.push({ face, action: "box", body: box });
  if (accept) found.push({ face, action: "accept", body: accept });
  if (skip) found.push({ face, action: "skip", body: skip });
  return found;
}

const near = (a, b) => a === b || Math.abs(a - b) < 0.01;

function same(point, { x, y, v }) {
  return Boolean(point) && point.v === v && (v === 0 || (near(point.x, x) && near(point.y, y)));
}

/** Of a collapsed edit, what the server's view does not show yet: an edit, or null when all of it arrived. */
export function unseen(view, { face, action, body, values }) {
  if (action === "points") {
    const points = body.points.filter((point) => !same(view.points[point.id], point));
    if (!points.length) return null;
    // An older value of ours on the server is no conflict; a stranger's is.
    const ours = points.every(({ id }) => values[id].some((value) => same(view.points[id], value)));
    return { face, action, body: { ...body, points, revision: ours ? null : body.revision } };
  }
  const arrived = {
    clear: () => body.ids.every((id) => !view.points[id]),
    box: () => body.box.every((value, k) => near(value, view.box[k])),
    accept: () => (body.ids ?? Object.keys(view.predictions)).every((id) => view.points[id]),
    skip: () => view.skip === body.reason,
  };
  return arrived[action]() ? null : { face, action, body };
}
