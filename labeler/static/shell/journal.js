// What to do with edits that were never acknowledged: pure functions on lists of {face, action, body, seen}.

/** The least that says the same: per face one edit of points, one of cleared points, one acceptance (of each revision,
 * run and name that they were made with), one box, one skip. Of each landmark the last word counts, so they touch
 * different things and their order no longer matters. An acceptance of everything stands for what there was to accept
 * on the screen, `seen`. An undo takes back what was never sent; any other undo or redo is left out: done twice, they
 * would take back something else, and without them nothing is lost. `values` keeps all that was ever wanted for a
 * point, the box or the skip. */
export function collapse(edits) {
  const faces = new Map();
  for (const { face, action, body, seen } of standing(edits)) {
    if (!faces.has(face)) faces.set(face, { words: new Map(), values: {}, box: [], skip: [] });
    const state = faces.get(face);
    const { points, ids, ...rest } = body;
    if (action === "points") {
      for (const point of points) {
        state.words.set(point.id, { action, rest, point });
        (state.values[point.id] ??= []).push(point);
      }
    } else if (action === "clear" || action === "accept") {
      for (const id of ids ?? seen ?? []) state.words.set(id, { action, rest });
    } else if (action === "box" || action === "skip") state[action].push(body);
  }
  return [...faces].flatMap(([face, state]) => editsOf(face, state));
}

/** The edits without those that a later undo has taken back. The first one may have been sent: it stays. */
function standing(edits) {
  const faces = new Map();
  const dropped = new Set();
  for (const [place, edit] of edits.entries()) {
    if (!faces.has(edit.face)) faces.set(edit.face, { done: [], undone: [] });
    const { done, undone } = faces.get(edit.face);
    if (edit.action === "undo") {
      const last = done.pop();
      if (last === undefined) continue;
      undone.push(last);
      if (last > 0) dropped.add(last);
    } else if (edit.action === "redo") {
      const last = undone.pop();
      if (last === undefined) continue;
      done.push(last);
      dropped.delete(last);
    } else {
      done.push(place);
      undone.length = 0;
    }
  }
  return edits.filter((_, place) => !dropped.has(place));
}

function editsOf(face, { words, values, ...whole }) {
  const found = [];
  for (const action of ["points", "clear", "accept"]) {
    const alike = new Map(); // what an edit says besides its landmarks -> the landmarks
    for (const [id, word] of words) {
      if (word.action !== action) continue;
      const key = JSON.stringify(word.rest);
      if (!alike.has(key)) alike.set(key, { rest: word.rest, ids: [], points: [] });
      alike.get(key).ids.push(id);
      alike.get(key).points.push(word.point);
    }
    for (const { rest, ids, points } of alike.values()) {
      if (action === "points") found.push({ face, action, body: { ...rest, points }, values });
      else found.push({ face, action, body: { ...rest, ids } });
    }
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
