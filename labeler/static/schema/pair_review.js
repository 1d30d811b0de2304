// What names and places say about the mirror pairs of a draft: pairs to propose, and pairs and sides that contradict them.

import { partnerName, sideOf } from "./landmark_names.js";
import { symmetryOf } from "./symmetry.js";

/** @import { DefinitionFinding, Draft, Landmark } from "../shell/types.js" */
/** @import { Side } from "./landmark_names.js" */

/** A pair whose mirror image is off by more than this share of the face's size contradicts the places. */
const ODD = 0.35;
/** Landmarks closer to the middle line than this share of the face's size are on neither side. */
const ASIDE = 0.15;

/** A proposed pair; `instead`: one of the two has another partner now. @typedef {{ a: string, b: string, instead: boolean }} PairProposal */

/**
 * `odd`: landmarks of doubtful pairs. `cautions`: contradictions with the places, in words.
 * @typedef {{ proposals: PairProposal[], odd: Set<string>, cautions: DefinitionFinding[] }} PairReview
 */

/**
 * @param {Draft} draft
 * @returns {PairReview}
 */
export function review(draft) {
  const symmetry = symmetryOf(draft.landmarks, draft.places);
  const proposals = proposed(draft, symmetry?.pairs ?? []);
  const odd = new Set(symmetry ? oddOnes(draft, proposals, symmetry.off) : []);
  // Without two landmarks that mirror each other, the middle line is a guess.
  const cautions = symmetry?.pairs.length ? contradictions(draft, symmetry) : [];
  return { proposals, odd, cautions };
}

/**
 * Names come first; the places propose partners for the others.
 * @param {Draft} draft
 * @param {[string, string][]} mirrored  Pairs that mirror each other.
 * @returns {PairProposal[]}
 */
function proposed({ landmarks }, mirrored) {
  const byId = new Map(landmarks.map((landmark) => [landmark.id, landmark]));
  const named = new Map(landmarks.map(({ id, name }) => [name, id]));
  /** @type {(a: string, b: string) => Landmark[]} */
  const both = (a, b) => [a, b].flatMap((id) => byId.get(id) ?? []);
  /** @type {[string, string][]} */
  const twins = landmarks.flatMap(({ id, name }) => {
    const twin = named.get(partnerName(name) ?? "");
    return twin !== undefined && sideOf(name) === "left" ? [[id, twin]] : [];
  });
  const settled = new Set(twins.flat());
  const others = mirrored.filter(([a, b]) => {
    const [side, other] = both(a, b).map(({ name }) => sideOf(name));
    return !settled.has(a) && !settled.has(b) && !(side && side === other);
  });
  return [...twins, ...others]
    .filter(([a, b]) => byId.get(a)?.mirror !== b)
    .map(([a, b]) => ({ a, b, instead: both(a, b).some(({ mirror }) => mirror) }));
}

/**
 * @param {Draft} draft
 * @param {PairProposal[]} proposals
 * @param {(a: string, b: string) => number} off
 */
function oddOnes({ landmarks, places }, proposals, off) {
  const contradicted = new Set(proposals.flatMap(({ a, b }) => [a, b]));
  /** @param {Landmark} landmark */
  const wrong = ({ id, mirror }) => mirror && places[id] && places[mirror] && (contradicted.has(id) || off(id, mirror) > ODD);
  return landmarks.filter(wrong).map(({ id }) => id);
}

/**
 * @param {Draft} draft
 * @param {{ off(a: string, b: string): number, across(id: string): number }} symmetry
 * @returns {DefinitionFinding[]}
 */
function contradictions({ landmarks, places }, { off, across }) {
  const place = new Map(landmarks.map(({ id }, k) => [id, k]));
  /** @type {(id: string) => Side | null} */
  const sideAt = (id) => (Math.abs(across(id)) < ASIDE ? null : across(id) < 0 ? "left" : "right");
  return landmarks.flatMap(({ id, name, mirror }, k) => {
    if (!places[id]) return [];
    /** @type {DefinitionFinding[]} */
    const found = [];
    const [named, side] = [sideOf(name), sideAt(id)];
    if (named && side && named !== side)
      found.push({ text: `'${name}' is named ${named}, but lies on the ${side} of the picture`, landmarks: [k] });
    const other = mirror === null ? undefined : place.get(mirror);
    if (other === undefined || other < k || !mirror || !places[mirror]) return found;
    const both = `'${name}' and '${landmarks[other].name}' are mirror partners`;
    if (side && side === sideAt(mirror))
      found.push({ text: `${both}, but both lie on the ${side} of the picture`, landmarks: [k, other] });
    else if (off(id, mirror) > ODD)
      found.push({ text: `${both}, but lie far from each other's mirror image`, landmarks: [k, other] });
    return found;
  });
}
