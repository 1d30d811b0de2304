// Blind repeats on the label page: a line over the picture offers one face again, and says while it is open what it is.
//
// The server says only that one is due and chooses it when it is taken, so nobody can pick. The face comes as an empty
// one of its own: nothing on the page knows which labels it had. `page` is the label page: {root, stage, session,
// editor, picker, items, passes, setMode(mode), openFace(item)}.

import { el, toast } from "../shell/dom.js";

const OFF = "Blind repeats are off: the Project page turns them on, and says what they are for.";
const NOT_DUE = "No face is due to be labeled again: one in ten is, of those labeled here by hand.";

export class Repeats {
  constructor(page) {
    Object.assign(this, { page, on: false, offered: false, passed: false, face: null, cameFrom: null });
    this.words = el("span");
    const button = (run) => el("button.line-button", { type: "button", onclick: run });
    this.yes = button(() => (this.running ? this.goOn(1) : this.begin()));
    this.no = button(() => (this.running ? this.goOn(0) : this.pass()));
    this.line = el("div.stage-line.repeat-line", { role: "status", hidden: true }, this.words, this.yes, this.no);
    page.stage.append(this.line);
    page.editor.addEventListener("completed", () => this.completed());
    // Whoever goes on with another face has passed; the same repeat is offered again after the next complete one.
    page.editor.addEventListener("edited", () => this.running || page.editor.isComplete() || this.pass());
    page.editor.addEventListener("changed", () => this.running && this.show());
  }

  /** Whether the open face is a repeat. */
  get running() {
    return this.face !== null;
  }

  completed() {
    if (this.running || this.page.passes.running) return;
    this.passed = false;
    this.refresh();
  }

  /** Not now: nothing is offered before the next complete face. */
  pass() {
    this.passed = true;
    this.offer(false);
  }

  /** Ask whether a face is due, once what is on its way has been saved. */
  async refresh() {
    const { page } = this;
    if (!this.on || this.running || this.passed) return this.offer(false);
    const open = page.editor.view?.face;
    await page.session.idle(open);
    const { annotator } = page.session;
    const query = annotator ? `?annotator=${encodeURIComponent(annotator)}` : "";
    const found = await page.session.get(`/repeats${query}`).catch(() => null);
    if (found && !this.running && !this.passed && page.editor.view?.face === open) this.offer(found.due);
  }

  offer(due) {
    this.offered = due;
    this.show();
  }

  async begin() {
    const { page } = this;
    if (!this.offered || this.running) return;
    try {
      page.editor.flush();
      const { annotator } = page.session;
      const view = await page.session.request("POST", "/repeats", { annotator });
      const cameFrom = page.editor.view.face;
      page.passes.leave();
      Object.assign(this, { face: view.face, cameFrom, offered: false });
      page.picker.select(null);
      page.checks.hide();
      page.editor.canvas.show({ showBox: view.picture.faces.length > 1 });
      await page.editor.open(view.face, view.picture);
      page.setMode("place");
    } catch (error) {
      this.face = null;
      page.picker.select(page.editor.view.face);
      this.offer(false);
      toast(page.root, error.message, "warning");
    }
    page.editor.canvas.element.focus({ preventScroll: true });
  }

  /** Back to where the person was: to the face they had not finished, or else to the one `step` after it. */
  goOn(step) {
    const { picker, items } = this.page;
    const from = items.find(({ face }) => face === this.cameFrom) ?? items[0];
    picker.select(from.face);
    const done = from.state === "complete" || from.state === "skipped";
    this.page.openFace((step && done && picker.around([step])[0]) || from);
  }

  /** When another face is opened. */
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
      ? "Repeat complete, thank you. How far your two labelings are apart counts now."
      : running
        ? "Blind repeat: place every landmark as if for the first time. Your first labels stay as they are and are not shown."
        : "One face again, blind? It measures how exact your labels are.";
    this.yes.textContent = running ? "Next face (D)" : "Label it (Shift+R)";
    this.no.textContent = running ? "Leave" : "Not now";
    this.yes.hidden = running && !done;
    this.no.hidden = done;
  }

  command() {
    return {
      keys: ["Shift+R"],
      title: "Label one face again, blind, when that is offered",
      run: () => (this.offered ? this.begin() : toast(this.page.root, this.on ? NOT_DUE : OFF)),
    };
  }
}
