// One face on a canvas and all edits of it: shows an edit at once, hands it to the session, and takes the server's view when
// it comes. The label and the review page are each built around one editor.

import { BoxKeys } from "./box_keys.js";
import { LandmarkCanvas } from "../canvas/canvas.js";
import { Emitter } from "../shell/emitter.js";
import { inPicture, nextToPlace, nextUnlabeled, stepInDoubt, stepLandmark } from "./face.js";
import { HiddenNote } from "./hidden_note.js";
import { KeyCursor } from "./key_cursor.js";
import { ImageFilter } from "../canvas/image_filter.js";
import { PictureCache } from "../canvas/pictures.js";
import { PictureProblem } from "./picture_problem.js";
import { Selection } from "./selection.js";
import { messageOf } from "../shell/page.js";
import { Viewpoint } from "./viewpoint.js";

/** @import { Box, CanvasImage, Definition, FaceView, PictureSize, Place, PlacedPoint, Places, Point } from "../shell/types.js" */
/** @import { DragOrigin, Position, Positions, Visibility } from "../shell/types.js" */
/** @import { Session } from "../shell/session.js" */

const NUDGE_PAUSE_MS = 450;
const COMPLETE = "Every landmark of this face has a label.";
const NOTHING_CHOSEN = "No point is chosen: N goes to the next one, G accepts all that are left.";
/**
 * The source of the label that a drag makes. @type {Record<DragOrigin, string>}
 */
const SOURCES = { label: "dragged", prediction: "corrected", ghost: "corrected" };

/**
 * `settle(editor)`: the landmark that becomes current when a face opens or a point is done. `asksFor(id)`: whether a
 * landmark is being worked on, so that its ghost is shown. `viewpoint(editor)`: what part of the picture is shown.
 * @typedef {object} EditorOptions
 * @property {(editor: FaceEditor) => string | null} settle
 * @property {(id: string) => boolean} [asksFor]
 * @property {(editor: FaceEditor) => Viewpoint} [viewpoint]
 */

/**
 * `changed`: the view or the current landmark. `edited`: the user changed a face. `finished`: after a label, `settle` knew
 * no next landmark. `completed`: every landmark has a label. `newface`: a box drawn while `drawsNewFace`.
 * @extends {Emitter<{
 *   changed: {},
 *   edited: { face: number },
 *   finished: {},
 *   completed: {},
 *   newface: { box: Box },
 *   note: { message: string },
 * }>}
 */
export class FaceEditor extends Emitter {
  /**
   * @param {HTMLElement} root
   * @param {Session} session
   * @param {EditorOptions} options
   */
  constructor(root, session, { settle, asksFor = () => true, viewpoint = (editor) => new Viewpoint(editor) }) {
    super();
    this.session = session;
    this.settle = settle;
    this.asksFor = asksFor;
    /** @type {Definition | null} */
    this.definition = null;
    /** The open face. @type {FaceView | null} */
    this.view = null;
    /** The picture of the open face. @type {PictureSize | null} */
    this.picture = null;
    /** @type {Positions} */
    this.ghosts = {};
    /** @type {string | null} */
    this.current = null;
    /** Whether the current landmark waits for its label. */
    this.waiting = false;
    /** The visibility of the next label. @type {1 | 2} */
    this.pen = 2;
    /** Where landmarks were before they were made absent. @type {Map<string, Place>} */
    this.placesBefore = new Map();
    /** The view before the drag that is going on. @type {FaceView | null} */
    this.undragged = null;
    /** Nudged labels that are not sent yet. @type {{ ids: string[], source: string, timer: number } | null} */
    this.nudged = null;
    /** Whether a box that is drawn becomes a new face. */
    this.drawsNewFace = false;
    /** Identifies the newest call of `open`. @type {symbol | null} */
    this.ticket = null;
    this.pictures = new PictureCache(session);
    this.canvas = new LandmarkCanvas(root, { imageFilter: new ImageFilter(sessionStorage) });
    this.problem = new PictureProblem(root, { retry: () => this.view && this.picture && this.open(this.view.face, this.picture) });
    this.selection = new Selection(this);
    this.boxKeys = new BoxKeys(this);
    this.cursor = new KeyCursor(this);
    this.viewpoint = viewpoint(this);
    new HiddenNote(root, this.canvas);
    this.listen();
  }

