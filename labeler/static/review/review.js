// The review page: faces with predictions in order of doubt; the doubtful points stand out, one key accepts.

import {
  helpCommand,
  historyCommands,
  landmarkCommands,
  landmarkSteps,
  stepCommands,
  viewCommands,
} from "../face/commands.js";
import { Budget, looksOf } from "./budget.js";
import { el, icon, onceAFrame, toast } from "../shell/dom.js";
import { FaceEditor } from "../face/editor.js";
import { DoubtSight } from "./review_viewpoint.js";
import { expectedWrong, flaggedIds, stepInDoubt, summary } from "../face/face.js";
import { Filmstrip } from "../face/filmstrip.js";
import { LandmarkList } from "../face/landmarks.js";
import { emptyState, loadProject, NO_DEFINITION, NO_PICTURES, tellRefusals, whenStale } from "../shell/page.js";
import { Shortcuts } from "../shell/shortcuts.js";
import { Skipping } from "../face/skip.js";
import { goToTab } from "../shell/tabs.js";
import { Unseen } from "./unseen.js";

const NO_PREDICTIONS = {
  title: "Nothing to review",
  text: "Here come the faces that a trained model has labeled, the most doubtful first. Train on your labels, and they will be here.",
  action: "Go to Train",
  tab: "train",
};
const ALL_REVIEWED = {
  title: "Everything is reviewed",
  text: "Every predicted point was accepted or corrected, or its face accepted unseen. Train again with the new labels, or export them.",
  action: "Go to Export",
  tab: "export",
};

const wayTo = (page) =>
  el("button.plain.small", { type: "button", text: `Go to ${page}`, onclick: () => goToTab(page.toLowerCase()) });

export class ReviewPage {
  constructor(root, session) {
    Object.assign(this, { root, session, index: -1, items: [], trail: [] });
    this.show = onceAFrame(() => this.draw());
    root.classList.add("workbench");
    const left = el("aside.left.wide");
    this.stage = el("div.stage");
    this.hint = el("div.hint", { role: "status" });
    const right = el("aside.right");
    this.head = el("div.face-head");
    right.append(this.head);
    root.append(left, this.stage, right);

    this.strip = new Filmstrip(left, {
      rowHeight: 4,
      label: "Faces in order of doubt",
      picture: ({ picture }) => ({ url: session.thumbnailUrl(picture.id), faded: false }),
      render: (item) => this.row(item),
      onSelect: (index) => this.open(index),
    });
    this.editor = new FaceEditor(this.stage, session, {
      settle: (editor) => this.nextDoubtful(editor),
      sight: (editor) => new DoubtSight(editor),
    });
    this.editor.canvas.show({ dimCertain: true, showEdges: false });
    this.stage.append(this.hint);
    this.list = new LandmarkList(right, { canvas: this.editor.canvas, onSelect: (id) => this.choose(id) });
    const leave = () => this.editor.canvas.element.focus({ preventScroll: true });
    this.budget = new Budget(left, session, this.strip, { leave });
    this.unseen = new Unseen(this);
    this.skipping = new Skipping(this, () => this.head);
    this.shortcuts = new Shortcuts(root, this.commands(), { canvas: this.editor.canvas.element });
    root.append(this.shortcuts.toolbar());
    this.listen();
  }

  listen() {
    const { editor, session } = this;
    editor.addEventListener("changed", () => this.show());
    editor.addEventListener("edited", ({ detail }) => this.trail.push(detail.face));
    editor.addEventListener("note", ({ detail }) => toast(this.root, detail.message));
    // A dragged doubtful point is done: go on to the next one.
    editor.canvas.addEventListener("dragend", ({ detail }) => detail.from === "prediction" && editor.advance());
    tellRefusals(this);
    session.addEventListener("view", ({ detail }) => this.updateItem(detail.view));
    whenStale(this.root, session, () => this.load());
  }

  nextDoubtful({ view, definition, current }) {
    if (!view || !definition || !flaggedIds(view, definition).length) return null;
    return stepInDoubt(view, definition, current, 1);
  }

