// One face on a canvas and everything that can be done to it: shows every edit at once, hands it to the session, and
// takes the server's view when it comes. Both the label and the review page are built around one.
// Events: changed {} (view or current landmark), edited {face}, finished {} (`settle` knows no landmark after a label),
// completed {} (every landmark has its label),
// newface {box} (drawn while `drawsNewFace`), note {message}.

import { BoxKeys } from "./box_keys.js";
import { LandmarkCanvas } from "../canvas/canvas.js";
import { nextUnlabeled, stepLandmark } from "./face.js";
import { HiddenNote } from "./hidden_note.js";
import { KeyCursor } from "./key_cursor.js";
import { Look } from "../canvas/image_filter.js";
import { PictureCache } from "../canvas/pictures.js";
import { PictureProblem } from "./picture_problem.js";
import { Selection } from "./selection.js";
import { Sight } from "./viewpoint.js";

const NUDGE_PAUSE_MS = 450;
/** What a dragged point comes from, and how its label came about. */
const SOURCES = { label: "dragged", prediction: "corrected", ghost: "corrected" };

export class FaceEditor extends EventTarget {
  /** `settle(editor)`: the landmark that becomes current when a face opens or a point is done; `asksFor(id)`: whether a
   * landmark is being worked on, so that its ghost counts; `sight(editor)`: what of the picture is shown. */
  constructor(root, session, { settle, asksFor = () => true, sight = (editor) => new Sight(editor) }) {
    super();
    this.session = session;
    this.settle = settle;
    this.asksFor = asksFor;
    this.pictures = new PictureCache(session);
    this.canvas = new LandmarkCanvas(root, { look: new Look(sessionStorage) });
    this.problem = new PictureProblem(root, { retry: () => this.open(this.view.face, this.picture) });
    this.selection = new Selection(this);
    this.boxKeys = new BoxKeys(this);
    this.cursor = new KeyCursor(this);
    this.sight = sight(this);
    new HiddenNote(root, this.canvas);
    this.view = null;
    this.ghosts = {};
    this.current = null;
    this.pen = 2;
    this.listen();
  }

  listen() {
    const on = (name, handle) => this.canvas.addEventListener(name, (event) => handle(event.detail));
    on("place", ({ id, x, y }) => this.place(id, x, y));
    on("select", ({ id }) => this.select(id ?? nextUnlabeled(this.definition, this.view.points, this.current)));
    on("drag", ({ id, x, y }) => this.dragPoint(id, { x, y }));
    on("dragend", ({ id, x, y, from }) => {
      this.move(id, x, y, SOURCES[from]);
      if (from === "ghost") this.advance();
    });
    on("dragcancel", () => this.reload());
    on("box", ({ box }) => this.boxDrawn(box));
    on("layers", () => this.emit("changed", {}));
    this.session.addEventListener("view", ({ detail }) => this.receive(detail));
    window.addEventListener("pagehide", () => this.flush());
  }

  setDefinition(definition) {
    this.definition = definition;
    this.canvas.show({ definition });
  }

  /** Open a face; `keepView` keeps zoom and place when the picture has the same size. */
  async open(faceId, picture, { keepView = false, frameFace = false } = {}) {
    this.flush();
    const ticket = (this.ticket = Symbol("open"));
    let failure = null;
    const known = this.session.known(faceId);
    const loading = this.pictures.get(picture).catch((error) => ((failure = error), null));
    const [image] = await Promise.all([loading, this.session.lately(faceId)]);
    const view = await this.session.lately(faceId); // with what was heard while the picture came
    if (ticket !== this.ticket) return false; // another face was opened meanwhile
    Object.assign(this, {
      picture,
      view,
      ghosts: {},
      current: null,
      pen: 2,
      placesBefore: new Map(),
    });
    this.cursor.forget();
    this.sight.sharpened = false;
    Object.assign(this.canvas.scene, { cursor: null, selection: null });
    this.canvas.setImage(image, picture.width, picture.height, { keepView });
    this.pictures.hold(picture);
    this.session.saw(view);
    this.problem.show(view.picture.problem ?? failure?.message ?? null);
    if (frameFace) this.sight.frameFace();
    this.goTo(this.settle(this));
    if (view === known) this.confirm(view);
    return true;
  }

  /** `view`, which was kept, is shown: ask whether the server still has it so, and show what it has. */
  async confirm(view) {
    const newest = await this.session.face(view.face).catch((error) => void this.note(error.message));
    if (!newest || JSON.stringify(newest) === JSON.stringify(view)) return;
    this.receive({ view: newest, fresh: true });
    if (this.view === newest && this.current === null) this.goTo(this.settle(this));
  }

  async reload() {
    if (!this.view) return;
    const { face } = this.view;
    const view = await this.session.face(face);
    if (this.view.face === face) this.receive({ view, fresh: true });
  }

