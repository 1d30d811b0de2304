// The schema page: which landmarks there are, shown on a reference picture. Changes are a draft until saved.

import { LandmarkCanvas } from "../canvas/canvas.js";
import { helpCommand } from "../face/commands.js";
import { linesOf } from "./connect.js";
import { el, toast } from "../shell/dom.js";
import * as drafts from "./draft.js";
import { DraftHistory } from "./draft_history.js";
import { stepLandmark } from "../face/face.js";
import { Hand } from "./pointer_tools.js";
import { LandmarkTable } from "./landmark_table.js";
import { mirroredImage, mirroredPlaces } from "./mirror_view.js";
import { emptyState, NO_PICTURES, whenStale } from "../shell/page.js";
import { PairsPanel, review } from "./pairs_panel.js";
import { PictureCache } from "../canvas/pictures.js";
import { SchemaArchive } from "./schema_archive.js";
import { SchemaForm } from "./schema_form.js";
import { SchemaOverlay } from "./schema_overlay.js";
import { schemaCommands } from "./schema_commands.js";
import { Shortcuts } from "../shell/shortcuts.js";

const CHECK_PAUSE_MS = 300;
const MIRRORED = "As a mirror shows it: every name must stand where it belongs. Shift+M turns back.";
const NO_LANDMARK = "No landmark yet: choose a template, or click the first one onto the picture.";

export class SchemaPage {
  constructor(root, session) {
    Object.assign(this, {
      root,
      session,
      history: new DraftHistory(`mdmd.draft.${session.project}`),
      draft: drafts.emptyDraft(),
      current: null,
      mirrored: false,
      dirty: false,
    });
    this.archive = new SchemaArchive(this);
    this.hand = new Hand(this);
    this.pictureCache = new PictureCache(session);
    root.classList.add("workbench", "schema");
    this.stage = el("div.stage");
    this.hint = el("div.hint", { role: "status" });
    this.side = el("aside.right.schema-side");
    root.append(this.stage, this.side);
    this.canvas = new LandmarkCanvas(this.stage, { label: "Reference picture with landmarks" });
    this.overlay = new SchemaOverlay(this.stage, this.canvas);
    this.stage.append(this.hint);
    this.buildSide();
    this.shortcuts = new Shortcuts(root, [...schemaCommands(this), helpCommand(this)], { canvas: this.canvas.element });
    root.append(this.shortcuts.toolbar());
    this.listen();
  }

  buildSide() {
    this.form = new SchemaForm({
      change: (draft) => this.apply(draft),
      template: (name) => this.archive.startFrom(name),
      picture: (id) => this.setPicture(id),
      importFile: (file) => this.archive.importFile(file),
      exportFile: () => this.archive.exportFile(),
      group: (group) => this.hand.chooseGroup(group),
      versions: () => this.archive.openVersions(),
      select: (id) => this.goTo(id),
      save: () => this.archive.save(),
    });
    this.pairs = new PairsPanel({
      change: (draft) => this.apply(draft),
      select: (id) => this.select(id),
      mirrored: () => this.toggleMirrored(),
    });
    this.side.append(this.form.head, this.pairs.element);
    this.table = new LandmarkTable(this.side, {
      onSelect: (id) => this.select(id),
      onChange: (draft) => this.apply(draft),
      onRemove: (id) => this.removeLandmark(id),
    });
    this.side.append(...this.form.foot);
  }

  listen() {
    const on = (name, handle) => this.canvas.addEventListener(name, ({ detail }) => handle(detail));
    on("select", ({ id, x, y }) => this.hand.clicked(id, x, y));
    on("place", ({ id, x, y }) => this.hand.placed(id, x, y));
    on("drag", ({ id, x, y }) => this.hand.draggedTo(id, [x, y]));
    on("dragend", ({ id, x, y }) => this.hand.dropped(id, [x, y]));
    on("dragcancel", () => this.hand.dropped(null));
    window.addEventListener("beforeunload", (event) => this.dirty && event.preventDefault());
    this.root.addEventListener("dragover", (event) => event.preventDefault());
    this.root.addEventListener("drop", (event) => {
      event.preventDefault();
      const [file] = event.dataTransfer.files;
      if (file) this.archive.importFile(file);
    });
    whenStale(this.root, this.session, () => this.load());
  }

