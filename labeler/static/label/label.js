// The label page: faces on the left, the picture in the middle, the landmarks on the right, tools below.

import { Checks } from "./checks.js";
import { Duplicates } from "./duplicates.js";
import { el, inTurn, onceAFrame, toast } from "../shell/dom.js";
import { FaceEditor } from "../face/editor.js";
import { doubtText, expectedText, proposerText, summary } from "../face/face.js";
import { FaceHead } from "./face_head.js";
import { nextUnfinished } from "./filters.js";
import { HistoryPanel } from "./history.js";
import { LandmarkList } from "../face/landmarks.js";
import { remember } from "../shell/memory.js";
import { GroupPass } from "./group_pass.js";
import { labelCommands } from "./label_commands.js";
import { Proposal, startMenu } from "./proposal.js";
import {
  emptyState,
  facesOf,
  loadProject,
  messageOf,
  NO_DEFINITION,
  NO_PICTURES,
  whenSaved,
  whenStale,
} from "../shell/page.js";
import { FacePicker } from "./picker.js";
import { askToRemovePicture } from "./remove_picture.js";
import { Repeats } from "./repeats.js";
import { Schematic } from "../canvas/schematic.js";
import { Shortcuts } from "../shell/shortcuts.js";
import { Skipping } from "../face/skip.js";

/** @import { Box, Definition, FaceItem, Landmark, LoadedReference, Tone } from "../shell/types.js" */
/** @import { Session } from "../shell/session.js" */

/** How often the server is asked whether points are proposed by now for a face that shows none. */
const PROPOSED_MS = 1000;
const NOTHING_PROPOSED = "No point is proposed here: place the landmarks, or press U for the next unfinished face.";

export class LabelPage {
  /**
   * @param {HTMLElement} root
   * @param {Session} session
   */
  constructor(root, session) {
    this.root = root;
    this.session = session;
    /** @type {Definition | null} */
    this.definition = null;
    /** @type {LoadedReference | null} */
    this.reference = null;
    /** What a drag does: it places landmarks, draws the box, or draws the box of a new face. @type {"place" | "box" | "face"} */
    this.mode = "place";
    /** The face from which the page went on by itself to the open one, until that is edited. @type {number | null} */
    this.cameFrom = null;
    /** The box of the face that was added last. @type {Box | null} */
    this.adding = null;
    /** The open face, once it was edited. @type {number | null} */
    this.edited = null;
    this.show = onceAFrame(() => this.draw());
    this.undo = inTurn(() => this.takeBackLast());
    root.classList.add("workbench");
    const left = el("aside.left", { "aria-label": "Faces" });
    this.stage = el("div.stage");
    this.hint = el("div.hint", { role: "status" });
    const right = el("aside.right", { "aria-label": "The open face" });
    this.head = new FaceHead(right, {
      skip: () => this.skipping.toggle(),
      history: () => this.history.toggle(),
      remove: () => this.removeFace(),
      removePicture: () => askToRemovePicture(this),
    });
    this.schematic = new Schematic(right);
    root.append(left, this.stage, right);

    const leave = () => this.editor.canvas.element.focus({ preventScroll: true });
    this.picker = new FacePicker(root, session, { column: left, onOpen: (item) => this.openFace(item), leave });
    this.editor = new FaceEditor(this.stage, session, {
      settle: (editor) => editor.nextToPlace(),
      asksFor: (id) => this.groupPass.asksFor(id),
    });
    this.editor.canvas.show({ certainEllipses: false });
    this.proposal = new Proposal(this.editor, session);
    this.groupPass = new GroupPass(this);
    this.repeats = new Repeats(this);
    this.stage.append(this.hint);
    this.list = new LandmarkList(right, {
      canvas: this.editor.canvas,
      onSelect: (id) => {
        this.editor.select(id);
        leave();
      },
    });
    /** @param {string} id */
    const nameOf = (id) => this.definition?.landmarks.find((landmark) => landmark.id === id)?.name ?? null;
    this.history = new HistoryPanel(right, session, { editor: this.editor, nameOf, leave });
    this.skipping = new Skipping(this, () => this.head.element);
    this.checks = new Checks(this, { onChange: () => this.showMarks() });
    this.duplicates = new Duplicates(this, { onChange: () => this.showMarks() });
    this.shortcuts = new Shortcuts(root, labelCommands(this), { canvas: this.editor.canvas.element });
    const toolbar = this.shortcuts.toolbar();
    toolbar.querySelector("[data-group=start]")?.prepend(startMenu(this.proposal, this.editor.canvas.element));
    root.append(toolbar);
    this.listen();
  }

  listen() {
    const { editor, session } = this;
    editor.on("changed", () => this.show());
    editor.on("edited", ({ face }) => {
      this.edited = face;
      if (face !== this.cameFrom) this.cameFrom = null;
    });
    this.proposal.on("changed", () => this.show());
    editor.on("note", ({ message }) => toast(this.root, message));
    editor.on("completed", () => {
      if (!this.repeats.running) toast(this.root, "Face complete. Press D for the next picture.");
    });
    editor.on("newface", ({ box }) => this.addFace(box));
    session.on("view", ({ view }) => {
      if (this.definition) this.picker.update(view.face, summary(view, this.definition));
    });
    whenStale(this.root, session, (how) => this.load(how));
    whenSaved(this.root, session, () => this.prefetch());
    setInterval(() => this.lookForProposals(), PROPOSED_MS);
  }