  /** To the next or previous point by doubt; where none is left, through all landmarks. */
  stepDoubt(direction) {
    const { editor } = this;
    const id = editor.view && stepInDoubt(editor.view, editor.definition, editor.current, direction);
    if (id) editor.goTo(id);
    else editor.step(direction);
  }

  choose(id) {
    this.editor.goTo(id);
    this.editor.canvas.element.focus({ preventScroll: true });
  }

  async load() {
    const [project, queue] = await Promise.all([loadProject(this.session), this.session.get("/review")]);
    this.definition = project.definition;
    this.tolerance = project.settings.tolerance;
    const reviewed = this.trail.length > 0 || project.progress.complete_faces > 0;
    emptyState(
      this.root,
      !project.pictures.length
        ? NO_PICTURES
        : !this.definition
          ? NO_DEFINITION
          : queue.length
            ? null
            : reviewed && project.progress.unlabeled_faces === 0
              ? ALL_REVIEWED
              : NO_PREDICTIONS,
    );
    if (!queue.length) await this.offerTakingBack();
    if (!queue.length || !this.definition) return;
    if (JSON.stringify(this.definition) !== JSON.stringify(this.editor.definition)) {
      this.editor.setDefinition(this.definition);
      this.list.setDefinition(this.definition);
    }
    const pictures = new Map(project.pictures.map((picture) => [picture.id, picture]));
    const open = this.items[this.index]?.face;
    this.items = queue.map((item) => ({
      ...item,
      picture: pictures.get(item.picture),
      looks: looksOf(item),
      done: false,
      skip: null,
    }));
    this.strip.setItems(this.items);
    this.budget.begin(this.items);
    const index = this.items.findIndex(({ face }) => face === open);
    if (index >= 0 && this.editor.view?.face === open) {
      this.select(index);
      const { run } = this.editor.view;
      await this.editor.reload();
      // Another model doubts other points: begin with what it doubts most.
      if (this.editor.view.run !== run) this.editor.goTo(this.nextDoubtful({ ...this.editor, current: null }));
    } else await this.open(0);
  }

  /** Nothing waits, perhaps because it was accepted unseen: the way back from there. */
  async offerTakingBack() {
    const { batch } = await this.session.get("/review/unseen?measure=expected&limit=0&sample=0");
    const take = () => this.unseen.takeBack(batch.id);
    const button = el("button.plain", { type: "button", text: "Take back what was accepted unseen", onclick: take });
    if (batch) this.root.querySelector(".empty-state").append(button);
  }

  openFace(face) {
    return this.open(this.items.findIndex((item) => item.face === face));
  }

  async open(index) {
    const item = this.items[index];
    if (!item) return;
    this.select(index);
    try {
      await this.editor.open(item.face, item.picture, { frameFace: true });
    } catch (error) {
      return void toast(this.root, error.message, "warning");
    }
    this.editor.canvas.element.focus({ preventScroll: true });
    const near = [1, 2, -1].map((step) => this.items[index + step]).filter(Boolean);
    this.editor.pictures.prefetch(near.map(({ picture }) => picture));
    this.session.prefetch(near.map(({ face }) => face));
  }

  select(index) {
    this.index = index;
    this.strip.select(index);
  }

  step(direction) {
    const next = this.index + direction;
    if (this.items[next]) this.open(next);
    else toast(this.root, direction > 0 ? "This was the last face in the queue." : "This is the most doubtful face.");
  }

  // --- what is shown ------------------------------------------------------------------------------------------

