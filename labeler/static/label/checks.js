// The label checks on the label page: a mark at a face, and a card that leads from finding to finding. They run after a pause,
// and the card never covers the picture where the user clicks.

import { el } from "../shell/dom.js";
import { messageOf } from "../shell/page.js";

/** @import { Box, Command, FaceView, Finding, Findings, Position } from "../shell/types.js" */
/** @import { LabelPage } from "./label.js" */

const PAUSE_MS = 500;

export class Checks {
  /**
   * @param {LabelPage} page
   * @param {{ onChange: () => void }} options redraws the marks
   */
  constructor(page, { onChange }) {
    this.page = page;
    this.onChange = onChange;
    /** @type {Finding[]} */
    this.open = [];
    /** Findings that the user confirmed as right. @type {Finding[]} */
    this.right = [];
    /** @type {Finding | null} */
    this.shown = null;
    this.sentence = el("span.check-sentence");
    this.yes = el("button.plain.small", { type: "button", onclick: () => this.shown && this.sayRight(this.shown) });
    this.card = el(
      "div.floating.check-card",
      { role: "status", hidden: true },
      this.sentence,
      this.yes,
      el("button.plain.small", { type: "button", text: "Next (Q)", onclick: () => this.next() }),
      el("button.plain.small", { type: "button", "aria-label": "Close", text: "×", onclick: () => this.hide() }),
    );
    page.stage.append(this.card);
    page.session.on("view", () => this.refreshSoon());
  }

  refreshSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), PAUSE_MS);
  }

  async refresh() {
    clearTimeout(this.timer);
    if (!this.page.root.offsetParent) return; // it runs again when the page is shown
    /** @type {Findings | null} */
    const found = await this.page.session.get("/checks").catch(() => null);
    if (found) this.take(found);
  }

  /** @param {Findings} findings */
  take({ open, right }) {
    if (JSON.stringify([open, right]) === JSON.stringify([this.open, this.right])) return;
    Object.assign(this, { open, right });
    if (this.shown && !this.isIn(open, this.shown)) {
      if (!this.isIn(right, this.shown)) this.hide();
      else this.show(this.shown);
    }
    this.onChange();
  }

  /**
   * @param {Finding[]} findings
   * @param {Finding} finding
   */
  isIn(findings, finding) {
    const key = nameOf(finding);
    return findings.some((other) => nameOf(other) === key);
  }

  /** @param {number} face */
  count(face) {
    return this.open.filter((finding) => finding.face === face).length;
  }

  /**
   * For the head of a face: a button that leads to its findings, or null.
   * @param {number} face
   */
  mark(face) {
    const open = this.open.filter((finding) => finding.face === face);
    const right = this.right.filter((finding) => finding.face === face);
    if (!open.length && !right.length) return null;
    const text = open.length ? (open.length === 1 ? "1 check" : `${open.length} checks`) : `${right.length} confirmed`;
    const first = open[0] ?? right[0];
    return el("button.check-mark", { type: "button", text, title: first.sentence, onclick: () => this.go(first) });
  }

  /** To the next finding of any face, in the order of the pictures; after the last one to the first. */
  async next() {
    await this.refresh();
    const { items, index } = this.page;
    /** @param {Finding} finding */
    const place = ({ face }) => items.findIndex((item) => item.face === face);
    const order = this.open
      .map((finding, k) => ({ finding, at: place(finding), k }))
      .filter(({ at }) => at >= 0)
      .sort((a, b) => a.at - b.at || a.k - b.k);
    if (!order.length) {
      this.hide();
      return this.page.toast("The label checks found nothing.");
    }
    const { shown } = this;
    const here = shown ? order.findIndex(({ finding }) => nameOf(finding) === nameOf(shown)) : -1;
    const following = here >= 0 ? order[(here + 1) % order.length] : order.find(({ at }) => at >= index);
    if (following && order.length === 1) this.page.toast("This is the only finding.");
    await this.go((following ?? order[0]).finding);
  }

  /**
   * Opens the finding's face, selects its point and zooms to it.
   * @param {Finding} finding
   */
  async go(finding) {
    const { editor, items } = this.page;
    if (editor.view?.face !== finding.face) {
      await this.page.open(items.findIndex(({ face }) => face === finding.face));
    }
    const { view } = editor;
    if (view?.face !== finding.face) return;
    const ids = finding.landmarks.map(String).filter((id) => view.points[id]?.v);
    if (!ids.length) return;
    editor.select(String(finding.landmarks[0]));
    editor.canvas.frame(around(ids, view));
    this.show(finding);
    editor.canvas.element.focus({ preventScroll: true });
  }

  /** @param {Finding} finding */
  show(finding) {
    this.shown = finding;
    const right = this.isIn(this.right, finding);
    this.sentence.textContent = right ? `${finding.sentence} You confirmed it as right.` : finding.sentence;
    this.yes.textContent = right ? "Check it again" : "This is right";
    this.card.hidden = false;
  }

  hide() {
    this.shown = null;
    this.card.hidden = true;
  }

  /**
   * Another face is opened.
   * @param {number} face
   */
  faceOpened(face) {
    if (this.shown && this.shown.face !== face) this.hide();
  }

  /**
   * Confirms a finding as right, or takes that back.
   * @param {Finding} finding
   */
  async sayRight(finding) {
    const { face, kind, landmarks } = finding;
    const right = !this.isIn(this.right, finding);
    try {
      this.take(await this.page.session.request("POST", `/faces/${face}/checks`, { kind, landmarks, right }));
    } catch (error) {
      this.page.toast(messageOf(error), "warning");
    }
  }

  /** @returns {Command} */
  command() {
    return { keys: ["Q"], title: "Next finding of the label checks", run: () => this.next() };
  }
}

/** @param {Finding} finding */
const nameOf = ({ face, kind, landmarks }) => `${face} ${kind} ${landmarks}`;

/**
 * A rectangle around landmarks with enough of their face to recognize the place: around one landmark, most of the
 * face.
 * @param {string[]} ids
 * @param {FaceView} view
 * @returns {Box}
 */
function around(ids, view) {
  const placed = Object.entries(view.points).filter(([, point]) => point.v);
  const all = placed.map(([id, { x, y }]) => ({ id, x: Number(x), y: Number(y) }));
  const places = all.filter(({ id }) => ids.includes(id));
  /** @type {(points: Position[], axis: "x" | "y") => number} */
  const span = (points, axis) => Math.max(...points.map((p) => p[axis])) - Math.min(...points.map((p) => p[axis]));
  const margin = Math.max((places.length > 1 ? 0.35 : 0.75) * Math.max(span(all, "x"), span(all, "y")), 8);
  const left = Math.min(...places.map(({ x }) => x)) - margin;
  const top = Math.min(...places.map(({ y }) => y)) - margin;
  return [left, top, span(places, "x") + 2 * margin, span(places, "y") + 2 * margin];
}
