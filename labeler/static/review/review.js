// The review page: faces with predictions in order of doubt. Doubtful points stand out, and one key accepts a point.

import { Budget, looksOf } from "./budget.js";
import { el, icon, inTurn, onceAFrame, toast } from "../shell/dom.js";
import { FaceEditor } from "../face/editor.js";
import { InCharge } from "./in_charge.js";
import { reviewCommands } from "./review_commands.js";
import { ReviewViewpoint } from "./review_viewpoint.js";
import { expectedWrong, flaggedIds, proposerText, stepInDoubt, summary } from "../face/face.js";
import { Filmstrip } from "../face/filmstrip.js";
import { FlagNote } from "./flags.js";
import { LandmarkList } from "../face/landmarks.js";
import {
  emptyState,
  loadProject,
  messageOf,
  NO_DEFINITION,
  NO_PICTURES,
  whenSaved,
  whenStale,
} from "../shell/page.js";
import { Shortcuts } from "../shell/shortcuts.js";
import { Skipping } from "../face/skip.js";
import { goToTab } from "../shell/tabs.js";
import { Unseen } from "./unseen.js";

/** @import { Definition, FaceView, Prediction, Proposers, QueueEntry, ReviewItem } from "../shell/types.js" */
/** @import { Session } from "../shell/session.js" */

const NO_PREDICTIONS = {
  title: "Nothing to review",
  text: "This page shows the faces that a trained model has labeled, the most doubtful first. Train on your labels to get them.",
  action: "Go to Train",
  tab: "train",
};
const ALL_REVIEWED = {
  title: "Everything is reviewed",
  text: "Every predicted point was accepted or corrected, or its face accepted unseen. Train again with the new labels, try the model on other pictures on the Train page, or export the labels.",
  action: "Go to Export",
  tab: "export",
};

/** @param {string} page */
const wayTo = (page) =>
  el("button.plain.small", { type: "button", text: `Go to ${page}`, onclick: () => goToTab(page.toLowerCase()) });

export class ReviewPage {
  /**
   * @param {HTMLElement} root
   * @param {Session} session
   */
  constructor(root, session) {
    this.root = root;
    this.session = session;
    /** The open face's index in the queue. */
    this.index = -1;
    /** The queue. @type {ReviewItem[]} */
    this.items = [];
    /** What was done, for undo: faces that were edited, and batches accepted unseen. @type {(number | { batch: number })[]} */
    this.trail = [];
    /** @type {Definition | null} */
    this.definition = null;
    this.show = onceAFrame(() => this.draw());
    this.undo = inTurn(() => this.takeBackLast());
    root.classList.add("workbench");
    const left = el("aside.left.wide", { "aria-label": "Faces with points in doubt" });
    this.stage = el("div.stage");
    this.hint = el("div.hint", { role: "status" });
    const right = el("aside.right", { "aria-label": "The open face" });
    this.head = el("div.face-head");
    this.inCharge = new InCharge(this);
    right.append(this.inCharge.button, this.head);
    root.append(left, this.stage, right);

    /** @type {Filmstrip<ReviewItem>} */
    this.strip = new Filmstrip(left, {
      rowHeight: 4,
      label: "Faces in order of doubt",
      picture: ({ picture }) => ({ url: session.thumbnailUrl(picture.id), faded: false }),
      render: (item) => this.row(item),
      onSelect: (index) => this.open(index),
    });
    this.editor = new FaceEditor(this.stage, session, {
      settle: (editor) => this.nextDoubtful(editor),
      viewpoint: (editor) => new ReviewViewpoint(editor),
    });
    this.editor.canvas.show({ dimCertain: true, showEdges: false });
    this.stage.append(this.hint);
    const leave = () => this.editor.canvas.element.focus({ preventScroll: true });
    this.flags = new FlagNote(right, { key: session.keyOf("review.threshold"), leave });
    this.list = new LandmarkList(right, { canvas: this.editor.canvas, onSelect: (id) => this.choose(id) });
    this.budget = new Budget(left, session, this.strip, { leave });
    this.unseen = new Unseen(this);
    this.skipping = new Skipping(this, () => this.head);
    this.shortcuts = new Shortcuts(root, reviewCommands(this), { canvas: this.editor.canvas.element });
    root.append(this.shortcuts.toolbar());
    this.listen();
  }

  listen() {
    const { editor, session } = this;
    editor.on("changed", () => this.show());
    editor.on("edited", ({ face }) => this.trail.push(face));
    editor.on("note", ({ message }) => toast(this.root, message));
    session.on("view", ({ view }) => this.updateItem(view));
    whenStale(this.root, session, (how) => this.load(how));
    whenSaved(this.root, session, () => this.prefetch());
  }

  /**
   * @param {{ view: FaceView | null, definition: Definition | null, current: string | null }} face
   * @returns {string | null}
   */
  nextDoubtful({ view, definition, current }) {
    if (!view || !definition || !flaggedIds(view, definition).length) return null;
    return stepInDoubt(view, definition, current, 1);
  }