  /** Show what the server has; what is worked on here stays, and so does the selection. */
  async load() {
    if (this.dirty) return;
    const [saved, pictures] = await Promise.all([this.session.get("/definition"), this.session.get("/pictures")]);
    this.pictures = pictures;
    emptyState(this.root, pictures.length ? null : NO_PICTURES);
    if (!pictures.length) return;
    const kept = this.history.kept();
    let draft = kept?.draft ?? drafts.draftOf(saved.category, saved.reference);
    if (!this.has(draft.picture)) draft = await this.onPicture(draft, this.mostLabeled());
    // Whoever has begun to work while the answers came goes on with what was shown.
    if (this.dirty) return;
    const same = saved.version === this.archive.version && JSON.stringify(draft) === JSON.stringify(this.draft);
    this.archive.saved = saved;
    this.form.offer(saved.templates, pictures);
    if (same) return this.show(this.draft);
    this.history.begin(draft, saved.version);
    this.dirty = Boolean(kept);
    // A draft that a closed page left, though another version was saved since.
    if (kept && kept.version !== saved.version)
      this.say(`Version ${saved.version} was saved elsewhere. Your draft is kept: Save shows what it would change.`);
    if (!draft.landmarks.some(({ id }) => id === this.current)) this.current = null;
    this.show(draft);
    this.select(this.current ?? this.nextUnplaced());
    this.check();
  }

  has(picture) {
    return this.pictures.some(({ id }) => id === picture);
  }

  /** Do `work`; say why where it cannot be done. */
  async trying(work) {
    try {
      await work();
    } catch (error) {
      this.say(error.message);
    }
  }

  say(message) {
    toast(this.root, message, "warning");
  }

  // --- the draft ----------------------------------------------------------------------------------------------

  /** Make `draft` the current one; the one before can be had back with Ctrl+Z. */
  apply(draft) {
    if (draft === this.history.draft) return this.show(draft);
    this.history.push(draft);
    this.settle(draft);
  }

  settle(draft) {
    this.dirty = true;
    this.hand.letGo(draft);
    if (!draft.landmarks.some(({ id }) => id === this.current)) this.current = null;
    this.show(draft);
    this.check();
  }

  undo() {
    const draft = this.history.undo();
    if (draft) this.settle(draft);
  }

  redo() {
    const draft = this.history.redo();
    if (draft) this.settle(draft);
  }

  /** Go on with another draft as a whole. */
  begin(draft) {
    this.apply(draft);
    this.select(this.nextUnplaced());
  }

  /** The server has the draft, and gave its new landmarks their ids. */
  wasSaved(draft) {
    const at = this.draft.landmarks.findIndex(({ id }) => id === this.current);
    this.history.forget();
    const placed = draft.picture ? draft : { ...draft, picture: this.draft.picture };
    this.history.begin(placed, this.archive.version);
    Object.assign(this, { dirty: false, current: draft.landmarks[at]?.id ?? null });
    this.hand.letGo(placed);
    this.show(placed);
  }

  check() {
    clearTimeout(this.checking);
    this.checking = setTimeout(async () => {
      const draft = this.draft;
      const said = (text) => ({ problems: [{ text, landmarks: [] }], cautions: [] });
      const { category } = drafts.toSave(draft);
      const answer = draft.landmarks.length
        ? await this.session.request("POST", "/definition/check", { category }).catch((error) => said(error.message))
        : said(NO_LANDMARK);
      if (draft.landmarks === this.draft.landmarks) this.showFindings(answer);
    }, CHECK_PAUSE_MS);
  }

  showFindings(answer) {
    const { landmarks } = this.draft;
    this.form.showFindings(answer, landmarks);
    const byLandmark = new Map();
    const list = (findings, tone) =>
      findings.forEach(({ text, landmarks: about }) =>
        about.forEach((k) => byLandmark.has(landmarks[k]?.id) || byLandmark.set(landmarks[k]?.id, { text, tone })),
      );
    list(answer.problems, "problem");
    list(answer.cautions, "caution");
    this.table.showFindings(byLandmark);
  }

