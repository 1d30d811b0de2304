// Connecting two landmarks, by a drag from one to the other or by clicks on both: edges, mirror pairs, the normalizer.

import { setNormalizer, toggleEdge, togglePair } from "./draft.js";

/** @import { Draft, Place, Places } from "../shell/types.js" */

/** @typedef {"edges" | "pairs" | "ruler"} Connection */

/**
 * `chain`: the second end is the first of the next connection. `first`, `second`: what to do, before the first click and
 * before the second.
 * @typedef {object} ConnectionRule
 * @property {(draft: Draft, a: string, b: string) => Draft} join
 * @property {boolean} [chain]
 * @property {string} first
 * @property {(name: string) => string} second
 */

/** @typedef {{ from: Place, to: Place, style: "joining" | "pair" | "odd" | "measure", label?: string }} Line */

/** What connecting two landmarks does in each mode. @type {Record<Connection, ConnectionRule>} */
export const CONNECTIONS = {
  edges: {
    join: toggleEdge,
    chain: true,
    first: "Drag from point to point, or click the two ends of an edge; an existing edge is removed. Esc leaves.",
    second: (name) => `Click the other end of the edge from ${name}. Esc starts again.`,
  },
  pairs: {
    join: togglePair,
    first: "Drag or click from a landmark to its mirror partner; an existing pair is removed. Esc leaves.",
    second: (name) => `Click the mirror partner of ${name}. Esc starts again.`,
  },
  ruler: {
    join: (draft, a, b) => setNormalizer(draft, [[a], [b]]),
    first: "Drag or click from one end of the normalizing length to the other. Esc leaves.",
    second: (name) => `Click the other end of the length from ${name}. Esc starts again.`,
  },
};

const FEW = 30;

/**
 * The lines to draw in image pixels: the new connection, the pairs in their mode, the normalizer.
 * @param {Draft} draft
 * @param {Places} places
 * @param {{ mode: Connection | "points", from: string | null, to?: Place | null, odd: Set<string> }} state
 * @returns {Line[]}
 */
export function linesOf(draft, places, { mode, from, to, odd }) {
  /** @type {Line[]} */
  const lines = [];
  if (mode === "pairs")
    for (const { id, mirror } of draft.landmarks)
      if (mirror && id < mirror && places[id] && places[mirror])
        lines.push({ from: places[id], to: places[mirror], style: odd.has(id) || odd.has(mirror) ? "odd" : "pair" });
  const ends = draft.normalizer?.map((ids) => middle(ids, places)).filter((end) => end !== null);
  if (ends?.length === 2 && mode !== "pairs") {
    const pixels = Math.hypot(ends[1][0] - ends[0][0], ends[1][1] - ends[0][1]);
    // Among many points the label would hide some.
    const label = mode === "ruler" || draft.landmarks.length <= FEW ? `normalizer, ${pixels.toFixed(0)} px` : "";
    lines.push({ from: ends[0], to: ends[1], style: "measure", label });
  }
  if (from && to && places[from]) lines.push({ from: places[from], to, style: "joining" });
  return lines;
}

/**
 * The mean of landmarks; null where one of them has no place.
 * @param {string[]} ids
 * @param {Places} places
 * @returns {Place | null}
 */
function middle(ids, places) {
  const known = ids.map((id) => places[id]).filter(Boolean);
  if (!known.length || known.length < ids.length) return null;
  /** @param {0 | 1} axis */
  const mean = (axis) => known.reduce((sum, place) => sum + place[axis], 0) / known.length;
  return [mean(0), mean(1)];
}
