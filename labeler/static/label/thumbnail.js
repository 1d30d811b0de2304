// A face in the strip of the label page: the picture, how far it is, and its state as a mark and in words.

import { el, icon } from "../shell/dom.js";
import { STATES } from "./filters.js";

/** @import { FaceItem } from "../shell/types.js" */

/**
 * What the row of a face holds beside the picture.
 * @param {FaceItem} item
 * @returns {(HTMLElement | null)[]}
 */
export function thumbnail(item) {
  const { picture, state, labeled, of, flagged, unseen, skip, checks, duplicate, count, nth } = item;
  const name = count > 1 ? `${picture.name} · ${nth}` : picture.name;
  const words = [
    `${picture.name}${count > 1 ? `, face ${nth}` : ""}: ${labeled} of ${of}, ${STATES[state]}`,
    flagged ? `${flagged} doubtful` : null,
    unseen ? `${unseen} accepted unseen` : null,
    skip ? `because: ${skip}` : null,
    checks ? "to check" : null,
    duplicate ?? null,
    item.beside ? "open, but hidden by the filter" : null,
  ].filter(Boolean);
  return [
    el("span.number", { text: item.number, "aria-hidden": "true" }),
    skip ? el("span.skip-reason", { text: skip, dir: "auto", "aria-hidden": "true" }) : null,
    el("span.bar", {}, el("span.fill", { style: { width: `${of ? (100 * labeled) / of : 0}%` } })),
    badge(item),
    checks ? el("span.badge.check", { text: "!", title: "The label checks have a finding", "aria-hidden": "true" }) : null,
    el("span.caption", { text: name, title: picture.name, dir: "auto" }),
    el("span.sr-only", { text: words.join(", ") }),
  ];
}

/** @param {FaceItem} item */
function badge({ state, flagged, unseen, labeled, of, duplicate }) {
  if (state === "skipped") return el("span.badge.skipped", { title: "skipped" }, icon("cross"));
  if (state === "complete" && unseen)
    return el("span.badge.done", { title: `complete, ${unseen} points accepted unseen` }, icon("eyeShut"));
  if (state === "complete") return el("span.badge.done", { title: "complete" }, icon("accept"));
  if (duplicate && !labeled) return el("span.badge", { text: "≈", title: duplicate });
  if (flagged) return el("span.badge.doubt", { text: flagged, title: `pre-labeled, ${flagged} doubtful` });
  if (state === "predicted") return el("span.badge.predicted", { text: "◇", title: "pre-labeled" });
  if (state === "partial") return el("span.badge", { text: `${labeled}/${of}`, title: `${labeled} of ${of} labeled` });
  return null;
}