  listen() {
    const { canvas } = this;
    canvas.on("place", ({ id, x, y }) => this.place(id, x, y));
    canvas.on("outside", ({ id }) => {
      const name = this.definition?.landmarks.find((landmark) => landmark.id === id)?.name;
      this.note(`Outside the picture: ${name} is not placed. Press 0 if it is absent.`);
    });
    canvas.on("select", ({ id }) => this.select(id ?? this.nextWithoutPoint()));
    canvas.on("drag", ({ id, x, y }) => this.dragPoint(id, { x, y }));
    canvas.on("dragend", ({ id, x, y, from }) => {
      this.undragged = null;
      this.move(id, x, y, SOURCES[from]);
      if (from !== "label") this.advance();
    });
    canvas.on("dragcancel", () => this.takeBackDrag());
    canvas.on("box", ({ box }) => this.boxDrawn(box));
    canvas.on("layers", () => this.emit("changed", {}));
    this.session.on("view", (news) => this.receive(news));
    window.addEventListener("pagehide", () => this.flush());
  }

  /** The next landmark with neither a label nor a prediction. */
  nextWithoutPoint() {
    const { definition, view, current } = this;
    return definition && view && nextUnlabeled(definition, { ...this.shownPredictions(), ...view.points }, current);
  }

  /** @param {Definition} definition */
  setDefinition(definition) {
    this.definition = definition;
    this.canvas.show({ definition });
  }

  /**
   * Opens a face. `keepView` keeps zoom and position when the picture has the same size. Promises whether the face is
   * shown, and not another one that was opened meanwhile.
   * @param {number} faceId
   * @param {PictureSize} picture
   * @param {{ keepView?: boolean, frameFace?: boolean }} [options]
   */
  async open(faceId, picture, { keepView = false, frameFace = false } = {}) {
    this.flush();
    const ticket = (this.ticket = Symbol("open"));
    const known = this.session.known(faceId);
    /** @type {Promise<{ image: CanvasImage | null, failure: string | null }>} */
    const loading = this.pictures.get(picture).then(
      (bitmap) => ({ image: bitmap, failure: null }),
      (error) => ({ image: null, failure: messageOf(error) }),
    );
    const [{ image, failure }] = await Promise.all([loading, this.session.lately(faceId)]);
    const view = await this.whenAtRest(faceId);
    if (ticket !== this.ticket) return false;
    Object.assign(this, {
      picture,
      view: inPicture(view),
      ghosts: {},
      current: null,
      pen: 2,
      placesBefore: new Map(),
    });
    this.cursor.forget();
    this.viewpoint.sharpened = false;
    Object.assign(this.canvas.scene, { cursor: null, selection: null });
    this.canvas.setImage(image, picture.width, picture.height, { keepView });
    this.pictures.hold(picture);
    this.session.saw(view);
    this.problem.show(view.picture.problem ?? failure);
    if (frameFace) this.viewpoint.frameFace();
    this.goTo(this.settle(this));
    if (view === known) this.confirm(view);
    return true;
  }

  /**
   * The newest view of a face that is being opened, once all that was begun on the face before it is finished and sent.
   * @param {number} faceId
   */
  async whenAtRest(faceId) {
    for (;;) {
      await this.canvas.gestures.ended();
      this.flush();
      const view = this.session.known(faceId) ?? (await this.session.face(faceId));
      if (!this.canvas.gestures.active && !this.nudged && !this.boxKeys.pending) return view;
    }
  }

  /**
   * A view that was kept is shown: asks the server for the newest one, and shows that.
   * @param {FaceView} view
   */
  async confirm(view) {
    const newest = await this.session.face(view.face).catch((error) => void this.note(messageOf(error)));
    if (!newest || JSON.stringify(newest) === JSON.stringify(view)) return;
    this.receive({ view: newest, fresh: true }, { predictions: this.blank });
    if (this.view?.face === view.face && this.current === null) this.goTo(this.settle(this));
  }

  /**
   * Shows the face as the server has it now. `predictions`: also what is predicted now, as if it was opened again.
   * @param {{ predictions?: boolean }} [options]
   */
  async reload({ predictions = false } = {}) {
    if (!this.view) return;
    const { face } = this.view;
    const view = await this.session.face(face);
    if (this.view?.face === face) this.receive({ view, fresh: true }, { predictions: predictions || this.blank });
  }

