// The schema page: the landmarks of the definition, shown on a reference picture. Changes are a draft until they are saved.

import { LandmarkCanvas } from "../canvas/canvas.js";
import { helpCommand } from "../face/face_commands.js";
import { linesOf } from "./connect.js";
import { el, toast } from "../shell/dom.js";
import * as drafts from "./draft.js";
import { DraftHistory } from "./draft_history.js";
import { stepLandmark } from "../face/face.js";
import { PointerTools } from "./pointer_tools.js";
import { LandmarkTable } from "./landmark_table.js";
import { mirroredImage, mirroredPlaces } from "./mirror_view.js";
import { emptyState, messageOf, NO_PICTURES, whenStale } from "../shell/page.js";
import { review } from "./pair_review.js";
import { PairsPanel } from "./pairs_panel.js";
import { PictureCache } from "../canvas/pictures.js";
import { SchemaArchive } from "./schema_archive.js";
import { SchemaForm } from "./schema_form.js";
import { SchemaOverlay } from "./schema_overlay.js";
import { schemaCommands } from "./schema_commands.js";
import { Shortcuts } from "../shell/shortcuts.js";
import { goToTab } from "../shell/tabs.js";

/** @import { CanvasImage, DefinitionFinding, DefinitionFindings, Draft, FaceView, Landmark, Picture, SavedDefinition } from "../shell/types.js" */
/** @import { Session } from "../shell/session.js" */
/** @import { RowFinding } from "./landmark_table.js" */

const CHECK_PAUSE_MS = 300;
const MIRRORED = "Mirror image: every name must still be at the right place. Shift+M flips it back.";
const NO_LANDMARK = "No landmark yet: choose a template, or click the picture to add the first one.";

export class SchemaPage {
  /**
   * @param {HTMLElement} root
   * @param {Session} session
   */
  constructor(root, session) {
    this.root = root;
    this.session = session;
    this.history = new DraftHistory(session.keyOf("draft"));
    this.draft = drafts.emptyDraft();
    /** @type {string | null} */
    this.current = null;
    this.mirrored = false;
    /** Whether the draft differs from the saved version. */
    this.dirty = false;
    /** The draft that is the saved version, if there is one. @type {Draft | null} */
    this.clean = null;
    /** Landmarks that a person has marked absent on the reference picture. @type {Set<string>} */
    this.absent = new Set();
    /** @type {Picture[]} */
    this.pictures = [];
    /** The reference picture, and its pixels once they are loaded. @type {Picture | null} */
    this.picture = null;
    /** @type {CanvasImage | null} */
    this.image = null;
    /** @type {number | undefined} */
    this.checking = undefined;
    this.archive = new SchemaArchive(this);
    this.pointerTools = new PointerTools(this);
    this.pictureCache = new PictureCache(session);
    root.classList.add("workbench", "schema");
    this.stage = el("div.stage");
    this.hint = el("div.hint", { role: "status" });
    this.side = el("aside.right.schema-side", { "aria-label": "Landmarks" });
    root.append(this.stage, this.side);
    this.canvas = new LandmarkCanvas(this.stage, { label: "Reference picture with landmarks" });
    this.overlay = new SchemaOverlay(this.stage, this.canvas);
    this.stage.append(this.hint);
    this.form = this.buildForm();
    this.pairs = this.buildPairs();
    this.side.append(this.form.head, this.pairs.element);
    this.table = new LandmarkTable(this.side, {
      onSelect: (id) => this.select(id),
      onChange: (draft) => this.apply(draft),
      onRemove: (id) => this.removeLandmark(id),
    });
    this.side.append(...this.form.foot);
    this.shortcuts = new Shortcuts(root, [...schemaCommands(this), helpCommand(this)], { canvas: this.canvas.element });
    root.append(this.shortcuts.toolbar());
    this.listen();
  }

  buildForm() {
    return new SchemaForm({
      change: (draft) => this.apply(draft),
      template: (name) => this.archive.startFrom(name),
      picture: (id) => this.setPicture(id),
      importFile: (file) => this.archive.importFile(file),
      exportFile: () => this.archive.exportFile(),
      group: (group) => this.pointerTools.chooseGroup(group),
      versions: () => this.archive.openVersions(),
      pairs: () => this.pointerTools.setMode("pairs"),
      select: (id) => this.goTo(id),
      save: () => this.archive.save(),
      label: () => goToTab("label"),
    });
  }

