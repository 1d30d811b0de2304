// A definition as a file: import and export. Forms of other tools than COCO are read by the server.

import { GROUPS, toCategory } from "../shell/definition.js";
import { messageOf } from "../shell/page.js";
import { groupOfName, partnerName } from "./landmark_names.js";

/** @import { Category, Definition } from "../shell/types.js" */

const WANTED = 'wanted a COCO category with "keypoints", as Export writes it, or a COCO file with one such category';

/** A JSON object that is not checked yet. @typedef {Record<string, unknown>} Content */

/**
 * Whether the text of a file is for `readCategory`: JSON that is damaged, or an object with a category. Other text may be the
 * definition of another tool.
 * @param {string} text
 */
export function isForThisPage(text) {
  if (!/^[\s\uFEFF]*[{[]/.test(text)) return false;
  try {
    const content = JSON.parse(text);
    return "keypoints" in content || "categories" in content;
  } catch (_) {
    return true;
  }
}

/**
 * The category in the text of a JSON file, without the ids of a project. `guessed`: the file has no groups, so they and mirror
 * pairs are guessed from the names. `labeled`: how many labeled faces the file holds. Throws an Error with a message for the
 * user.
 * @param {string} text
 * @param {string} file
 * @returns {{ category: Category, guessed: boolean, labeled: number }}
 */
export function readCategory(text, file) {
  const whole = parsed(text, file);
  const { landmark_ids: _, definition_version: __, ...content } = categoryIn(whole, file);
  const names = content.keypoints;
  if (!Array.isArray(names)) throw new Error(`${file}: "keypoints" is ${kindOf(names)}, wanted a list of names`);
  const guessed = content.flsg === undefined;
  // The server checks the rest.
  const category = /** @type {Category} */ (/** @type {unknown} */ (content));
  return { category: guessed ? withGuesses(category) : category, guessed, labeled: labeledFaces(whole) };
}

/**
 * The number of annotations with a labeled point: every third number is a visibility.
 * @param {unknown} content
 */
function labeledFaces(content) {
  const { annotations } = /** @type {Content} */ (content);
  /** @param {{ keypoints?: unknown } | null} annotation */
  const isLabeled = (annotation) =>
    Array.isArray(annotation?.keypoints) && annotation.keypoints.some((number, k) => k % 3 === 2 && number > 0);
  return Array.isArray(annotations) ? annotations.filter(isLabeled).length : 0;
}

/**
 * @param {string} text
 * @param {string} file
 * @returns {unknown}
 */
function parsed(text, file) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${file} is not JSON (${messageOf(error)}); ${WANTED}`);
  }
}

/**
 * @param {unknown} content
 * @param {string} file
 * @returns {Content}
 */
function categoryIn(content, file) {
  if (content === null || typeof content !== "object" || Array.isArray(content))
    throw new Error(`${file}: found ${kindOf(content)}, ${WANTED}`);
  const { categories, keypoints } = /** @type {Content} */ (content);
  if (categories === undefined) {
    if (keypoints !== undefined) return /** @type {Content} */ (content);
    const keys = Object.keys(content).slice(0, 5).join(", ") || "no keys";
    throw new Error(`${file}: found an object with ${keys}; ${WANTED}`);
  }
  if (!Array.isArray(categories))
    throw new Error(`${file}: "categories" is ${kindOf(categories)}, wanted a list`);
  const withPoints = categories.filter((category) => category?.keypoints !== undefined);
  if (withPoints.length !== 1) {
    const all = categories.length;
    throw new Error(`${file}: found ${all} categories, ${withPoints.length} of them with keypoints; ${WANTED}`);
  }
  return withPoints[0];
}

/** @param {unknown} value */
function kindOf(value) {
  if (value === null || value === undefined) return "nothing";
  return Array.isArray(value) ? `a list of ${value.length}` : `a ${typeof value}`;
}

/**
 * A category without groups with those that its names tell, and with mirror pairs where it tells none.
 * @param {Category} category
 * @returns {Category}
 */
function withGuesses(category) {
  const names = category.keypoints;
  const flsg = guessedGroups(names);
  const pairs = category.flip_pairs ?? (category.symmetric ? [] : guessedPairs(names));
  return { ...category, flsg, flip_pairs: pairs };
}

/**
 * @param {unknown[]} names
 * @returns {[number, number][]}
 */
function guessedPairs(names) {
  const partner = names.map((name) => (typeof name === "string" ? names.indexOf(partnerName(name)) : -1));
  return partner.flatMap((other, k) => (k < other && partner[other] === k ? [/** @type {[number, number]} */ ([k, other])] : []));
}

/** @param {unknown[]} names */
function guessedGroups(names) {
  /** @type {Record<string, number[]>} */
  const flsg = {};
  names.forEach((name, k) => {
    const group = typeof name === "string" ? groupOfName(name) : -1;
    (flsg[GROUPS[group] ?? "nose"] ??= []).push(k);
  });
  return flsg;
}

/**
 * The file that holds a definition. It contains ids once every landmark has one.
 * @param {Definition} draft
 * @returns {{ name: string, text: string }}
 */
export function fileOf(draft) {
  const { landmark_ids: ids, ...rest } = { id: 1, supercategory: "face", ...toCategory(draft) };
  const category = ids.includes(null) ? rest : { ...rest, landmark_ids: ids };
  const words = draft.name.normalize("NFC").match(/[\p{L}\p{M}\p{N}]+/gu) ?? ["definition"];
  return { name: `${words.join("-")}.json`, text: JSON.stringify(category, null, 1) + "\n" };
}