  /** Whether the open face has a label, or will have one when a nudge is sent. */
  get hasLabels() {
    return Object.keys(this.view?.points ?? {}).length > 0 || this.nudged !== null;
  }

  /** Whether no point is shown that could move: neither a label nor a prediction nor a ghost. */
  get blank() {
    const { view, ghosts } = this;
    return view !== null && [view.points, view.predictions, ghosts].every((points) => !Object.keys(points).length);
  }

  /**
   * Shows labels, box and skip as the server has them. The predictions stay those that the face was opened with, so that
   * no point moves under the hand, unless `predictions` takes the new ones.
   * @param {{ view: FaceView, fresh: boolean }} news
   * @param {{ predictions?: boolean }} [options]
   */
  receive({ view, fresh }, { predictions = false } = {}) {
    if (!fresh || !this.view || view.face !== this.view.face || this.nudged) return;
    if (this.canvas.gestures.dragging) return void this.receiveLater(view, predictions);
    const { problem } = view.picture;
    if (problem !== this.view.picture.problem) {
      if (problem || this.canvas.scene.image) this.problem.show(problem);
      else this.showPicture();
    }
    const { predictions: shown, proposer } = this.view;
    this.view = predictions ? inPicture(view) : { ...view, predictions: shown, proposer };
    this.session.saw(view);
    // Other points are doubtful now: the most doubtful one comes first.
    if (predictions && JSON.stringify(this.view.predictions) !== JSON.stringify(shown)) {
      this.current = null;
      return this.goTo(this.settle(this));
    }
    // Another page may have labeled the current landmark: the next click must not overwrite that label.
    if (this.waiting && this.current !== null && view.points[this.current]) this.current = this.settle(this);
    this.refresh();
  }

  /**
   * Shows what came during a gesture, unless the gesture made an edit: its answer is newer.
   * @param {FaceView} view
   * @param {boolean} predictions
   */
  async receiveLater(view, predictions) {
    await this.canvas.gestures.ended();
    this.receive({ view, fresh: !this.session.pending(view.face) }, { predictions });
  }

  /** The file of the open face, which could not be shown, is back. */
  async showPicture() {
    const { picture } = this;
    if (!picture) return;
    const image = await this.pictures.get(picture).catch((error) => messageOf(error));
    if (picture !== this.picture) return;
    const failed = typeof image === "string";
    if (!failed) this.canvas.setImage(image, picture.width, picture.height, { keepView: true });
    this.problem.show(failed ? image : null);
  }

  refresh() {
    const { view, current } = this;
    this.waiting = current !== null && !view?.points[current];
    const landmark = this.definition?.landmarks.find(({ id }) => id === current);
    const hidden = this.pen === 1 ? " (hidden)" : "";
    this.canvas.show({
      points: view?.points ?? {},
      predictions: this.shownPredictions(),
      ghosts: this.openGhosts(),
      beside: view?.beside ?? [],
      // A box that is being drawn or moved is not saved yet.
      box: this.drawsNewFace ? this.canvas.scene.box : (this.boxKeys.pending?.box ?? view?.box ?? null),
      current,
      cursor: this.cursor.place,
      cursorName: landmark ? landmark.name + hidden : "",
    });
    this.emit("changed", {});
  }

  // A prediction that became a ghost is not shown twice.
  shownPredictions() {
    const ghosts = this.openGhosts();
    return Object.fromEntries(Object.entries(this.view?.predictions ?? {}).filter(([id]) => !ghosts[id]));
  }

  /** The proposed places of landmarks without a label. @returns {Positions} */
  openGhosts() {
    const open = Object.entries(this.ghosts).filter(([id]) => !this.view?.points[id] && this.asksFor(id));
    return Object.fromEntries(open);
  }

  /** Landmarks that are being worked on and have no label, but a ghost or a prediction. */
  get proposed() {
    const { view, ghosts } = this;
    const [, { landmarks }] = this.work;
    const ids = landmarks.map(({ id }) => id);
    return ids.filter((id) => !view?.points[id] && (view?.predictions[id] || ghosts[id]));
  }

  /**
   * What is left to do: labels, the predictions that are shown as such, and the landmarks that are being worked on.
   * @returns {[Pick<FaceView, "points" | "predictions">, Pick<Definition, "landmarks">]}
   */
  get work() {
    const landmarks = (this.definition?.landmarks ?? []).filter(({ id }) => this.asksFor(id));
    return [{ points: this.view?.points ?? {}, predictions: this.shownPredictions() }, { landmarks }];
  }