  draw() {
    const { editor, definition } = this;
    if (!editor.view || !definition) return;
    const { labeled, of, flagged } = summary(editor.view, definition);
    const left = this.items.filter(({ done }) => !done).length;
    this.head.replaceChildren(
      el("div.face-name", { text: editor.picture.name, title: editor.picture.name, dir: "auto" }),
      el("div.face-count", { text: `${labeled} of ${of} reviewed · ${flagged} doubtful` }),
      el("div.face-count", { text: `${left} ${left === 1 ? "face" : "faces"} to go` }),
      ...(left ? [] : [el("div.head-actions", {}, ...["Train", "Export"].map(wayTo))]),
    );
    this.list.show(editor.view, editor.current, (id) => {
      const prediction = editor.view.predictions[id];
      return prediction && !editor.view.points[id] ? `${percent(prediction.p_off)} doubt` : null;
    });
    const current = definition.landmarks.find(({ id }) => id === editor.current);
    const prediction = editor.view.predictions[editor.current];
    this.hint.textContent = editor.selection.scope
      ? editor.selection.hint
      : editor.view.skip
        ? `Skipped: ${editor.view.skip}. S takes it in again.`
        : labeled === of
          ? left
            ? "Every point of this face is reviewed. D for the next face."
            : "Every face is reviewed. Train again with the new labels, or export them."
          : current && prediction && !editor.view.points[editor.current]
            ? `${current.name}: off by more than ${percent(this.tolerance)} with probability ${percent(prediction.p_off)} ` +
              "(ellipse: 90 % sure). A accepts, dragging corrects."
            : flagged
              ? ""
              : "No doubtful point left. Shift+A accepts the rest and goes on.";
    this.hint.hidden = !this.hint.textContent;
    this.shortcuts.refresh();
  }

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

  row(item) {
    const doubt = item.skip ? `skipped: ${item.skip}` : item.done ? "reviewed" : item.flagged ? `${item.flagged} doubtful` : "no doubtful point";
    const wrong = item.done ? null : el("span.expected", { text: `about ${item.expected_wrong.toFixed(1)} wrong` });
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
    const certain = editor.view.predictions[editor.current]?.flagged === false;
    if (editor.current !== null && editor.accept([editor.current])) {
      // Who accepts a certain point goes through all of them.
      if (certain && !editor.isComplete()) this.stepDoubt(1);
      else editor.advance();
    } else if (flaggedIds(editor.view, editor.definition).length) editor.advance();
    else toast(this.root, "No doubtful point is left here. Shift+A accepts the whole face.");
  }

  acceptFace() {
    this.editor.accept(null);
    const open = this.items.map(({ done }, k) => k).filter((k) => k !== this.index && !this.items[k].done);
    const next = open.find((k) => k > this.index) ?? open[0];
    if (next !== undefined) this.open(next);
  }

  // The last edit may have been on the face before: go back to it, so that what is undone is seen.
  async undo() {
    const step = this.trail.pop();
    if (step?.batch) return this.unseen.takeBack(step.batch);
    const face = step ?? this.editor.view?.face;
    const at = () => this.items.findIndex((item) => item.face === face);
    if (at() >= 0) {
      if (face !== this.editor.view?.face) await this.open(at());
      return this.editor.undo("undo");
    }
    // A face that was done when the queue was read anew has left it; undone, it comes back.
    await this.session.edit(face, "undo", {});
    await this.load();
    await this.open(at());
  }

  leave() {
    if (this.editor.selection.scope) this.editor.selection.scope = null;
    else this.root.querySelector(".landmarks [aria-current], .landmarks li button")?.focus();
  }

  commands() {
    const { editor } = this;
    return [
      ...stepCommands(this, "face"),
      {
        keys: ["A"],
        title: "Accept the point",
        icon: "accept",
        text: "Accept",
        group: "accept",
        run: () => this.acceptPoint(),
      },
      {
        keys: ["Shift+A"],
        title: "Accept the whole face and go on",
        icon: "acceptAll",
        text: "Accept face",
        group: "accept",
        run: () => this.acceptFace(),
      },
      this.unseen.command(),
      this.budget.command(),
      ...historyCommands(this, {
        undo: () => this.undo(),
        canUndo: () => this.trail.length || editor.view?.can_undo,
      }),
      ...landmarkSteps("doubtful point", (direction) => this.stepDoubt(direction)),
      ...landmarkCommands(this),
      ...viewCommands(this),
      ...this.skipping.commands(),
      { keys: ["Escape"], title: "Leave the frame, or go to the list of landmarks", run: () => this.leave() },
      helpCommand(this),
    ];
  }
}

function percent(share) {
  return `${Math.round(100 * share)} %`;
}
