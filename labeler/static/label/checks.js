// The label checks on the label page: a small mark, and a card that leads from finding to finding.
// They are asked for after a pause, and nothing of them takes a click that is meant for the picture.

import { el } from "../shell/dom.js";

const PAUSE_MS = 500;

export class Checks {
  /** `page`: {root, session, editor, stage, items, index, open(index), show(), toast(message)}; `onChange()` redraws marks. */
  constructor(page, { onChange }) {
    Object.assign(this, { page, onChange, open: [], right: [], shown: null });
    this.sentence = el("span.check-sentence");
    this.yes = el("button.plain.small", { type: "button", onclick: () => this.sayRight(this.shown) });
    this.card = el(
      "div.floating.check-card",
      { role: "status", hidden: true },
      this.sentence,
      this.yes,
      el("button.plain.small", { type: "button", text: "Next (Q)", onclick: () => this.next() }),
      el("button.plain.small", { type: "button", "aria-label": "Close", text: "×", onclick: () => this.hide() }),
    );
    page.stage.append(this.card);
    page.session.addEventListener("view", () => this.refreshSoon());
  }

  refreshSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), PAUSE_MS);
  }

  async refresh() {
    clearTimeout(this.timer);
    if (!this.page.root.offsetParent) return; // asked again when the page comes into sight
    const found = await this.page.session.get("/checks").catch(() => null);
    if (found) this.take(found);
  }

  take({ open, right }) {
    if (JSON.stringify([open, right]) === JSON.stringify([this.open, this.right])) return;
    Object.assign(this, { open, right });
    if (this.shown && !this.isIn(open, this.shown)) {
      if (!this.isIn(right, this.shown)) this.hide();
      else this.show(this.shown);
    }
    this.onChange();
  }

  isIn(findings, finding) {
    const key = nameOf(finding);
    return findings.some((other) => nameOf(other) === key);
  }

  count(face) {
    return this.open.filter((finding) => finding.face === face).length;
  }

  /** For the head of a face: a button that leads to its findings, or null. */
  mark(face) {
    const open = this.open.filter((finding) => finding.face === face);
    const right = this.right.filter((finding) => finding.face === face);
    if (!open.length && !right.length) return null;
    const text = open.length ? (open.length === 1 ? "1 check" : `${open.length} checks`) : `${right.length} said right`;
    const look = () => this.go(open[0] ?? right[0]);
    return el("button.check-mark", { type: "button", text, title: (open[0] ?? right[0]).sentence, onclick: look });
  }

  /** To the next finding of any face, in the order of the pictures, around the end. */
  async next() {
    await this.refresh();
    const { items, index } = this.page;
    const place = ({ face }) => items.findIndex((item) => item.face === face);
    const order = this.open
      .map((finding, k) => ({ finding, at: place(finding), k }))
      .filter(({ at }) => at >= 0)
      .sort((a, b) => a.at - b.at || a.k - b.k);
    if (!order.length) {
      this.hide();
      return this.page.toast("The label checks find nothing to look at.");
    }
    const here = this.shown ? order.findIndex(({ finding }) => nameOf(finding) === nameOf(this.shown)) : -1;
    const following = here >= 0 ? order[(here + 1) % order.length] : order.find(({ at }) => at >= index);
    if (following && order.length === 1) this.page.toast("This is the only finding.");
    await this.go((following ?? order[0]).finding);
  }

  /** Open the finding's face, select its point and look at it from near. */
  async go(finding) {
    const { editor, items } = this.page;
    if (editor.view?.face !== finding.face) {
      await this.page.open(items.findIndex(({ face }) => face === finding.face));
      if (editor.view?.face !== finding.face) return;
    }
    const places = finding.landmarks.map((id) => editor.view.points[id]).filter((point) => point && point.x !== null);
    if (!places.length) return;
    editor.select(String(finding.landmarks[0]));
    editor.canvas.frame(around(places, editor.view));
    this.show(finding);
    editor.canvas.element.focus({ preventScroll: true });
  }

  show(finding) {
    this.shown = finding;
    const right = this.isIn(this.right, finding);
    this.sentence.textContent = right ? `${finding.sentence} You said: this is right.` : finding.sentence;
    this.yes.textContent = right ? "Check it again" : "This is right";
    this.card.hidden = false;
  }

  hide() {
    this.shown = null;
    this.card.hidden = true;
  }

  /** When another face is opened. */
  faceOpened(face) {
    if (this.shown && this.shown.face !== face) this.hide();
  }

  async sayRight(finding) {
    const { face, kind, landmarks } = finding;
    const right = !this.isIn(this.right, finding);
    try {
      this.take(await this.page.session.request("POST", `/faces/${face}/checks`, { kind, landmarks, right }));
    } catch (error) {
      this.page.toast(error.message, "warning");
    }
  }

  command() {
    return { keys: ["Q"], title: "Next label check: what looks like a slip", run: () => this.next() };
  }
}

const nameOf = ({ face, kind, landmarks }) => `${face} ${kind} ${landmarks}`;

/** A rectangle [x, y, w, h] around points with enough of their face to see what they belong to: around one, most of it. */
function around(places, view) {
  const all = Object.values(view.points).filter((point) => point.x !== null);
  const span = (points, axis) => Math.max(...points.map((p) => p[axis])) - Math.min(...points.map((p) => p[axis]));
  const air = Math.max((places.length > 1 ? 0.35 : 0.75) * Math.max(span(all, "x"), span(all, "y")), 8);
  const left = Math.min(...places.map(({ x }) => x)) - air;
  const top = Math.min(...places.map(({ y }) => y)) - air;
  return [left, top, span(places, "x") + 2 * air, span(places, "y") + 2 * air];
}