  receive({ view, fresh }) {
    if (!fresh || view.face !== this.view?.face || this.nudged || this.canvas.gestures.dragging) return;
    const { problem } = view.picture;
    if (problem !== this.view.picture.problem) this.problem.show(problem);
    this.view = view;
    this.session.saw(view);
    // Another page may have labeled what was next here: a click must not overwrite it unseen.
    if (this.waiting && view.points[this.current]) this.current = this.settle(this);
    this.refresh();
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
      // A box that is being drawn or moved is not the server's yet.
      box: this.drawsNewFace ? this.canvas.scene.box : (this.boxKeys.pending?.box ?? view?.box ?? null),
      current,
      cursor: this.cursor.place,
      cursorName: landmark ? landmark.name + hidden : "",
    });
    this.emit("changed", {});
  }

  // A ghost that started as a prediction is where that prediction went.
  shownPredictions() {
    const ghosts = this.openGhosts();
    return Object.fromEntries(Object.entries(this.view?.predictions ?? {}).filter(([id]) => !ghosts[id]));
  }

  /** {id: {x, y}}: where landmarks without a label may lie. */
  openGhosts() {
    const open = Object.entries(this.ghosts).filter(([id]) => !this.view?.points[id] && this.asksFor(id));
    return Object.fromEntries(open);
  }

  showGhosts(ghosts) {
    this.ghosts = ghosts;
    this.refresh();
  }

  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  note(message) {
    this.emit("note", { message });
  }

  select(id) {
    this.flush();
    this.current = id;
    this.pen = 2;
    this.cursor.place = null;
    this.refresh();
  }

  /** Select by key or after an edit: with `follow`, the view goes to where the landmark is expected. */
  goTo(id) {
    this.select(id);
    if (this.sight.follow) this.sight.zoomToExpected();
  }

  step(direction) {
    if (this.definition) this.goTo(stepLandmark(this.definition, this.current, direction));
  }

  // --- edits: shown at once, then sent --------------------------------------------------------------------------

  change(change) {
    this.view = { ...this.view, ...change };
    this.refresh();
  }

  showPoint(id, change) {
    const known = this.view.points[id] ?? { v: 2, source: "placed" };
    this.current = id;
    this.change({ points: { ...this.view.points, [id]: { ...known, ...change } } });
  }

  /** Labels {id: {x, y}} at other places, whatever is current. */
  showPlaces(places) {
    const points = { ...this.view.points };
    for (const [id, place] of Object.entries(places)) points[id] = { ...points[id], ...place };
    this.change({ points });
  }

  /** A point under way: after its first step only the canvas follows, for lists and forms would cost a frame each. */
  dragPoint(id, place) {
    const known = this.view.points[id];
    if (this.current !== id || !known) return this.showPoint(id, place);
    this.view = { ...this.view, points: { ...this.view.points, [id]: { ...known, ...place } } };
    this.canvas.show({ points: this.view.points });
  }

  /** The labels of `ids` as they are shown, as one edit. */
  send(ids, source) {
    const points = ids.map((id) => {
      const { x, y, v } = this.view.points[id];
      return v ? { id: Number(id), x: round(x), y: round(y), v } : { id: Number(id), x: null, y: null, v };
    });
    this.session.setPoints(this.view.face, points, source);
    this.emit("edited", { face: this.view.face });
  }

  place(id, x, y, source = this.view.predictions[id] ? "corrected" : "placed") {
    this.flush();
    this.canvas.reveal(id);
    this.showPoint(id, { x, y, v: this.pen });
    this.send([id], source);
    this.cursor.lastPlace = [x, y];
    this.advance();
  }

  move(id, x, y, source) {
    this.flush();
    this.showPoint(id, { x, y });
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
    return nextUnlabeled(this.definition, this.view.points) === null;
  }

  /** Arrow keys: move the box, what is selected, the labeled current point, or the keyboard's cursor for one that has none. */
  nudge(dx, dy) {
    if (this.boxKeys.active) return this.boxKeys.move(dx, dy);
    if (this.selection.scope) return this.selection.move(dx, dy);
    if (this.current === null) return;
    const point = this.view.points[this.current];
    if (point?.v === 0) return;
    if (!point) return this.cursor.move(dx, dy);
    const [x, y] = this.within(point.x + dx, point.y + dy);
    this.showPoint(this.current, { x, y });
    this.sendSoon([this.current], "nudged");
  }

  /** Send the labels of `ids` after a pause: many small steps are one edit, and one undo. */
  sendSoon(ids, source) {
    clearTimeout(this.nudged?.timer);
    this.nudged = { ids, source, timer: setTimeout(() => this.flush(), NUDGE_PAUSE_MS) };
  }

  within(x, y) {
    return [Math.min(Math.max(x, 0), this.picture.width), Math.min(Math.max(y, 0), this.picture.height)];
  }

  /** Send now what waits to be sent. */
  flush() {
    this.boxKeys.flush();
    if (!this.nudged) return;
    const { ids, source, timer } = this.nudged;
    clearTimeout(timer);
    this.nudged = null;
    this.send(ids, source);
  }

  /** Enter: put the current landmark where the keyboard's cursor, or else its ghost, or else the pointer is. */
  placeAtCursor() {
    if (this.boxKeys.active) return this.boxKeys.enter();
    const id = this.current;
    if (id === null) return this.note("Every landmark of this face has its label.");
    const ghost = this.openGhosts()[id];
    if (ghost && !this.cursor.place) return this.place(id, ghost.x, ghost.y, "started");
    const byKeys = Boolean(this.cursor.place);
    const place = this.cursor.place ?? this.canvas.pointer;
    if (place) {
      this.place(id, ...place);
      if (byKeys && this.waiting) this.cursor.show();
    } else if (!this.view.points[id] && !this.accept([id])) this.cursor.show();
    else this.advance();
  }

  clear() {
    this.flush();
    const id = this.current;
    if (id === null || !this.view.points[id]) return;
    const { [id]: _, ...points } = this.view.points;
    this.change({ points });
    this.session.clearPoints(this.view.face, [id]);
    this.emit("edited", { face: this.view.face });
  }

  /** Visibility 0, 1 or 2 of the current landmark; before it is placed, 1 and 2 are for the point to come. */
  setVisibility(v) {
    this.flush();
    const id = this.current;
    if (id === null) return;
    const point = this.view.points[id];
    if (!point && v > 0) {
      this.pen = v;
      return this.refresh();
    }
    if (v === 0) {
      if (point?.v) this.placesBefore.set(id, [point.x, point.y]);
      this.showPoint(id, { x: null, y: null, v });
    } else if (point.v === 0) {
      const before = this.placesBefore.get(id);
      if (!before) return this.clear();
      this.showPoint(id, { x: before[0], y: before[1], v });
    } else this.showPoint(id, { v });
    this.send([id], "placed");
    if (!point) this.advance();
  }

  cycleVisibility() {
    const point = this.view?.points[this.current];
    this.setVisibility(point ? [2, 0, 1][point.v] : 3 - this.pen);
  }

  /** Take predictions for labels: those of `ids`, or (null) of every landmark that has no label. */
  accept(ids) {
    this.flush();
    const wanted = (ids ?? Object.keys(this.view.predictions)).filter(
      (id) => this.view.predictions[id] && !this.view.points[id],
    );
    // An undo on its way may free more than is seen here: then the server knows what is left to accept.
    if (!wanted.length && (ids || !this.session.pending(this.view.face))) return false;
    const points = { ...this.view.points };
    for (const id of wanted) points[id] = { ...placeOf(this.view.predictions[id]), v: 2, source: "accepted" };
    this.change({ points });
    this.session.accept(this.view.face, ids && wanted, wanted);
    this.emit("edited", { face: this.view.face });
    return true;
  }

  /** Take all ghosts for labels: one edit, and one undo. */
  takeGhosts() {
    this.flush();
    const ghosts = Object.entries(this.openGhosts()).map(([id, { x, y }]) => ({ id, x: round(x), y: round(y), v: 2 }));
    if (!ghosts.length) return false;
    const points = { ...this.view.points };
    for (const { id, ...place } of ghosts) points[id] = { ...place, source: "started" };
    this.change({ points });
    const sent = ghosts.map((point) => ({ ...point, id: Number(point.id) }));
    this.session.setPoints(this.view.face, sent, "started");
    this.emit("edited", { face: this.view.face });
    this.advance();
    return true;
  }

  /** `action`: "undo" or "redo". The landmark that it changed becomes current. */
  async undo(action) {
    this.flush();
    const { face, points: before } = this.view;
    const view = await this.session.edit(face, action, {});
    if (!view || this.view.face !== face) return;
    const changed = this.definition.landmarks
      .map(({ id }) => id)
      .filter((id) => JSON.stringify(before[id]) !== JSON.stringify(view.points[id]));
    if (changed.length === 1) this.goTo(changed[0]);
    else if (changed.length) this.goTo(this.settle(this));
  }

  boxDrawn(box) {
    if (this.drawsNewFace) return this.emit("newface", { box });
    this.change({ box });
    this.session.setBox(this.view.face, box.map(round));
    this.emit("edited", { face: this.view.face });
  }
}

const round = (value) => Math.round(value * 1000) / 1000;
const placeOf = ({ x, y }) => ({ x, y });