  buildPairs() {
    return new PairsPanel({
      change: (draft) => this.apply(draft),
      select: (id) => this.select(id),
      mirrored: () => this.toggleMirrored(),
    });
  }

  listen() {
    const { canvas } = this;
    canvas.on("select", ({ id, x, y }) => this.pointerTools.clicked(id, x, y));
    canvas.on("place", ({ id, x, y }) => this.pointerTools.placed(id, x, y));
    canvas.on("outside", () => this.pointerTools.outside());
    canvas.on("drag", ({ id, x, y }) => this.pointerTools.draggedTo(id, [x, y]));
    canvas.on("dragend", ({ id, x, y }) => this.pointerTools.dropped(id, [x, y]));
    canvas.on("dragcancel", () => this.pointerTools.dropped(null));
    window.addEventListener("beforeunload", (event) => this.dirty && event.preventDefault());
    this.root.addEventListener("dragover", (event) => event.preventDefault());
    this.root.addEventListener("drop", (event) => {
      event.preventDefault();
      const file = event.dataTransfer?.files[0];
      if (file) this.archive.importFile(file);
    });
    whenStale(this.root, this.session, () => this.load());
  }

  /** Shows what the server has. Unsaved work and the selection stay. */
  async load() {
    if (this.dirty) return;
    /** @type {[SavedDefinition, Picture[]]} */
    const [saved, pictures] = await Promise.all([this.session.get("/definition"), this.session.get("/pictures")]);
    this.pictures = pictures;
    emptyState(this.root, pictures.length ? null : NO_PICTURES);
    if (!pictures.length) return;
    const kept = this.history.kept();
    let draft = kept?.draft ?? drafts.draftOf(saved.category, saved.reference);
    if (!this.has(draft.picture)) draft = await this.onPicture(draft, this.mostLabeled());
    else await this.firstFace(pictures.find(({ id }) => id === draft.picture));
    // Work that began while the answers were on their way continues.
    if (this.dirty) return;
    const same = saved.version === this.archive.version && JSON.stringify(draft) === JSON.stringify(this.draft);
    this.archive.saved = saved;
    this.form.offer(saved.templates, pictures);
    if (same) return this.show(this.draft);
    this.history.begin(draft, kept?.version ?? saved.version);
    this.dirty = Boolean(kept);
    this.clean = kept ? null : draft;
    if (!draft.landmarks.some(({ id }) => id === this.current)) this.current = null;
    this.show(draft);
    this.select(this.current ?? this.nextUnplaced());
    this.check();
    // A closed page left this draft, and another version was saved since.
    if (kept && kept.version !== saved.version) await this.archive.meetNewer();
  }

  /** @param {number | null} picture */
  has(picture) {
    return this.pictures.some(({ id }) => id === picture);
  }

  /**
   * Does `work`, and shows the reason where it fails.
   * @param {() => Promise<unknown>} work
   */
  async trying(work) {
    try {
      await work();
    } catch (error) {
      this.say(messageOf(error));
    }
  }

  /** @param {string} message */
  say(message) {
    toast(this.root, message, "warning");
  }

  // --- the draft ----------------------------------------------------------------------------------------------

  /**
   * Makes `draft` the current one; undo goes back to the one before.
   * @param {Draft} draft
   */
  apply(draft) {
    if (draft === this.history.draft) return this.show(draft);
    this.history.push(draft);
    this.settle(draft);
  }

  /** @param {Draft} draft */
  settle(draft) {
    this.dirty = draft !== this.clean;
    if (!this.dirty) this.history.forget();
    this.pointerTools.letGo(draft);
    if (!draft.landmarks.some(({ id }) => id === this.current)) this.current = null;
    this.show(draft);
    this.check();
  }

  undo() {
    const draft = this.history.undo();
    this.form.note("start", null);
    if (draft) this.settle(draft);
  }

  redo() {
    const draft = this.history.redo();
    if (draft) this.settle(draft);
  }

  /**
   * Continues with another draft as a whole.
   * @param {Draft} draft
   */
  begin(draft) {
    this.apply(draft);
    this.select(this.nextUnplaced());
  }