  /** Points may be proposed for a face only after it was opened. They are shown while nothing else is. */
  async lookForProposals() {
    const { editor } = this;
    const { view } = editor;
    const labeled = this.items.some((item) => item.labeled > 0);
    if (!view || !labeled || !editor.blank || this.repeats.running || document.hidden || !this.root.offsetParent) return;
    const newest = await this.session.face(view.face).catch(() => null);
    if (!newest || !Object.keys(newest.predictions).length || !editor.blank) return;
    editor.receive({ view: newest, fresh: true }, { predictions: true });
  }

  /** @param {{ cameBack?: boolean }} [how] `cameBack`: the page is shown again, which opens its face again */
  async load({ cameBack = false } = {}) {
    const project = await loadProject(this.session);
    this.definition = project.definition;
    this.reference = project.reference;
    const missing = !project.pictures.length ? NO_PICTURES : !this.definition ? NO_DEFINITION : null;
    emptyState(this.root, missing);
    const { definition } = this;
    if (missing || !definition) return;
    if (JSON.stringify(definition) !== JSON.stringify(this.editor.definition)) {
      this.editor.setDefinition(definition);
      this.list.setDefinition(definition);
    }
    const open = this.picker.open ?? Number(localStorage.getItem(this.placeKey));
    this.picker.setItems(facesOf(project.pictures));
    this.repeats.on = project.settings.repeats > 0;
    const item = this.items.find(({ face }) => face === open) ?? nextUnfinished(this.items, null) ?? this.items[0];
    if (this.repeats.running) await this.editor.reload();
    else if (this.editor.view?.face === item.face) {
      this.select(item);
      await this.editor.reload({ predictions: cameBack });
      this.prefetch();
    } else await this.openFace(item);
    this.showMarks();
    this.checks.refreshSoon();
    this.duplicates.refreshSoon();
    this.repeats.refresh();
  }

  get placeKey() {
    return this.session.keyOf("place");
  }

  /** All faces; the strip may show fewer. */
  get items() {
    return this.picker.items;
  }

  /** The open face's index among all faces, or -1. */
  get index() {
    return this.picker.index;
  }

  /** @param {number} index */
  open(index) {
    return this.openFace(this.items[index]);
  }

  /**
   * `from`: the face that the page leaves by itself, where an undo still belongs.
   * @param {FaceItem | undefined} item
   * @param {{ from?: number | null }} [options]
   */
  async openFace(item, { from = null } = {}) {
    if (!item) return;
    this.cameFrom = from;
    this.edited = null;
    this.select(item);
    this.root.querySelector(".toast.plain")?.remove();
    // On a picture with several faces, the box shows which face is open.
    this.editor.canvas.show({ showBox: item.count > 1 });
    try {
      await this.editor.open(item.face, item.picture);
    } catch (error) {
      return void toast(this.root, messageOf(error), "warning");
    }
    this.setMode("place");
    this.checks.faceOpened(item.face);
    this.repeats.faceOpened();
    if (!this.root.contains(document.activeElement) || this.root.querySelector(".strip:focus-within")) {
      this.editor.canvas.element.focus({ preventScroll: true });
    }
    this.prefetch();
  }

  /** Fetches the faces that may be opened next. */
  prefetch() {
    const near = this.picker.around([1, -1, 2, 3]);
    this.editor.pictures.prefetch(near.map(({ picture }) => picture));
    this.session.prefetch(near.map(({ face }) => face));
  }

  /** @param {FaceItem} item */
  select(item) {
    this.picker.select(item.face);
    remember(localStorage, this.placeKey, String(item.face));
  }

  /** @param {number} direction */
  step(direction) {
    if (this.repeats.running) this.repeats.goOn(Math.max(direction, 0));
    else this.picker.step(direction);
  }

  /** Accepts the face as it is shown, and goes on to the next one that is not complete. */
  acceptFace() {
    const { editor, groupPass, picker, repeats } = this;
    const face = editor.view?.face;
    // A face that is being opened is not on the screen yet.
    if (face === undefined || (face !== picker.open && !repeats.running)) return;
    const taken = editor.takeRest();
    if (groupPass.running) return void (taken || (groupPass.done ? groupPass.goOn() : editor.note(NOTHING_PROPOSED)));
    if (!editor.isComplete()) return void (taken || editor.note(NOTHING_PROPOSED));
    if (repeats.running) return this.step(1);
    const next = picker.unfinished();
    if (next) this.openFace(next, { from: taken || this.edited === face ? face : null });
  }

  get canUndo() {
    return this.cameFrom !== null || this.editor.view?.can_undo;
  }

  /** Right after the page went on by itself, what is undone is on the face before. */
  async takeBackLast() {
    const from = this.items.find(({ face }) => face === this.cameFrom);
    this.cameFrom = null;
    if (from) await this.openFace(from);
    await this.editor.undo("undo", from?.face);
  }