  /** @param {string} id */
  choose(id) {
    this.editor.goTo(id);
    this.editor.canvas.element.focus({ preventScroll: true });
  }

  /** @param {{ cameBack?: boolean }} [how] `cameBack`: the page is shown again, which opens its face again */
  async load({ cameBack = false } = {}) {
    /** @type {[Awaited<ReturnType<typeof loadProject>>, QueueEntry[], Proposers]} */
    const [project, queue, proposers] = await Promise.all([
      loadProject(this.session),
      this.session.get("/review"),
      this.session.get("/proposers"),
    ]);
    this.definition = project.definition;
    const reviewed = this.trail.length > 0 || project.progress.complete_faces > 0;
    emptyState(
      this.root,
      !project.pictures.length
        ? NO_PICTURES
        : !this.definition
          ? NO_DEFINITION
          : queue.length
            ? null
            : reviewed && project.progress.faces_to_go === 0
              ? ALL_REVIEWED
              : NO_PREDICTIONS,
    );
    this.inCharge.show(proposers);
    this.flags.compare(proposers);
    if (!queue.length) {
      this.inCharge.offer();
      await this.offerTakingBack();
    }
    const { definition } = this;
    if (!queue.length || !definition) return;
    if (JSON.stringify(definition) !== JSON.stringify(this.editor.definition)) {
      this.editor.setDefinition(definition);
      this.list.setDefinition(definition);
    }
    const pictures = new Map(project.pictures.map((picture) => [picture.id, picture]));
    const open = this.items[this.index]?.face;
    this.items = queue.flatMap((item) => {
      const picture = pictures.get(item.picture);
      // A picture that was added between the two answers comes with the next load.
      return picture ? [{ ...item, picture, looks: looksOf(item), done: false, skip: null }] : [];
    });
    this.strip.setItems(this.items);
    this.budget.begin(this.items);
    const index = this.items.findIndex(({ face }) => face === open);
    if (index >= 0 && this.editor.view?.face === open) {
      this.select(index);
      await this.editor.reload({ predictions: cameBack });
    } else await this.open(Math.max(index, 0)); // a face that is being opened stays the one to open
  }

  /** The queue is empty, perhaps because faces were accepted unseen: offers to take that back. */
  async offerTakingBack() {
    /** @type {{ batch: { id: number } | null }} */
    const { batch } = await this.session.get("/review/unseen?measure=expected&limit=0&sample=0");
    if (!batch) return;
    const take = () => this.unseen.takeBack(batch.id);
    const button = el("button.plain", { type: "button", text: "Take back what was accepted unseen", onclick: take });
    this.root.querySelector(".empty-state")?.append(button);
  }

  /** @param {number} face */
  openFace(face) {
    return this.open(this.items.findIndex((item) => item.face === face));
  }

  /** @param {number} index */
  async open(index) {
    const item = this.items[index];
    if (!item) return;
    this.select(index);
    try {
      await this.editor.open(item.face, item.picture, { frameFace: true });
    } catch (error) {
      return void toast(this.root, messageOf(error), "warning");
    }
    // Meanwhile the person may have gone on to the minutes or to a dialog.
    if (!this.root.contains(document.activeElement) || this.root.querySelector(".strip:focus-within")) {
      this.editor.canvas.element.focus({ preventScroll: true });
    }
    this.prefetch();
  }

  /** Fetches the faces that may be opened next. */
  prefetch() {
    const near = [1, 2, -1].map((step) => this.items[this.index + step]).filter(Boolean);
    this.editor.pictures.prefetch(near.map(({ picture }) => picture));
    this.session.prefetch(near.map(({ face }) => face));
  }

  /** @param {number} index */
  select(index) {
    this.index = index;
    this.strip.select(index);
  }

  /** @param {number} direction */
  step(direction) {
    const next = this.index + direction;
    if (this.items[next]) this.open(next);
    else toast(this.root, direction > 0 ? "This was the last face in the queue." : "This is the most doubtful face.");
  }

  // --- what is shown ------------------------------------------------------------------------------------------

