// What to do with edits that were never acknowledged: pure functions on lists of {face, action, body, seen}.

/** The least that says the same: per face one edit of points, one of cleared points, one acceptance, one box, one
 * skip. Of each landmark the last word counts, so they touch different things and their order no longer matters. An
 * acceptance of everything stands for what there was to accept on the screen, `seen`. Undo and redo are left out: done
 * twice, they would take back something else, and without them nothing is lost. `values` keeps all that was ever wanted
 * for a point, the box or the skip. */
export function collapse(edits) {
  const faces = new Map();
  for (const { face, action, body, seen } of edits) {
    if (!faces.has(face)) faces.set(face, { words: new Map(), values: {}, box: [], skip: [] });
    const state = faces.get(face);
    if (action === "points") {
      for (const point of body.points) {
        state.words.set(point.id, { point, source: body.source, revision: body.revision });
        (state.values[point.id] ??= []).push(point);
      }
    } else if (action === "clear" || action === "accept") {
      for (const id of body.ids ?? seen ?? []) state.words.set(id, { action });
    } else if (action === "box" || action === "skip") state[action].push(body);
  }
  return [...faces].flatMap(([face, state]) => editsOf(face, state));
}

function editsOf(face, { words, values, ...whole }) {
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
  for (const action of ["box", "skip"]) {
    const bodies = whole[action];
    if (bodies.length) found.push({ face, action, body: bodies.at(-1), values: bodies });
  }
  return found;
}

const near = (a, b) => a === b || Math.abs(a - b) < 0.01;

function same(point, { x, y, v }) {
  return Boolean(point) && point.v === v && (v === 0 || (near(point.x, x) && near(point.y, y)));
}

const shows = {
  box: (view, { box }) => box.every((value, k) => near(value, view.box[k])),
  skip: (view, { reason }) => view.skip === reason,
};

/** Of a collapsed edit, what the server's view does not show yet: an edit, or null when all of it arrived. */
export function unseen(view, { face, action, body, values }) {
  // An older value of ours on the server is no conflict; a stranger's is.
  const revision = (ours) => (ours ? null : body.revision);
  if (action === "points") {
    const points = body.points.filter((point) => !same(view.points[point.id], point));
    if (!points.length) return null;
    const ours = points.every(({ id }) => values[id].some((value) => same(view.points[id], value)));
    return { face, action, body: { ...body, points, revision: revision(ours) } };
  }
  if (action in shows) {
    if (shows[action](view, body)) return null;
    const ours = values.some((value) => shows[action](view, value));
    return { face, action, body: { ...body, revision: revision(ours) } };
  }
  const arrived =
    action === "clear"
      ? body.ids.every((id) => !view.points[id])
      : body.ids.every((id) => view.points[id]?.source === "accepted");
  return arrived ? null : { face, action, body };
}
