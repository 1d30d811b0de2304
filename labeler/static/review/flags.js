// What a flag means, in a sentence with its numbers, and what the marks on the picture mean. A threshold that has changed since
// this project was last looked at is said once.

import { el } from "../shell/dom.js";
import { remember } from "../shell/memory.js";

/** @import { FlagWords, Proposers } from "../shell/types.js" */

const FOLDED = "mdmd.review.flags";
/** On a screen lower than this, in CSS pixels, the landmarks need the room more. */
const LOW = 800;
const SVG = "http://www.w3.org/2000/svg";
/** The marks of the legend as SVG elements. @type {Record<"doubtful" | "ellipse" | "circle", [string, Record<string, string | number>]>} */
const GLYPHS = {
  doubtful: ["path", { d: "M8 1.5 14.5 8 8 14.5 1.5 8ZM7.2 4h1.6v5H7.2zm0 6h1.6v1.8H7.2z", "fill-rule": "evenodd" }],
  ellipse: ["ellipse", { cx: 8, cy: 8, rx: 7, ry: 3.5, transform: "rotate(-35 8 8)" }],
  circle: ["circle", { cx: 8, cy: 8, r: 6.5 }],
};

/** @typedef {{ percent: number | null, name: string, words: string }} Known  The threshold last seen, and whose it was. */

export class FlagNote {
  /**
   * `key`: under which the threshold is remembered. `leave()`: the canvas takes the keys again.
   * @param {HTMLElement} column
   * @param {{ key: string, leave: () => void, storage?: Storage }} options
   */
  constructor(column, { key, leave, storage = localStorage }) {
    this.storage = storage;
    this.key = key;
    this.short = el("summary", {
      onclick: ({ detail }) => {
        remember(storage, FOLDED, this.element.open ? "folded" : "open");
        if (detail) leave(); // a click with the mouse, not a key
      },
      // Here they unfold, and accept no point.
      onkeydown: (event) => ["Enter", " "].includes(event.key) && event.stopPropagation(),
    });
    this.sentence = el("p");
    this.why = el("p");
    this.rough = el("p.flags-rough", { role: "status" });
    this.changed = el("p.flags-changed", { role: "status" });
    this.legend = el(
      "ul",
      { "aria-label": "Marks on the picture" },
      el("li", {}, glyph("doubtful"), el("span", { text: "a doubtful point, which is flagged" })),
      el("li", {}, glyph("ellipse"), el("span", { text: "an ellipse contains the true point with 90 % probability" })),
      el("li", {}, glyph("circle"), el("span", { text: "the current point is wrong if it belongs outside the dotted circle" })),
    );
    this.keys = el("p", {}, el("kbd", { text: "P" }), " hides and shows these marks.");
    const open = (storage.getItem(FOLDED) ?? (window.innerHeight < LOW ? "folded" : "open")) === "open";
    this.element = el("details.flags", { open }, this.short, this.sentence, this.why, this.legend, this.keys);
    column.append(this.changed, this.rough, this.element);
  }

  /**
   * What the flags of the open face mean; null where it shows no predictions.
   * @param {FlagWords | null} flags
   */
  show(flags) {
    this.element.hidden = !flags;
    // Without a threshold the line above the numbers says it.
    const rough = flags?.threshold === null ? "" : (flags?.rough ?? "");
    if (this.rough.textContent !== rough) this.rough.textContent = rough;
    if (!flags) return;
    const { threshold } = flags;
    const short = threshold === null ? "No point is flagged" : `Doubtful: more than ${percent(threshold)} likely wrong`;
    // Writing the same text again would lay out the column again.
    for (const [element, text] of /** @type {[HTMLElement, string][]} */ ([
      [this.short, short],
      [this.sentence, flags.sentence],
      [this.why, flags.why],
    ])) {
      if (element.textContent !== text) element.textContent = text;
    }
    this.why.hidden = !flags.why;
    this.legend.hidden = this.keys.hidden = threshold === null;
  }

  /**
   * Says once if the threshold of what is in charge is another than the one that was seen last.
   * @param {Proposers} proposers
   */
  compare({ in_charge: name, proposers, flags }) {
    if (!flags) return;
    const words = proposers.find((other) => other.name === name)?.words ?? name;
    /** @type {Known} */
    const now = { percent: flags.threshold === null ? null : Math.round(100 * flags.threshold), name, words };
    const before = this.seen();
    remember(this.storage, this.key, JSON.stringify(now));
    if (before) this.changed.textContent = changeOf(before, now, flags) || this.changed.textContent;
  }

  /** @returns {Known | null} */
  seen() {
    try {
      return JSON.parse(this.storage.getItem(this.key) ?? "null");
    } catch {
      return null;
    }
  }
}

/**
 * That the threshold has changed, and why, in a sentence; empty where it has not.
 * @param {Known} before
 * @param {Known} now
 * @param {FlagWords} flags
 */
export function changeOf(before, now, flags) {
  if (typeof before.percent !== "number" || now.percent === null || before.percent === now.percent) return "";
  const why =
    before.name !== now.name
      ? `${pointsOf(now.words)} are shown, and ${pointsOf(before.words)} were before`
      : flags.by_hand
        ? "it was set by hand"
        : "the points were proposed anew";
  return `The threshold is now ${now.percent} %, it was ${before.percent} % before, because ${why}.`;
}

/** @param {keyof typeof GLYPHS} name */
function glyph(name) {
  const [tag, attributes] = GLYPHS[name];
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("glyph", name);
  const shape = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes)) shape.setAttribute(key, String(value));
  svg.append(shape);
  return svg;
}

/** @param {number} share */
const percent = (share) => `${Math.round(100 * share)} %`;

/** @param {string} proposer "run 002", or "points carried over from labeled faces" */
function pointsOf(proposer) {
  return proposer.startsWith("points") ? proposer : `the points of ${proposer}`;
}
