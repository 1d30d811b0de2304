// Edits that the server has not acknowledged: what of them must still be sent. Pure functions.

/** @import { Edit, EditBody, FaceView, Place, Places, Point, PointEdit } from "./types.js" */

/**
 * `values`: everything that was ever wanted: of points by landmark id, of the box or the skip in their order.
 * @typedef {Edit & { points?: Record<number, PointEdit[]>, values?: EditBody[] }} CollapsedEdit
 */

/** `place`: where an accepted point was on the screen. @typedef {{ action: "points" | "clear" | "accept", rest: EditBody, point?: PointEdit, place?: Place }} LandmarkEdit */

/**
 * What the edits of one face want: of each landmark its last edit, and all points, boxes and skips.
 * @typedef {object} Wanted
 * @property {Map<number, LandmarkEdit>} last
 * @property {Record<number, PointEdit[]>} points
 * @property {EditBody[]} box
 * @property {EditBody[]} skip
 */

/**
 * The fewest edits with the same result. Per face: one edit of points, one of cleared points, one acceptance (for each
 * revision and annotator), one box, one skip. Only the last edit of a landmark counts, so these edits touch
 * different things and can be sent in any order. An acceptance of everything stands for the landmarks in `seen`. An undo
 * removes an edit that was never sent. Any other undo or redo is left out: sent twice it would undo something else, and
 * without it no label is lost.
 * @param {Edit[]} edits
 * @returns {CollapsedEdit[]}
 */
export function collapse(edits) {
  /** @type {Map<number, Wanted>} */
  const faces = new Map();
  for (const { face, action, body: sent, seen } of standing(edits)) {
    // Edits that are put together are another edit than those that may have arrived.
    const { edit: _, ...body } = sent;
    /** @type {Wanted} */
    const state = faces.get(face) ?? { last: new Map(), points: {}, box: [], skip: [] };
    faces.set(face, state);
    const { points, ids, places, ...rest } = body;
    if (action === "points") {
      for (const point of points ?? []) {
        state.last.set(point.id, { action, rest, point });
        (state.points[point.id] ??= []).push(point);
      }
    } else if (action === "clear" || action === "accept") {
      for (const id of ids ?? seen ?? []) state.last.set(id, { action, rest, place: places?.[id] });
    } else if (action === "box" || action === "skip") state[action].push(body);
  }
  return [...faces].flatMap(([face, state]) => editsOf(face, state));
}

/**
 * The edits without those that a later undo has taken back. The first one stays, because it may have been sent.
 * @param {Edit[]} edits
 */
function standing(edits) {
  /** @type {Map<number, { done: number[], undone: number[] }>} */
  const faces = new Map();
  const dropped = new Set();
  for (const [place, edit] of edits.entries()) {
    const state = faces.get(edit.face) ?? { done: [], undone: [] };
    faces.set(edit.face, state);
    const { done, undone } = state;
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

/**
 * @param {number} face
 * @param {Wanted} wanted
 */
function editsOf(face, { last, points: values, ...whole }) {
  /** @type {CollapsedEdit[]} */
  const found = [];
  for (const action of /** @type {const} */ (["points", "clear", "accept"])) {
    /** @type {Map<string, { rest: EditBody, ids: number[], points: PointEdit[], places?: Places }>} */
    const alike = new Map(); // by the content of an edit without its landmarks
    for (const [id, edit] of last) {
      if (edit.action !== action) continue;
      // Without places the server takes its own: such an acceptance, of an older page, is sent by itself.
      const key = JSON.stringify([edit.rest, Boolean(edit.place)]);
      const group = alike.get(key) ?? { rest: edit.rest, ids: [], points: [] };
      alike.set(key, group);
      group.ids.push(id);
      if (edit.point) group.points.push(edit.point);
      if (edit.place) group.places = { ...group.places, [id]: edit.place };
    }
    for (const { rest, ids, points, places } of alike.values()) {
      if (action === "points") found.push({ face, action, body: { ...rest, points }, points: values });
      else found.push({ face, action, body: { ...rest, ids, ...(places && { places }) } });
    }
  }
  for (const action of /** @type {const} */ (["box", "skip"])) {
    const bodies = whole[action];
    if (bodies.length) found.push({ face, action, body: bodies[bodies.length - 1], values: bodies });
  }
  return found;
}

/** Sources of labels that were predictions and were accepted by a person. */
const ACCEPTED = new Set(["accepted", "accepted_rest"]);

/**
 * @param {number | null} a
 * @param {number | null} b
 */
const near = (a, b) => a === b || Math.abs(Number(a) - Number(b)) < 0.01;

/**
 * @param {Point | undefined} point
 * @param {PointEdit} edit
 */
function same(point, { x, y, v }) {
  return point !== undefined && point.v === v && (v === 0 || (near(point.x, x) && near(point.y, y)));
}

/**
 * Whether the server's view of a face shows the box or the skip of an edit.
 * @param {FaceView} view
 * @param {"box" | "skip"} action
 * @param {EditBody} body
 */
function shows(view, action, { box, reason }) {
  if (action === "skip") return view.skip === reason;
  return (box ?? []).every((value, k) => near(value, view.box[k]));
}

/**
 * What of a collapsed edit the server's view does not show yet: an edit, or null when all of it arrived.
 * @param {FaceView} view
 * @param {CollapsedEdit} edit
 * @returns {Edit | null}
 */
export function unseen(view, { face, action, body, points: wanted = {}, values = [] }) {
  // An older value of this browser on the server is no conflict; one from elsewhere is.
  /** @param {boolean} ours */
  const revision = (ours) => (ours ? null : body.revision);
  if (action === "points") {
    const points = (body.points ?? []).filter((point) => !same(view.points[point.id], point));
    if (!points.length) return null;
    const ours = points.every(({ id }) => wanted[id].some((value) => same(view.points[id], value)));
    return { face, action, body: { ...body, points, revision: revision(ours) } };
  }
  if (action === "box" || action === "skip") {
    if (shows(view, action, body)) return null;
    const ours = values.some((value) => shows(view, action, value));
    return { face, action, body: { ...body, revision: revision(ours) } };
  }
  const { places } = body;
  /** @param {number} id */
  const arrived = (id) => {
    /** @type {Point | undefined} */
    const point = view.points[id];
    if (action === "clear") return !point;
    const place = places?.[id];
    return ACCEPTED.has(point?.source ?? "") && (!place || (near(point.x, place[0]) && near(point.y, place[1])));
  };
  return (body.ids ?? []).every(arrived) ? null : { face, action, body };
}