  /** The landmark that the next click places; see `nextToPlace`. */
  nextToPlace() {
    const { current, work } = this;
    return nextToPlace(...work, work[1].landmarks.some(({ id }) => id === current) ? current : null);
  }

  /** @param {Positions} ghosts */
  showGhosts(ghosts) {
    this.ghosts = ghosts;
    this.refresh();
  }

  /** @param {string} message */
  note(message) {
    this.emit("note", { message });
  }

  /** @param {string | null} id */
  select(id) {
    this.flush();
    this.current = id;
    this.pen = 2;
    this.cursor.place = null;
    this.refresh();
  }

  /**
   * Selects by key or after an edit: with `follow`, the view moves to where the landmark is expected.
   * @param {string | null} id
   */
  goTo(id) {
    this.select(id);
    if (this.viewpoint.follow) this.viewpoint.zoomToExpected();
  }

  /** @param {number} direction */
  step(direction) {
    if (this.definition) this.goTo(stepLandmark(this.definition, this.current, direction));
  }

  /**
   * To the next or previous prediction by doubt; where none is left, through all landmarks.
   * @param {number} direction
   */
  stepInDoubt(direction) {
    const id = stepInDoubt(...this.work, this.current, direction);
    if (id) this.goTo(id);
    else this.step(direction);
  }

  // --- edits: shown at once, then sent --------------------------------------------------------------------------

  /** @param {Partial<FaceView>} change */
  change(change) {
    if (!this.view) return;
    this.view = { ...this.view, ...change };
    this.refresh();
  }

  /**
   * Shows a label and makes its landmark the current one.
   * @param {string} id
   * @param {Point} point
   */
  showPoint(id, point) {
    this.current = id;
    this.change({ points: { ...this.view?.points, [id]: point } });
  }

  /**
   * Shows labels at other places, whichever landmark is current.
   * @param {Positions} places
   */
  showPlaces(places) {
    const points = { ...this.view?.points };
    for (const [id, place] of Object.entries(places)) points[id] = movedTo(points[id], place);
    this.change({ points });
  }

  /**
   * Shows a point that is being dragged. After the first step only the canvas follows: redrawing lists and forms would take
   * a frame each time.
   * @param {string} id
   * @param {Position} place
   */
  dragPoint(id, place) {
    const { view } = this;
    if (!view) return;
    this.undragged ??= view;
    const known = view.points[id];
    if (this.current !== id || !known) return this.showPoint(id, movedTo(known, place));
    this.view = { ...view, points: { ...view.points, [id]: movedTo(known, place) } };
    this.canvas.show({ points: this.view.points });
  }

  /** A drag was broken off: the points are where they were. */
  takeBackDrag() {
    if (this.undragged) this.view = this.undragged;
    this.undragged = null;
    this.refresh();
  }

  /**
   * Sends the labels of `ids` as they are shown, as one edit.
   * @param {string[]} ids
   * @param {string} source
   */
  send(ids, source) {
    const { view } = this;
    if (!view) return;
    const points = ids.map((id) => {
      const { x, y, v } = view.points[id];
      return v ? { id: Number(id), x: round(x), y: round(y), v } : { id: Number(id), x: null, y: null, v };
    });
    this.session.setPoints(view.face, points, source);
    this.emit("edited", { face: view.face });
  }

  /**
   * @param {string} id
   * @param {number} x
   * @param {number} y
   * @param {string} [source]
   */
  place(id, x, y, source = this.view?.predictions[id] ? "corrected" : "placed") {
    this.flush();
    this.canvas.reveal(id);
    this.showPoint(id, { ...movedTo(this.view?.points[id], { x, y }), v: this.pen });
    this.send([id], source);
    this.cursor.lastPlace = [x, y];
    this.advance();
  }

  /**
   * @param {string} id
   * @param {number} x
   * @param {number} y
   * @param {string} source
   */
  move(id, x, y, source) {
    this.flush();
    this.showPoint(id, movedTo(this.view?.points[id], { x, y }));
    this.send([id], source);
    this.cursor.lastPlace = [x, y];
  }

  advance() {
    const next = this.settle(this);
    this.goTo(next);
    if (next !== null) return;
    if (this.isComplete()) this.emit("completed", {});
    this.emit("finished", {});
  }

