// What to do with edits that were never acknowledged: pure functions on lists of {face, action, body, seen}.

/** The least that says the same: per face one edit of points, one of cleared points, one acceptance, one box, one
 * skip. Of each landmark the last word counts, so they touch different things and their order no longer matters. An
 * acceptance of everything stands for what there was to accept on the screen, `seen`. Undo and redo are left out: done
 * twice, they would take back something else, and without them nothing is lost. `values` keeps all that was ever wanted
 * for a point. */
export function collapse(edits) {
  const faces = new Map();
  for (const { face, action, body, seen } of edits) {
    if (!faces.has(face)) faces.set(face, { words: new Map(), values: {}, box: null, skip: null });
    const state = faces.get(face);
    if (action === "points") {
      for (const point of body.points) {
        state.words.set(point.id, { point, source: body.source, revision: body.revision });
        (state.values[point.id] ??= []).push(point);
      }
    } else if (action === "clear" || action === "accept") {
      for (const id of body.ids ?? seen ?? []) state.words.set(id, { action });
    } else if (action === "box") state.box = body;
    else if (action === "skip") state.skip = body;
  }
  return [...faces].flatMap(([face, state]) => editsOf(face, state));
}

function editsOf(face, { words, values, box, skip }) {
  const found = [];
  const points = [...words.values()].filter(({ point }) => point);
  if (points.length) {
    const { source, revision } = points.at(-1);
    found.push({
      face,
      action: "points",
      body: { points: points.map(({ point }) => point), source, revision },
      values,
    });
  }
  for (const action of ["clear", "accept"]) {
    const ids = [...words].filter(([, word]) => word.action === action).map(([id]) => id);
    if (ids.length) found.push({ face, action, body: { ids } });
  }
  if (box) found.push({ face, action: "box", body: box });
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
    accept: () => body.ids.every((id) => view.points[id]?.source === "accepted"),
    skip: () => view.skip === body.reason,
  };
  return arrived[action]() ? null : { face, action, body };
}
