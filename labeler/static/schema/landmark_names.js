// What the name of a landmark says: its side, its mirror partner and its group. mdmd/data/landmark_names.py reads names by
// the same rules.

import { GROUPS } from "../shell/definition.js";

/** @typedef {"left" | "right"} Side */

/** A side word or letter by itself (`ear_left`, `l_ear`), behind a small letter (`earL`) or before a capital (`LeftEar`). */
const SIDE =
  /(?<!\p{L})([Ll]eft|[Rr]ight|LEFT|RIGHT|[LlRr])(?!\p{L})|(?<=[a-z])(Left|Right)(?![a-z])|(?<=[a-z])([LR])(?!\p{L})|(?<!\p{L})([Ll]eft|[Rr]ight|[LlRr])(?=[A-Z][a-z])/gu;
/** @type {Record<string, string>} */
const OPPOSITE = { left: "right", right: "left", l: "r", r: "l" };

/**
 * The side that a name like `ear_left`, `l_ear` or `earL` tells; null where it tells none or both.
 * @param {string} name
 * @returns {Side | null}
 */
export function sideOf(name) {
  const sides = new Set([...name.matchAll(SIDE)].map(([word]) => (/^l/i.test(word) ? "left" : "right")));
  const [side] = sides;
  // The letter of a list "a, b, ... l" is no side.
  return sides.size === 1 && name.length > 1 ? /** @type {Side} */ (side) : null;
}

/**
 * The name of the mirror partner: `ear_right` for `ear_left`. Null without a side, and where a number follows the side:
 * `left_brow_0` may be the partner of `right_brow_4`.
 * @param {string} name
 */
export function partnerName(name) {
  if (!sideOf(name)) return null;
  const last = [...name.matchAll(SIDE)].at(-1);
  return last && /\d/.test(name.slice(last.index)) ? null : mirroredName(name);
}

/** @param {string} name */
const mirroredName = (name) =>
  name.replace(SIDE, (word) => {
    const other = OPPOSITE[word.toLowerCase()];
    if (word === word.toLowerCase()) return other;
    return word === word.toUpperCase() ? other.toUpperCase() : other[0].toUpperCase() + other.slice(1);
  });

/**
 * Words in names by the part of the head, in the order in which they count: in `lower_beak` the half, in `tear_duct` no
 * ear. A part on both sides of the head has a group on each.
 * @type {[words: RegExp, group: string][]}
 */
const PARTS = [
  [/brow/, "brow"],
  [/^eye|^lids?$|^pupils?$|^iris$/, "eye"],
  [/^nose|^nostrils?$|^snout$|^cere$|^crest$|^comb$/, "nose"],
  [/^(mouth|.*lips?|beak|bill|teeth|tooth|fangs?|tusks?)$/, "mouth"],
  [/^whiskers?$|^muzzle$/, "top_mouth"],
  [/^tongue$/, "bottom_mouth"],
  [/^(jaw.*|chin.*|beard|wattles?)$/, "jaw"],
  [/^(ears?|horns?|antlers?|temples?)$/, "upper_contour"],
  [/^(cheeks?|jowls?|gills?)$/, "lower_contour"],
];

/**
 * The group that a name like `eye_outer_left`, `lip_top` or `ear_tip_left` names, or -1.
 * @param {string} name
 */
export function groupOfName(name) {
  const side = sideOf(name);
  const words = wordsOf(name);
  const part = PARTS.find(([pattern]) => words.some((word) => pattern.test(word)))?.[1];
  if (part === "mouth") return GROUPS.indexOf(words.some((word) => /^(bottom|lower)$/.test(word)) ? "bottom_mouth" : "top_mouth");
  if (part === "eye" || part === "brow") return GROUPS.indexOf(`${side}_${part}`);
  if (part?.endsWith("_contour")) return GROUPS.indexOf(part.replace("_", `_${side}_`));
  return part === undefined ? -1 : GROUPS.indexOf(part);
}

/**
 * The words of a name in small letters: `earTipLeft` and `ear_tip_left` have the same.
 * @param {string} name
 */
function wordsOf(name) {
  const apart = name.replace(/(?<=\p{Ll})(?=\p{Lu})/gu, " ");
  return apart.toLowerCase().match(/\p{L}+/gu) ?? [];
}