  /**
   * The server has saved the draft `sent` as `draft`, and given ids to its new landmarks. What was changed meanwhile stays, as
   * a change of the saved one.
   * @param {Draft} sent
   * @param {Draft} draft
   */
  wasSaved(sent, draft) {
    const ids = new Map(sent.landmarks.map(({ id }, k) => [id, draft.landmarks[k]?.id ?? id]));
    const later = this.draft === sent ? null : { ...drafts.withIds(this.draft, ids), category: draft.category };
    const current = this.current === null ? null : (ids.get(this.current) ?? this.current);
    this.history.forget();
    const placed = draft.picture ? draft : { ...draft, picture: this.draft.picture };
    this.history.begin(placed, this.archive.version);
    Object.assign(this, { dirty: false, clean: placed, current });
    this.pointerTools.letGo(placed);
    this.form.note("start", null);
    if (later) return this.apply(later);
    this.show(placed);
    // The rows of new landmarks are new too, and know no findings.
    this.check();
  }

  check() {
    clearTimeout(this.checking);
    this.checking = setTimeout(async () => {
      const { draft } = this;
      const found = await this.findings();
      if (draft.landmarks === this.draft.landmarks) this.showFindings(found);
    }, CHECK_PAUSE_MS);
  }

  /**
   * What the server says about the draft, and what its places say about the pairs.
   * @returns {Promise<DefinitionFindings>}
   */
  async findings() {
    const { draft } = this;
    if (!draft.landmarks.length) return { problems: [{ text: NO_LANDMARK, landmarks: [] }], cautions: [] };
    const { category } = drafts.toSave(draft);
    /** @type {DefinitionFindings} */
    const { problems, cautions } = await this.session
      .request("POST", "/definition/check", { category })
      .catch((error) => ({ problems: [refusal(messageOf(error))], cautions: [] }));
    return { problems, cautions: [...cautions, ...review(draft).cautions] };
  }

  /** @param {DefinitionFindings} answer */
  showFindings(answer) {
    const { landmarks } = this.draft;
    const proposed = review(this.draft).proposals.filter(({ instead }) => !instead).length;
    this.form.showFindings(answer, landmarks, this.pointerTools.mode === "pairs" ? 0 : proposed);
    /** @type {Map<string, RowFinding>} */
    const byLandmark = new Map();
    /** @type {(tone: RowFinding["tone"], findings: DefinitionFindings["problems"]) => void} */
    const list = (tone, findings) => {
      for (const { text, landmarks: about } of findings)
        for (const { id } of about.map((k) => landmarks[k]).filter(Boolean))
          if (!byLandmark.has(id)) byLandmark.set(id, { text, tone });
    };
    list("problem", answer.problems);
    list("caution", answer.cautions);
    this.table.showFindings(byLandmark);
  }

  // --- what is shown ------------------------------------------------------------------------------------------

  /** @param {Draft} draft */
  show(draft) {
    this.draft = draft;
    const picture = this.pictures.find(({ id }) => id === draft.picture) ?? this.pictures[0];
    if (picture && picture.id !== this.picture?.id) this.showPicture(picture);
    const { imageWidth } = this.canvas.viewport;
    const places = this.mirrored ? mirroredPlaces(draft, imageWidth) : draft.places;
    const points = Object.fromEntries(Object.entries(places).map(([id, [x, y]]) => [id, { x, y, v: /** @type {const} */ (2) }]));
    const { mode, from, dragged } = this.pointerTools;
    const cursor = this.mirrored ? null : this.pointerTools.cursor;
    const current = draft.landmarks.find(({ id }) => id === this.current);
    this.canvas.show({ definition: draft, points, current: this.current, cursor, cursorName: current?.name ?? "" });
    const found = mode === "pairs" ? review(draft) : null;
    const to = dragged ?? (mode === "points" || this.current === null ? null : places[this.current]);
    this.overlay.show(linesOf(draft, places, { mode, from, to, odd: found?.odd ?? new Set() }));
    this.pairs.show(draft, found, this.mirrored);
    this.table.show(draft, this.current);
    const group = current ? current.group : this.pointerTools.group;
    this.form.show(draft, { dirty: this.dirty, version: this.archive.version, group });
    this.hint.textContent = this.mirrored ? MIRRORED : this.pointerTools.hint(current);
    this.shortcuts.refresh();
  }

