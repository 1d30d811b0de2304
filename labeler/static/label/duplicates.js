// Near-duplicates among the faces, asked of the server: marked in the strip and explained in the head of the face.

import { el } from "../shell/dom.js";

const PAUSE_MS = 1500;

export class Duplicates {
  /** `page`: {root, session, items}; `onChange()` redraws marks. */
  constructor(page, { onChange }) {
    Object.assign(this, { page, onChange, reasons: new Map() });
  }

  /** Ask a while after the page has come into sight, and again while the server still compares pictures. */
  refreshSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh().catch(() => {}), PAUSE_MS);
  }

  async refresh() {
    if (!this.page.root.offsetParent) return;
    const { done, of, found } = await this.page.session.get("/duplicates");
    if (done < of) return this.refreshSoon();
    this.reasons = new Map(found.map(({ face, reason }) => [face, reason]));
    this.onChange();
  }

  /** Which face this one nearly repeats, in words; null for other faces, and for one that has labels by now. */
  reason(face) {
    const labeled = this.page.items.find((item) => item.face === face)?.labeled;
    return labeled ? null : (this.reasons.get(face) ?? null);
  }

  /** The reason as a line for the head of the face, or null. */
  note(face) {
    const text = this.reason(face);
    return text ? el("div.duplicate-note", { text, dir: "auto" }) : null;
  }
}
