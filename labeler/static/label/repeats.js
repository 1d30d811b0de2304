// Blind repeats on the label page: a line over the picture offers to label one face again, and names it while it is open.
//
// The server says only that a repeat is due and chooses the face when it begins, so that users cannot choose. The repeat is a
// new face without labels: the page does not know the first labels.

import { el, toast } from "../shell/dom.js";
import { messageOf } from "../shell/page.js";

/** @import { Command } from "../shell/types.js" */
/** @import { LabelPage } from "./label.js" */

const OFF = "Blind repeats are off. The Project page explains them and turns them on.";
const NOT_DUE = "No blind repeat is due. One in ten of the faces that you label by hand is repeated.";

export class Repeats {
  /** @param {LabelPage} page */
  constructor(page) {
    this.page = page;
    this.on = false;
    this.offered = false;
    this.passed = false;
    /** The repeat that is open. @type {number | null} */
    this.face = null;
    /** The face that was open before. @type {number | null} */
    this.cameFrom = null;
    this.words = el("span");
    /** @param {() => unknown} run */
    const button = (run) => el("button.line-button", { type: "button", onclick: run });
    this.yes = button(() => (this.running ? this.goOn(1) : this.begin()));
    this.no = button(() => (this.running ? this.goOn(0) : this.pass()));
    this.line = el("div.stage-line.repeat-line", { role: "status", hidden: true }, this.words, this.yes, this.no);
    page.stage.append(this.line);
    page.editor.on("completed", () => this.completed());
    // Labeling another face declines the offer. It is made again after the next complete face.
    page.editor.on("edited", () => this.running || page.editor.isComplete() || this.pass());
    page.editor.on("changed", () => this.running && this.show());
  }

  /** Whether the open face is a repeat. */
  get running() {
    return this.face !== null;
  }

  completed() {
    if (this.running || this.page.groupPass.running) return;
    this.passed = false;
    this.refresh();
  }

  /** Not now: no offer before the next complete face. */
  pass() {
    this.passed = true;
    this.offer(false);
  }

  /** Asks whether a repeat is due, once all edits of the open face are saved. */
  async refresh() {
    const { page } = this;
    if (!this.on || this.running || this.passed) return this.offer(false);
    const open = page.editor.view?.face;
    if (open === undefined) return;
    await page.session.idle(open);
    const { annotator } = page.session;
    const query = annotator ? `?annotator=${encodeURIComponent(annotator)}` : "";
    const found = await page.session.get(`/repeats${query}`).catch(() => null);
    if (found && !this.running && !this.passed && page.editor.view?.face === open) this.offer(found.due);
  }

  /** @param {boolean} due */
  offer(due) {
    this.offered = due;
    this.show();
  }

  async begin() {
    const { page } = this;
    const cameFrom = page.editor.view?.face;
    if (!this.offered || this.running || cameFrom === undefined) return;
    try {
      page.editor.flush();
      const { annotator } = page.session;
      const view = await page.session.request("POST", "/repeats", { annotator });
      page.groupPass.leave();
      this.face = view.face;
      this.cameFrom = cameFrom;
      this.offered = false;
      page.picker.select(null);
      page.checks.hide();
      page.editor.canvas.show({ showBox: view.picture.faces.length > 1 });
      await page.editor.open(view.face, view.picture);
      page.setMode("place");
    } catch (error) {
      this.face = null;
      page.picker.select(page.editor.view?.face ?? null);
      this.offer(false);
      toast(page.root, messageOf(error), "warning");
    }
    page.editor.canvas.element.focus({ preventScroll: true });
  }

  /**
   * Back to the face that was open before, or, when that is finished, to the one `step` after it.
   * @param {number} step
   */
  goOn(step) {
    const { picker, items } = this.page;
    const from = items.find(({ face }) => face === this.cameFrom) ?? items[0];
    picker.select(from.face);
    const done = from.state === "complete" || from.state === "skipped";
    this.page.openFace((step && done && picker.around([step])[0]) || from);
  }

  /** Another face is opened. */
  faceOpened() {
    if (!this.running) return;
    this.face = null;
    this.show();
  }

  show() {
    const { line, running, offered, page } = this;
    line.hidden = !running && !offered;
    if (line.hidden) return;
    const done = running && page.editor.isComplete();
    this.words.textContent = done
      ? "Repeat complete, thank you. The distance between your two labelings now counts."
      : running
        ? "Blind repeat: place every landmark as if for the first time. Your first labels are kept and not shown."
        : "Label one face again, blind? It measures how exact your labels are.";
    this.yes.textContent = running ? "Next face (D)" : "Label it (Shift+R)";
    this.no.textContent = running ? "Leave" : "Not now";
    this.yes.hidden = running && !done;
    this.no.hidden = done;
  }

  /** @returns {Command} */
  command() {
    return {
      keys: ["Shift+R"],
      title: "Label one face again, blind, when a repeat is due",
      run: () => (this.offered ? this.begin() : toast(this.page.root, this.on ? NOT_DUE : OFF)),
    };
  }
}