  // --- what is shown ------------------------------------------------------------------------------------------

  show(draft) {
    this.draft = draft;
    if (draft.picture !== this.picture?.id) this.showPicture(draft.picture);
    const { imageWidth } = this.canvas.viewport;
    const places = this.mirrored ? mirroredPlaces(draft, imageWidth) : draft.places;
    const points = Object.fromEntries(Object.entries(places).map(([id, [x, y]]) => [id, { x, y, v: 2 }]));
    const { mode, from, dragged } = this.hand;
    const cursor = this.mirrored ? null : this.hand.cursor;
    const current = draft.landmarks.find(({ id }) => id === this.current);
    this.canvas.show({ definition: draft, points, current: this.current, cursor, cursorName: current?.name ?? "" });
    const found = mode === "pairs" ? review(draft) : null;
    const to = dragged ?? (mode === "points" ? null : places[this.current]);
    this.overlay.show(linesOf(draft, places, { mode, from, to, odd: found?.odd ?? new Set() }));
    this.pairs.show(draft, found, this.mirrored);
    this.table.show(draft, this.current);
    const group = current ? current.group : this.hand.group;
    this.form.show(draft, { dirty: this.dirty, version: this.archive.version, group });
    this.hint.textContent = this.mirrored ? MIRRORED : this.hand.hint(current);
    this.shortcuts.refresh();
  }

  async showPicture(id) {
    const picture = this.pictures.find((other) => other.id === id) ?? this.pictures[0];
    this.picture = picture;
    this.image = null;
    const image = await this.pictureCache.get(picture).catch(() => null);
    if (this.picture !== picture) return;
    this.image = image;
    this.canvas.setImage(this.mirrored ? mirroredImage(image) : image, picture.width, picture.height);
    this.pictureCache.hold(picture);
    this.show(this.draft);
  }

  async setPicture(id) {
    const picture = this.pictures.find((other) => other.id === id);
    this.begin(await this.onPicture(this.draft, picture));
  }

  mostLabeled() {
    const labeled = ({ faces }) => faces[0]?.labeled ?? 0;
    return this.pictures.reduce((best, picture) => (labeled(picture) > labeled(best) ? picture : best));
  }

  /** `draft` on another picture: at the labels that its first face has. */
  async onPicture(draft, { id, faces }) {
    const face = faces[0] && (await this.session.get(`/faces/${faces[0].id}`).catch(() => null));
    const places = {};
    for (const landmark of draft.landmarks) {
      const point = face?.points[landmark.id];
      if (point?.v) places[landmark.id] = [point.x, point.y];
    }
    return { ...draft, picture: id, places };
  }

  toggleMirrored() {
    this.mirrored = !this.mirrored;
    this.canvas.setImage(this.mirrored ? mirroredImage(this.image) : this.image, this.picture.width, this.picture.height);
    this.show(this.draft);
  }

  // --- the current landmark ------------------------------------------------------------------------------------------

  nextUnplaced() {
    return this.draft.landmarks.find(({ id }) => !this.draft.places[id])?.id ?? null;
  }

  select(id) {
    if (id === this.current && id !== null && this.table.draft === this.draft) return;
    this.current = id;
    if (this.draft.places[id]) this.hand.cursor = null;
    this.show(this.draft);
  }

  /** Select a landmark and go to its name in the list. */
  goTo(id) {
    this.select(id);
    this.table.focusName(id);
  }

  step(direction) {
    if (this.draft.landmarks.length) this.select(stepLandmark(this.draft, this.current, direction));
  }

  reorder(step) {
    const at = this.draft.landmarks.findIndex(({ id }) => id === this.current);
    if (at >= 0) this.apply(drafts.moveTo(this.draft, this.current, at + step));
  }

  removeLandmark(id) {
    if (id === null) return;
    const order = this.draft.landmarks.map((landmark) => landmark.id);
    const at = order.indexOf(id);
    this.current = order[at + 1] ?? order[at - 1] ?? null;
    this.apply(drafts.remove(this.draft, id));
  }

  // Esc: out of the mirror first.
  leave() {
    if (this.mirrored) this.toggleMirrored();
    else this.hand.leave();
  }
}
