// Mirror pairs that names and places propose, to be accepted one by one or together; a button that mirrors the
// picture; and, without pairs, whether every landmark lies on the middle line.

import { el } from "../shell/dom.js";
import { emptyDraft, setMirror, setSymmetric } from "./draft.js";

/** @import { Draft } from "../shell/types.js" */
/** @import { PairProposal, PairReview } from "./pair_review.js" */

export class PairsPanel {
  /** @param {{ change(draft: Draft): void, select(id: string): void, mirrored(): void }} on */
  constructor(on) {
    this.on = on;
    this.draft = emptyDraft();
    /** @type {PairProposal[]} */
    this.proposals = [];
    this.summary = el("span.summary", { role: "status" });
    this.mirrored = el("button.plain.small", { type: "button", text: "Mirrored picture", onclick: () => on.mirrored() });
    this.all = el("button.plain.small", { type: "button", onclick: () => this.acceptAll() });
    this.list = el("ul", { "aria-label": "Proposed mirror pairs" });
    this.symmetric = el("input", { type: "checkbox" });
    this.symmetric.addEventListener("change", () => on.change(setSymmetric(this.draft, this.symmetric.checked)));
    this.means = el("p");
    const declare = el("label", {}, this.symmetric, "Every landmark lies on the middle line");
    this.unpaired = el("div.unpaired", {}, declare, this.means);
    const head = el("div.panel-head", {}, this.summary, this.mirrored, this.all);
    this.element = el("section.pairs-panel", { hidden: true, "aria-label": "Mirror pairs" }, head, this.list, this.unpaired);
  }

  /**
   * Shows what `review` found in the draft; null hides the panel.
   * @param {Draft} draft
   * @param {PairReview | null} found
   * @param {boolean} mirrored
   */
  show(draft, found, mirrored) {
    this.element.hidden = !found;
    if (!found) return;
    this.draft = draft;
    this.proposals = found.proposals;
    const paired = draft.landmarks.filter(({ mirror }) => mirror).length / 2;
    const unplaced = draft.landmarks.filter(({ id }) => !draft.places[id]).length;
    const wait = unplaced ? `, ${unplaced} without a place` : "";
    this.summary.textContent = `${paired} pair${paired === 1 ? "" : "s"}${wait}`;
    this.mirrored.setAttribute("aria-pressed", String(mirrored));
    const free = this.free();
    this.all.textContent = free.length ? `Accept all ${free.length}` : "Nothing to propose";
    this.all.disabled = !free.length;
    const names = new Map(draft.landmarks.map(({ id, name }) => [id, name]));
    this.list.replaceChildren(...this.proposals.map((proposal) => this.row(proposal, names)));
    this.unpaired.hidden = paired > 0 || !draft.landmarks.length;
    this.symmetric.checked = draft.symmetric;
    this.means.textContent = draft.symmetric
      ? "Training mirrors pictures, and every landmark keeps its name."
      : "Without pairs, training does not mirror pictures and has less to learn from.";
  }

  /** The proposals that separate no other pair. */
  free() {
    return this.proposals.filter(({ instead }) => !instead);
  }

  /**
   * @param {PairProposal} proposal
   * @param {Map<string, string>} names
   */
  row({ a, b, instead }, names) {
    const words = `${names.get(a)} ↔ ${names.get(b)}`;
    const said = instead ? `${words} (replaces a pair)` : words;
    return el(
      "li",
      {},
      el("button.name", { type: "button", text: said, title: said, onclick: () => this.on.select(a) }),
      el("button.plain.small", {
        type: "button",
        text: "Accept",
        "aria-label": `Accept ${words}`,
        onclick: () => this.on.change(setMirror(this.draft, a, b)),
      }),
    );
  }

  /** Accepts all proposals that separate no other pair, as one step for undo. */
  acceptAll() {
    this.on.change(this.free().reduce((draft, { a, b }) => setMirror(draft, a, b), this.draft));
  }
}
