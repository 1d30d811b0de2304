// Mirror pairs that the shape proposes, to accept one by one or together, and the switch of the mirrored picture.

import { el } from "../shell/dom.js";
import { setMirror } from "./draft.js";
import { symmetryOf } from "./symmetry.js";

/** A pair whose mirror image misses by more than this share of the face's size is drawn as odd. */
const ODD = 0.35;

/** {proposals: [{a, b, instead}], odd: Set of ids}; `instead`: a pair that is there speaks against the proposal. */
export function review(draft) {
  const symmetry = symmetryOf(draft.landmarks, draft.places);
  if (!symmetry) return { proposals: [], odd: new Set() };
  const partner = new Map(draft.landmarks.map(({ id, mirror }) => [id, mirror]));
  const proposals = symmetry.pairs
    .filter(([a, b]) => partner.get(a) !== b)
    .map(([a, b]) => ({ a, b, instead: Boolean(partner.get(a) || partner.get(b)) }));
  const contradicted = new Set(proposals.flatMap(({ a, b }) => [a, b]));
  const wrong = ({ id, mirror }) =>
    mirror && draft.places[id] && draft.places[mirror] && (contradicted.has(id) || symmetry.off(id, mirror) > ODD);
  return { proposals, odd: new Set(draft.landmarks.filter(wrong).map(({ id }) => id)) };
}

export class PairsPanel {
  /** `on`: {change(draft), select(id), mirrored()}. */
  constructor(on) {
    this.on = on;
    this.summary = el("span.summary", { role: "status" });
    this.mirrored = el("button.plain.small", { type: "button", text: "Mirrored picture", onclick: () => on.mirrored() });
    this.all = el("button.plain.small", { type: "button", onclick: () => this.acceptAll() });
    this.list = el("ul", { "aria-label": "Proposed mirror pairs" });
    const head = el("div.panel-head", {}, this.summary, this.mirrored, this.all);
    this.element = el("section.pairs-panel", { hidden: true, "aria-label": "Mirror pairs" }, head, this.list);
  }

  /** `found`: what `review` says of `draft`; null hides the panel. */
  show(draft, found, mirrored) {
    this.element.hidden = !found;
    if (!found) return;
    Object.assign(this, { draft, proposals: found.proposals });
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
  }

  free() {
    return this.proposals.filter(({ instead }) => !instead);
  }

  row({ a, b, instead }, names) {
    const words = `${names.get(a)} ↔ ${names.get(b)}`;
    const said = instead ? `${words} (parts a pair)` : words;
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

  // One step for Undo. Pairs that would part others are left to be accepted by themselves.
  acceptAll() {
    this.on.change(this.free().reduce((draft, { a, b }) => setMirror(draft, a, b), this.draft));
  }
}