  isComplete() {
    const { definition, view } = this;
    return definition !== null && view !== null && nextUnlabeled(definition, view.points) === null;
  }

  /**
   * Arrow keys: move the box, the selection, the current label, or the keyboard's cross where there is no label.
   * @param {number} dx
   * @param {number} dy
   */
  nudge(dx, dy) {
    if (this.boxKeys.active) return this.boxKeys.move(dx, dy);
    if (this.selection.scope) return this.selection.move(dx, dy);
    if (this.current === null || !this.view) return;
    /** @type {Point | undefined} */
    const point = this.view.points[this.current];
    if (!point) return this.cursor.move(dx, dy);
    if (point.v === 0) return;
    const [x, y] = this.within(point.x + dx, point.y + dy);
    this.showPoint(this.current, { ...point, x, y });
    this.sendSoon([this.current], "nudged");
  }

  /**
   * Sends the labels of `ids` after a pause: many small steps are one edit, and one undo.
   * @param {string[]} ids
   * @param {string} source
   */
  sendSoon(ids, source) {
    clearTimeout(this.nudged?.timer);
    this.nudged = { ids, source, timer: setTimeout(() => this.flush(), NUDGE_PAUSE_MS) };
  }

  /**
   * The point of the picture nearest to (x, y).
   * @param {number} x
   * @param {number} y
   * @returns {Place}
   */
  within(x, y) {
    const { width, height } = this.picture ?? { width: 0, height: 0 };
    return [Math.min(Math.max(x, 0), width), Math.min(Math.max(y, 0), height)];
  }

  /** Sends now what waits to be sent. */
  flush() {
    this.boxKeys.flush();
    if (!this.nudged) return;
    const { ids, source, timer } = this.nudged;
    clearTimeout(timer);
    this.nudged = null;
    this.send(ids, source);
  }

  /** Enter: places the current landmark at the keyboard's cross, else where it is proposed, else at the pointer. */
  placeAtCursor() {
    if (this.boxKeys.active) return this.boxKeys.enter();
    const { current: id, view } = this;
    if (!view) return;
    if (id === null) return this.note(this.proposed.length ? NOTHING_CHOSEN : COMPLETE);
    const ghost = this.openGhosts()[id];
    if (ghost && !this.cursor.place) return this.place(id, ghost.x, ghost.y, "started");
    if (!this.cursor.place && this.acceptPoint()) return;
    const byKeys = Boolean(this.cursor.place);
    const place = this.cursor.place ?? this.canvas.pointer;
    if (place) {
      this.place(id, ...place);
      if (byKeys && this.waiting && !this.proposed.includes(this.current ?? "")) this.cursor.show();
    } else if (!view.points[id]) this.cursor.show();
    else this.advance();
  }

  /** Accepts the current point where it is shown, and goes on to the next in doubt. */
  acceptPoint() {
    const { current: id, view } = this;
    const prediction = id !== null && !view?.points[id] && this.shownPredictions()[id];
    if (!prediction) return false;
    // Accepted points are visible ones.
    if (this.pen === 1) this.place(id, prediction.x, prediction.y);
    else {
      this.accept([id]);
      const next = stepInDoubt(...this.work, id, 1);
      // A user who accepts a point without a flag is going through all of them.
      if (next !== null && !prediction.flagged) this.goTo(next);
      else this.advance();
    }
    return true;
  }

  clear() {
    this.flush();
    const { current: id, view } = this;
    if (id === null || !view?.points[id]) return;
    const { [id]: _, ...points } = view.points;
    this.change({ points });
    this.session.clearPoints(view.face, [id]);
    this.emit("edited", { face: view.face });
  }

  /**
   * The visibility of the current landmark. Without a label, 1 and 2 are for the label to come.
   * @param {Visibility} v
   */
  setVisibility(v) {
    this.flush();
    const { current: id, view } = this;
    if (id === null || !view) return;
    /** @type {Point | undefined} */
    const point = view.points[id];
    if (v === 0) {
      if (point?.v) this.placesBefore.set(id, [point.x, point.y]);
      this.showPoint(id, { source: point?.source ?? "placed", x: null, y: null, v });
    } else if (!point) {
      this.pen = v;
      return this.refresh();
    } else if (point.v === 0) {
      const before = this.placesBefore.get(id);
      if (!before) return this.clear();
      this.showPoint(id, { ...point, x: before[0], y: before[1], v });
    } else this.showPoint(id, { ...point, v });
    this.send([id], "placed");
    if (!point) this.advance();
  }

