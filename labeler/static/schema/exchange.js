// A definition as a file: reading what users bring, and writing what they take away.

import { GROUPS, toCategory } from "../shell/definition.js";
import { groupOfName } from "./draft.js";

const WANTED = 'wanted a COCO category with "keypoints", or a COCO file with one such category';

/**
 * The category in the text of a JSON file: {category, guessed}. Landmarks have no ids of this project; without groups in
 * the file they are guessed from the names, and `guessed` is true. Throws an Error with a sentence.
 */
export function readCategory(text, file) {
  const category = { ...categoryIn(parsed(text, file), file) };
  const names = category.keypoints;
  if (!Array.isArray(names)) throw new Error(`${file}: "keypoints" is ${kindOf(names)}, wanted a list of names`);
  delete category.landmark_ids;
  delete category.definition_version;
  const guessed = category.flsg === undefined;
  if (guessed) category.flsg = guessedGroups(names);
  return { category, guessed };
}

function parsed(text, file) {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new Error(`${file} is not JSON (${error.message}); ${WANTED}`);
  }
}

function categoryIn(content, file) {
  if (content === null || typeof content !== "object" || Array.isArray(content))
    throw new Error(`${file}: found ${kindOf(content)}, ${WANTED}`);
  if (content.categories === undefined) {
    if (content.keypoints !== undefined) return content;
    const keys = Object.keys(content).slice(0, 5).join(", ") || "no keys";
    throw new Error(`${file}: found an object with ${keys}; ${WANTED}`);
  }
  if (!Array.isArray(content.categories))
    throw new Error(`${file}: "categories" is ${kindOf(content.categories)}, wanted a list`);
  const withPoints = content.categories.filter((category) => category?.keypoints !== undefined);
  if (withPoints.length !== 1) {
    const all = content.categories.length;
    throw new Error(`${file}: found ${all} categories, ${withPoints.length} of them with keypoints; ${WANTED}`);
  }
  return withPoints[0];
}

function kindOf(value) {
  if (value === null || value === undefined) return "nothing";
  return Array.isArray(value) ? `a list of ${value.length}` : `a ${typeof value}`;
}

function guessedGroups(names) {
  const flsg = {};
  names.forEach((name, k) => {
    const group = typeof name === "string" ? groupOfName(name) : -1;
    (flsg[GROUPS[group] ?? "nose"] ??= []).push(k);
  });
  return flsg;
}

/** {name, text}: the file that holds `draft`. Ids are in it once every landmark has one. */
export function fileOf(draft) {
  const category = { id: 1, supercategory: "face", ...toCategory(draft) };
  if (category.landmark_ids.includes(null)) delete category.landmark_ids;
  const words = draft.name.normalize("NFC").match(/[\p{L}\p{M}\p{N}]+/gu) ?? ["definition"];
  return { name: `${words.join("-")}.json`, text: JSON.stringify(category, null, 1) + "\n" };
}
