// Near-duplicates among the faces, as the server finds them: marked in the strip and explained in the head of the face.

import { el } from "../shell/dom.js";

/** @import { LabelPage } from "./label.js" */

const PAUSE_MS = 1500;

export class Duplicates {
  /**
   * @param {Pick<LabelPage, "root" | "session" | "items">} page
   * @param {{ onChange: () => void }} options redraws the marks
   */
  constructor(page, { onChange }) {
    this.page = page;
    this.onChange = onChange;
    /** By face: which one it nearly repeats, in words. @type {Map<number, string>} */
    this.reasons = new Map();
  }

  /** Asks a while after the page is shown, and again while the server is still comparing pictures. */
  refreshSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh().catch(() => {}), PAUSE_MS);
  }

  async refresh() {
    if (!this.page.root.offsetParent) return;
    /** @type {{ done: number, of: number, found: { face: number, reason: string }[] }} */
    const { done, of, found } = await this.page.session.get("/duplicates");
    if (done < of) return this.refreshSoon();
    this.reasons = new Map(found.map(({ face, reason }) => [face, reason]));
    this.onChange();
  }

  /**
   * Which face this one nearly repeats, in words; null for other faces and for faces with labels.
   * @param {number} face
   */
  reason(face) {
    const labeled = this.page.items.find((item) => item.face === face)?.labeled;
    return labeled ? null : (this.reasons.get(face) ?? null);
  }

  /**
   * The reason as a line for the head of the face, or null.
   * @param {number} face
   */
  note(face) {
    const text = this.reason(face);
    return text ? el("div.duplicate-note", { text, dir: "auto" }) : null;
  }
}
