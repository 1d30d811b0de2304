// Joining two landmarks, by a drag from one to the other or by clicks on both: edges, mirror pairs, the normaliser.

import { setNormalizer, toggleEdge, togglePair } from "./draft.js";

/** What joining two landmarks does in each mode; `chain`: the second end is the first of the next. */
export const CONNECTIONS = {
  edges: {
    join: toggleEdge,
    chain: true,
    first: "Drag from point to point, or click the two ends of an edge; one that is there goes. Esc leaves.",
    second: (name) => `Click the landmark that ${name} is joined to, or parted from. Esc begins elsewhere.`,
  },
  pairs: {
    join: togglePair,
    first: "Drag or click from a landmark to its mirror partner; a pair that is there is parted. Esc leaves.",
    second: (name) => `Click the mirror partner of ${name}. Esc begins elsewhere.`,
  },
  ruler: {
    join: (draft, a, b) => setNormalizer(draft, [[a], [b]]),
    first: "Drag or click from one end of the normalising length to the other. Esc leaves.",
    second: (name) => `Click the other end of the length from ${name}. Esc begins elsewhere.`,
  },
};

const FEW = 30;

/** The lines to draw in image pixels: what is being joined, the pairs in their mode, the normaliser. */
export function linesOf(draft, places, { mode, from, to, odd }) {
  const lines = [];
  if (mode === "pairs")
    for (const { id, mirror } of draft.landmarks)
      if (mirror && id < mirror && places[id] && places[mirror])
        lines.push({ from: places[id], to: places[mirror], style: odd.has(id) || odd.has(mirror) ? "odd" : "pair" });
  const ends = draft.normalizer?.map((ids) => middle(ids, places));
  if (ends?.every(Boolean) && mode !== "pairs") {
    const pixels = Math.hypot(ends[1][0] - ends[0][0], ends[1][1] - ends[0][1]);
    // Among many points the words would hide some.
    const label = mode === "ruler" || draft.landmarks.length <= FEW ? `normaliser, ${pixels.toFixed(0)} px` : "";
    lines.push({ from: ends[0], to: ends[1], style: "measure", label });
  }
  if (from && to && places[from]) lines.push({ from: places[from], to, style: "joining" });
  return lines;
}

function middle(ids, places) {
  const known = ids.map((id) => places[id]).filter(Boolean);
  if (!known.length || known.length < ids.length) return null;
  return [0, 1].map((axis) => known.reduce((sum, place) => sum + place[axis], 0) / known.length);
}