  /** @param {Picture} picture */
  async showPicture(picture) {
    this.picture = picture;
    this.image = null;
    const image = await this.pictureCache.get(picture).catch(() => null);
    if (this.picture !== picture) return;
    const failed = `${picture.name} could not be loaded. Choose another picture, or reload the page.`;
    this.form.note("picture", image ? null : { text: failed, tone: "problem" });
    this.image = image;
    this.canvas.setImage(this.mirrored ? mirroredImage(image) : image, picture.width, picture.height);
    this.pictureCache.hold(picture);
    this.show(this.draft);
  }

  /** @param {number} id */
  async setPicture(id) {
    const picture = this.pictures.find((other) => other.id === id);
    if (picture) this.begin(await this.onPicture(this.draft, picture));
  }

  mostLabeled() {
    /** @param {Picture} picture */
    const labeled = ({ faces }) => faces[0]?.labeled ?? 0;
    return this.pictures.reduce((best, picture) => (labeled(picture) > labeled(best) ? picture : best));
  }

  /**
   * The draft on another picture: at the labels of its first face.
   * @param {Draft} draft
   * @param {Picture} picture
   * @returns {Promise<Draft>}
   */
  async onPicture(draft, picture) {
    const face = await this.firstFace(picture);
    /** @type {Draft["places"]} */
    const places = {};
    for (const landmark of draft.landmarks) {
      const point = face?.points[landmark.id];
      if (point?.v) places[landmark.id] = [point.x, point.y];
    }
    return { ...draft, picture: picture.id, places };
  }

  /**
   * The first face of the reference picture, if it has one, and what is absent on it.
   * @param {Picture | undefined} picture
   * @returns {Promise<FaceView | null>}
   */
  async firstFace(picture) {
    const first = picture?.faces[0];
    /** @type {FaceView | null} */
    const face = first ? await this.session.get(`/faces/${first.id}`).catch(() => null) : null;
    const absent = Object.entries(face?.points ?? {}).filter(([, { v }]) => v === 0);
    this.absent = new Set(absent.map(([id]) => id));
    return face;
  }

  toggleMirrored() {
    if (!this.picture) return;
    this.mirrored = !this.mirrored;
    const { width, height } = this.picture;
    this.canvas.setImage(this.mirrored ? mirroredImage(this.image) : this.image, width, height);
    this.show(this.draft);
  }

  // --- the current landmark ------------------------------------------------------------------------------------------

  nextUnplaced() {
    return this.draft.landmarks.find(({ id }) => !this.draft.places[id] && !this.absent.has(id))?.id ?? null;
  }

  /** @param {string | null} id */
  select(id) {
    if (id === this.current && id !== null && this.table.draft === this.draft) return;
    this.current = id;
    if (id !== null && this.draft.places[id]) this.pointerTools.cursor = null;
    this.show(this.draft);
  }

  /**
   * Selects a landmark and moves the focus to its name in the list.
   * @param {string} id
   */
  goTo(id) {
    this.select(id);
    this.table.focusName(id);
  }

  /** @param {number} direction */
  step(direction) {
    if (this.draft.landmarks.length) this.select(stepLandmark(this.draft, this.current, direction));
  }

  /** @param {number} step */
  reorder(step) {
    const at = this.draft.landmarks.findIndex(({ id }) => id === this.current);
    if (this.current !== null && at >= 0) this.apply(drafts.moveTo(this.draft, this.current, at + step));
  }

  /** @param {string | null} id */
  removeLandmark(id) {
    if (id === null) return;
    const order = this.draft.landmarks.map((landmark) => landmark.id);
    const at = order.indexOf(id);
    this.current = order[at + 1] ?? order[at - 1] ?? null;
    this.apply(drafts.remove(this.draft, id));
  }

  /** Esc: leaves the mirror image first. */
  leave() {
    if (this.mirrored) this.toggleMirrored();
    else this.pointerTools.leave();
  }
}

/**
 * A request that was refused as a finding: "category.name: is ..." is about the name, "category.keypoints.3: ..." about a
 * landmark.
 * @param {string} message
 * @returns {DefinitionFinding}
 */
function refusal(message) {
  const [, key, index, text] = message.match(/^category\.(\w+)(?:\.(\d+))?: (.*)$/s) ?? [];
  if (key === "name") return { text: `the name ${text}`, landmarks: [], key };
  if (key === "keypoints" && index) return { text: `the name ${text}`, landmarks: [Number(index)] };
  return { text: message, landmarks: [] };
}