  cycleVisibility() {
    /** @type {Point | undefined} */
    const point = this.current === null ? undefined : this.view?.points[this.current];
    /** @type {Visibility[]} */
    const next = [2, 0, 1]; // after absent, hidden, visible
    this.setVisibility(point ? next[point.v] : this.pen === 1 ? 2 : 1);
  }

  /**
   * Accepts predictions as labels, at the places that are shown: those of `ids`, or (null) of every landmark without a
   * label that is being worked on.
   * @param {string[] | null} ids
   */
  accept(ids) {
    this.flush();
    const { view } = this;
    if (!view) return false;
    const [, { landmarks }] = this.work;
    const predicted = (ids ?? landmarks.map(({ id }) => id)).filter((id) => view.predictions[id]);
    const wanted = predicted.filter((id) => !view.points[id]);
    // An undo that is being saved may remove labels that are still shown: then the server knows what is left to accept.
    const undoing = !ids && this.session.pending(view.face);
    if (!wanted.length && !undoing) return false;
    const points = { ...view.points };
    /** @type {Places} */
    const places = {};
    for (const id of undoing ? predicted : wanted) {
      const { x, y } = view.predictions[id];
      places[id] = [x, y]; // not rounded: an export finds the covariance of a point by its place
      if (!points[id]) points[id] = { x, y, v: 2, source: "accepted" };
    }
    this.change({ points });
    this.session.accept(view.face, ids && wanted, places, wanted);
    this.emit("edited", { face: view.face });
    return true;
  }

  /** Accepts all ghosts as labels: one edit, and one undo. */
  takeGhosts() {
    this.flush();
    const { view } = this;
    const ghosts = Object.entries(this.openGhosts());
    if (!view || !ghosts.length) return false;
    const points = { ...view.points };
    for (const [id, { x, y }] of ghosts) points[id] = { x: round(x), y: round(y), v: 2, source: "started" };
    this.change({ points });
    const sent = ghosts.map(([id, { x, y }]) => ({ id: Number(id), x: round(x), y: round(y), v: /** @type {const} */ (2) }));
    this.session.setPoints(view.face, sent, "started");
    this.emit("edited", { face: view.face });
    return true;
  }

  /** Takes every point that is proposed, be it a ghost or a prediction. */
  takeRest() {
    const ghosts = this.takeGhosts();
    if (!this.accept(null) && !ghosts) return false;
    this.advance();
    return true;
  }

  /**
   * The landmark that the undo or redo changed becomes current. `of`: the face that is meant; where a person has gone on to
   * another one meanwhile, it is changed all the same.
   * @param {"undo" | "redo"} action
   * @param {number} [of]
   */
  async undo(action, of = this.view?.face) {
    this.flush();
    if (!this.view || of === undefined) return;
    if (this.view.face !== of) return void (await this.session.edit(of, action, {}));
    const { face, points: before } = this.view;
    const possible = action === "undo" ? this.view.can_undo : this.view.can_redo;
    if (!possible && !this.session.pending(face)) return this.note(`There is nothing to ${action} on this face.`);
    const view = await this.session.edit(face, action, {});
    if (view && action === "redo") this.emit("edited", { face });
    if (!view || this.view.face !== face) return;
    const changed = (this.definition?.landmarks ?? [])
      .map(({ id }) => id)
      .filter((id) => JSON.stringify(before[id]) !== JSON.stringify(view.points[id]));
    if (changed.length === 1) this.goTo(changed[0]);
    else if (changed.length) this.goTo(this.settle(this));
  }

  /** @param {Box} box */
  boxDrawn(box) {
    if (this.drawsNewFace) return this.emit("newface", { box });
    if (!this.view) return;
    const [x, y, w, h] = box;
    this.change({ box });
    this.session.setBox(this.view.face, [round(x), round(y), round(w), round(h)]);
    this.emit("edited", { face: this.view.face });
  }
}

/** @param {number} value */
const round = (value) => Math.round(value * 1000) / 1000;

/**
 * A label at another place; a new one where there was none.
 * @param {Point | undefined} point
 * @param {Position} place
 * @returns {PlacedPoint}
 */
const movedTo = (point, { x, y }) => ({ source: "placed", ...point, x, y, v: point?.v || 2 });