  // --- what is shown ------------------------------------------------------------------------------------------

  draw() {
    const { editor, definition } = this;
    if (!editor.view || !editor.picture || !definition) return;
    const { labeled, of } = summary(editor.view, definition);
    const { face, skip } = editor.view;
    const { nth = 1, count = 1 } = this.items.find((item) => item.face === face) ?? {};
    this.head.show(
      { name: editor.picture.name, labeled, of, nth, count, skip, proposer: [proposerText(editor.view), expectedText(editor.view)].filter(Boolean).join(". ") },
      { check: this.checks.mark(face), note: this.duplicates.note(face) },
    );
    this.history.show();
    this.list.show(editor.view, editor.current);
    const current = definition.landmarks.find(({ id }) => id === editor.current);
    const left = editor.isComplete() ? "All placed" : `${editor.proposed.length} proposed`;
    const caption = !current ? left : editor.view.points[current.id] ? current.name : `Next: ${current.name}`;
    this.schematic.show({
      definition,
      current: editor.current,
      reference: this.reference,
      caption,
      labeled: new Set(Object.keys(editor.view.points)),
    });
    this.hint.textContent = this.hintText(current, skip);
    this.hint.hidden = !this.hint.textContent;
    this.shortcuts.refresh();
  }

  /**
   * What to do now, in one sentence.
   * @param {Landmark | undefined} current
   * @param {string | null} skip
   */
  hintText(current, skip) {
    const { editor, mode } = this;
    if (mode === "face") return "Draw a box around the other face. Esc leaves.";
    if (mode === "box") return "Draw the face's box, or drag a corner. X or Esc leaves.";
    if (editor.selection.scope) return editor.selection.hint;
    if (skip) return `Skipped: ${skip}. Press S to no longer skip it.`;
    if (editor.waiting && current) {
      const pen = editor.pen === 1 ? " as hidden" : "";
      const prediction = editor.shownPredictions()[current.id];
      const ghost = editor.openGhosts()[current.id] ? ", or press Enter to take the start point" : "";
      if (!prediction) return `Click ${current.name}${pen}${ghost}`;
      // One line: a face may reach to the top of the picture.
      const doubt = prediction.flagged ? `. ${doubtText(prediction, editor.view?.flags)}` : "";
      return `Click ${current.name}, or press Enter to accept it${pen}${doubt}`;
    }
    return editor.proposed.length ? "Drag what is wrong, then press Shift+A to accept the rest and go on" : "";
  }

  /** What the label checks and the near-duplicates say, in the strip and the head. */
  showMarks() {
    const { checks, duplicates } = this;
    this.picker.updateAll(({ face }) => ({ checks: checks.count(face), duplicate: duplicates.reason(face) }));
    this.show();
  }

  /**
   * @param {string} message
   * @param {Tone} [tone]
   */
  toast(message, tone) {
    toast(this.root, message, tone);
  }

  // --- boxes and faces ----------------------------------------------------------------------------------------

  /** @param {"place" | "box" | "face"} mode */
  setMode(mode) {
    this.mode = mode;
    this.editor.drawsNewFace = mode === "face";
    this.editor.canvas.show({
      mode: mode === "place" ? "place" : "box",
      box: mode === "face" ? null : this.editor.view?.box,
    });
    this.show();
  }

  /** @param {Box} box */
  async addFace(box) {
    const { picture } = this.editor;
    // The box stays until the face is there: another Enter must not add it again.
    if (!picture || box === this.adding) return;
    this.adding = box;
    const { open } = this.picker;
    try {
      const view = await this.session.request("POST", `/pictures/${picture.id}/faces`, {
        box,
        annotator: this.session.annotator,
      });
      this.session.announceChange();
      await this.load();
      // A person who has gone to another face meanwhile stays there.
      if (this.picker.open === open) await this.openFace(this.items.find(({ face }) => face === view.face));
    } catch (error) {
      this.adding = null;
      toast(this.root, messageOf(error), "warning");
    }
  }

  async removeFace() {
    const item = this.items[this.index];
    if (!item) return;
    if (!window.confirm(`Remove face ${item.nth} of ${item.picture.name} with its ${item.labeled} labels?`)) return;
    // The neighbor in the list is another face of the same picture.
    /** @type {FaceItem | undefined} */
    const neighbor = this.items[item.nth > 1 ? this.index - 1 : this.index + 1];
    try {
      await this.session.remove(item.face);
      if (neighbor && this.picker.open === item.face) this.select(neighbor);
      this.session.announceChange();
    } catch (error) {
      toast(this.root, messageOf(error), "warning");
    }
  }

  leave() {
    if (this.mode !== "place") this.setMode("place");
    else if (this.editor.selection.scope) this.editor.selection.scope = null;
    else if (this.groupPass.running) this.groupPass.leave();
    else if (this.history.isOpen) this.history.toggle();
    else if (this.editor.waiting && this.editor.proposed.includes(this.editor.current ?? "")) this.editor.select(null);
    else this.list.focus();
  }
}