  draw() {
    const { editor, definition } = this;
    const { view, picture } = editor;
    if (!view || !picture || !definition) return;
    const { labeled, of, flagged } = summary(view, definition);
    const measured = Boolean(view.proposer?.measured);
    const left = this.items.filter(({ done }) => !done).length;
    this.head.replaceChildren(
      el("div.face-name", { text: picture.name, title: picture.name, dir: "auto" }),
      el("div.face-count", { text: `${labeled} of ${of} labeled${measured ? ` · ${flagged} doubtful` : ""}` }),
      el("div.face-count", { text: `${left} ${left === 1 ? "face" : "faces"} left to review` }),
      el("div.face-count", { text: proposerText(view) }),
      ...(left ? [] : [el("div.head-actions", {}, ...["Train", "Export"].map(wayTo))]),
    );
    this.flags.show(left ? view.flags : null);
    if (editor.canvas.scene.wrongRadius !== (view.flags?.radius ?? null)) {
      editor.canvas.show({ wrongRadius: view.flags?.radius ?? null });
    }
    this.list.show(view, editor.current, (id) => {
      const prediction = view.predictions[id];
      return prediction && !view.points[id] && measured ? `${percent(prediction.p_off)} doubt` : null;
    });
    const current = definition.landmarks.find(({ id }) => id === editor.current);
    const prediction = current && view.predictions[current.id];
    this.hint.textContent = editor.selection.scope
      ? editor.selection.hint
      : view.skip
        ? `Skipped: ${view.skip}. Press S to no longer skip it.`
        : labeled === of
          ? left
            ? "Every point of this face is reviewed. Press D for the next face."
            : "Every face is reviewed. Train again with the new labels, try the model on other pictures on the Train page, or export the labels."
          : current && prediction && !view.points[current.id]
            ? `${current.name}: ${measured ? likely(prediction, view) : ""}A accepts, dragging corrects.`
            : flagged
              ? ""
              : measured || !view.proposer
                ? "No doubtful point left. Shift+A accepts the rest and goes on."
                : "Drag what is wrong, then press Shift+A to accept the rest and go on.";
    this.hint.hidden = !this.hint.textContent;
    this.shortcuts.refresh();
  }

  /** @param {FaceView} view */
  updateItem(view) {
    const index = this.items.findIndex(({ face }) => face === view.face);
    if (index < 0 || !this.definition) return;
    const { state, flagged, skip } = summary(view, this.definition);
    const item = this.items[index];
    const done = state === "complete" || state === "skipped";
    const wrong = expectedWrong(view, this.definition);
    const known = item.flagged === flagged && item.done === done && item.skip === skip;
    if (known && Math.abs(item.expected_wrong - wrong) < 1e-9) return;
    this.items[index] = { ...item, flagged, expected_wrong: wrong, done, skip };
    this.strip.setItems(this.items);
    this.budget.update(this.items);
    if (done && !item.done) this.budget.measure();
    this.show();
  }

  /** @param {ReviewItem} item */
  row(item) {
    const open = !item.measured ? "doubt is not known" : item.flagged ? `${item.flagged} doubtful` : "no doubtful point";
    const doubt = item.skip ? `skipped: ${item.skip}` : item.done ? "reviewed" : open;
    const wrong = item.done || !item.measured ? null : el("span.expected", { text: `about ${item.expected_wrong.toFixed(1)} wrong` });
    const badge = item.done ? el("span.badge.done", {}, icon(item.skip ? "cross" : "accept")) : null;
    return [
      el(
        "span.words",
        {},
        el("span.name", { text: item.name, title: item.name, dir: "auto" }),
        el("span", { className: item.flagged && !item.done ? "doubt" : "", text: doubt, title: item.skip ?? "" }),
        wrong,
      ),
      badge,
    ];
  }

  // --- actions ------------------------------------------------------------------------------------------------

  acceptPoint() {
    const { editor } = this;
    const { view, definition } = editor;
    if (!view || !definition || editor.acceptPoint()) return;
    if (flaggedIds(view, definition).length) editor.advance();
    else toast(this.root, "No doubtful point is left here. Shift+A accepts the whole face.");
  }

  acceptFace() {
    // A face that is being opened is not on the screen yet.
    if (this.editor.view?.face !== this.items[this.index]?.face) return;
    this.editor.accept(null);
    const open = this.items.map(({ done }, k) => k).filter((k) => k !== this.index && !this.items[k].done);
    const next = open.find((k) => k > this.index) ?? open[0];
    if (next !== undefined) this.open(next);
  }

  // The last edit may have been on the previous face: go back to it, so that the undo can be seen.
  async takeBackLast() {
    const step = this.trail.pop();
    if (typeof step === "object") return this.unseen.takeBack(step.batch);
    const face = step ?? this.editor.view?.face;
    if (face === undefined) return;
    const at = () => this.items.findIndex((item) => item.face === face);
    if (at() >= 0) {
      if (face !== this.editor.view?.face) await this.open(at());
      return this.editor.undo("undo", face);
    }
    // A face that was done when the queue was loaded again has left it. The undo brings it back.
    await this.session.edit(face, "undo", {});
    await this.load();
    await this.open(at());
  }

  leave() {
    if (this.editor.selection.scope) this.editor.selection.scope = null;
    else this.list.focus();
  }
}

/**
 * How likely a point is wrong, as the beginning of a sentence.
 * @param {Prediction} prediction
 * @param {FaceView} view
 */
function likely({ p_off }, view) {
  return `${percent(p_off)} likely to ${view.flags?.radius ? "belong outside the dotted circle" : "be wrong"}. `;
}

/** @param {number} share */
function percent(share) {
  return `${Math.round(100 * share)} %`;
}
