// Which face to label next, asked of the server: Shift+U goes there, the head of the face says why, and near-duplicates
// of other faces are marked in the strip.

import { el } from "../shell/dom.js";

const PAUSE_MS = 1500;

export class Suggestions {
  /** `page`: {root, session, items, index, openFace(item), show(), toast(message)}; `onChange()` redraws marks. */
  constructor(page, { onChange }) {
    Object.assign(this, { page, onChange, duplicates: new Map(), taken: null });
  }

  /** Ask a while after the page has come into sight, and again while the server still looks at the pictures. */
  refreshSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh().catch(() => {}), PAUSE_MS);
  }

  async refresh() {
    clearTimeout(this.timer);
    if (!this.page.root.offsetParent) return null;
    const found = await this.page.session.get("/suggestions");
    if (found.done < found.of) this.refreshSoon();
    else {
      this.duplicates = new Map(found.duplicates.map(({ face, reason }) => [face, reason]));
      this.onChange();
    }
    return found;
  }

  /** To the best suggestion, or, from a suggestion that is still open as it was, to the one after it. */
  async next() {
    const { page } = this;
    const found = await this.refresh().catch((error) => void page.toast(error.message, "warning"));
    if (!found) return;
    const { done, of, queue } = found;
    if (done < of) return page.toast(`Still looking at the pictures: ${done} of ${of}. Try again in a moment.`);
    const open = page.items[page.index]?.face;
    const next = queue[(queue.findIndex(({ face }) => face === open) + 1) % queue.length];
    if (!next || next.face === open) return page.toast("No other face is left to suggest: each is begun, skipped or a near-duplicate.");
    this.taken = next;
    await page.openFace(page.items.find(({ face }) => face === next.face));
  }

  /** For the head of a face: why it was suggested, or why it never is; null where there is nothing to say. */
  note(face) {
    const complete = this.page.items.find((item) => item.face === face)?.state === "complete";
    const suggested = this.taken?.face === face && !complete;
    const text = suggested ? `Suggested: ${this.taken.reason}.` : this.duplicateOf(face);
    return text ? el("div.suggest-note", { text: text[0].toUpperCase() + text.slice(1), dir: "auto" }) : null;
  }

  /** Why a face is never suggested; null for one that is, or that somebody has begun since. */
  duplicateOf(face) {
    const begun = this.page.items.find((item) => item.face === face)?.labeled;
    return begun ? null : (this.duplicates.get(face) ?? null);
  }

  /** When another face is opened. */
  faceOpened(face) {
    if (this.taken?.face !== face) this.taken = null;
  }

  command() {
    return {
      keys: ["Shift+U"],
      title: "Next suggested face: unlike those labeled, or one the model doubts",
      icon: "suggest",
      group: "go",
      run: () => this.next(),
    };
  }
}
