// The two dialogs of the schema page: the effect of saving on the labels, and the versions so far.

import { changesBetween, consequence, inWords, listed } from "./changes.js";
import { COLORS, groupTitle } from "../shell/definition.js";
import { openDialog } from "../shell/dialog.js";
import { el } from "../shell/dom.js";
import { draftOf } from "./draft.js";

/** @import { DefinitionFinding, DefinitionVersion, Draft, Effect, Landmark } from "../shell/types.js" */
/** @import { Change } from "./changes.js" */

const SHOWN = 6;

/** @typedef {{ spec: string, text: string, run?: () => unknown }} DialogButton */

/**
 * @param {HTMLElement} root
 * @param {string} title
 * @param {HTMLElement} body
 * @param {DialogButton[]} buttons
 */
function open(root, title, body, buttons) {
  /** @type {HTMLElement[]} */
  const elements = buttons.map(({ spec, text, run }) => button(spec, text, () => (opened.close(), run?.())));
  const opened = openDialog(root, title, body, elements);
  opened.dialog.classList.add("schema-dialog");
  return opened;
}

/** @param {Change} change */
const many = ({ items }) => (items.length > 1 ? ` ${items.length}` : "");

/**
 * @param {string} spec
 * @param {string} text
 * @param {() => unknown} onclick
 */
const button = (spec, text, onclick) => el(spec, { type: "button", text, onclick });

/**
 * Asks before a version is saved: shows what may be wrong, and the changes with their effect on the labels; null for the first
 * version, which changes nothing.
 * @param {HTMLElement} root
 * @param {{
 *   cautions: DefinitionFinding[],
 *   changes: { list: Change[], effect: Effect } | null,
 *   version: number,
 *   onSave: () => unknown,
 * }} options
 */
export function askToSave(root, { cautions, changes, version, onSave }) {
  const body = el("div.changes");
  if (cautions.length) body.append(el("h3", { text: "Please check" }), shortList(cautions.map(({ text }) => text)));
  if (cautions.length && changes) body.append(el("h3", { text: "Changes" }));
  if (changes) body.append(...changeList(changes.list, changes.effect));
  const { dialog } = open(root, changes ? `What version ${version} changes` : "Before you save", body, [
    { spec: "button.plain", text: "Back to the draft" },
    { spec: "button.primary", text: `Save version ${version}`, run: onSave },
  ]);
  // What may be wrong is not passed over by a second Enter.
  dialog.querySelector(/** @type {"button"} */ (cautions.length ? ".plain" : ".primary"))?.focus();
}

/**
 * Says that another version was saved since the draft began: what it changed, and what the draft changes of it.
 * @param {HTMLElement} root
 * @param {{ version: number, changes: Change[], own: Change[], onSave: () => unknown, onTake: () => unknown }} options
 */
export function showNewer(root, { version, changes, own, onSave, onTake }) {
  /** @param {Change[]} list */
  const lines = (list) =>
    list.length
      ? el("ul.cautions", {}, ...list.map((change) => el("li", {}, el("b", { text: `${change.title}${many(change)}: ` }), listed(change.items))))
      : el("p", { text: "Nothing but the reference picture." });
  const body = el(
    "div.changes",
    {},
    el("p", {
      text:
        `Version ${version} was saved elsewhere since you began: on another page, or by the command line. Nothing of your draft ` +
        "is lost. It now holds those changes too; where both changed the same, yours counts.",
    }),
    el("h3", { text: `What version ${version} changed` }),
    lines(changes),
    el("h3", { text: `What your draft changes of version ${version}` }),
    lines(own),
  );
  open(root, `Version ${version} was saved meanwhile`, body, [
    { spec: "button.plain", text: `Use version ${version}`, run: onTake },
    { spec: "button.plain", text: "Look at the draft" },
    { spec: "button.primary", text: `Go on to save version ${version + 1}`, run: onSave },
  ]).dialog.querySelector(/** @type {"button"} */ (".primary"))?.focus();
}

/**
 * @param {Change[]} changes
 * @param {Effect} effect
 */
function changeList(changes, effect) {
  if (!changes.length) return [el("p", { text: "Only the reference picture changes. Labels stay." })];
  const list = el("dl");
  for (const change of changes) {
    const description = el("dd", { text: consequence(change, effect) });
    description.dataset.kind = change.kind;
    list.append(el("dt", {}, el("b", { text: `${change.title}${many(change)}: ` }), listed(change.items)), description);
  }
  return [list];
}

/** @param {string[]} items */
function shortList(items) {
  const rest = items.length - SHOWN;
  const shown = rest > 1 ? [...items.slice(0, SHOWN), `and ${rest} more, at their landmarks in the list`] : items;
  return el("ul.cautions", {}, ...shown.map((text) => el("li", { text })));
}

/**
 * @typedef {object} VersionsOptions
 * @property {DefinitionVersion[]} versions  The newest first.
 * @property {Set<string>} current  The landmarks of the draft.
 * @property {Record<string, number>} labels  The number of labels by landmark.
 * @property {(saved: DefinitionVersion) => unknown} onRestore
 * @property {(landmark: Landmark, from: Draft) => unknown} onRestoreLandmark
 */

/** The last draft that has a landmark. @typedef {{ landmark: Landmark, draft: Draft }} Deleted */

/**
 * Shows every version and every deleted landmark.
 * @param {HTMLElement} root
 * @param {VersionsOptions} options
 */
export function showVersions(root, { versions, current, labels, onRestore, onRestoreLandmark }) {
  const drafts = versions.map(({ category, reference }) => draftOf(category, reference));
  const body = el("div.versions");
  const gone = deletedLandmarks(drafts, current);
  const { close } = open(root, "Versions", body, [{ spec: "button.plain", text: "Close" }]);
  if (gone.length) body.append(el("h3", { text: "Deleted landmarks" }), el("ul.gone", {}, ...gone.map(goneRow)));
  body.append(el("h3", { text: "All versions" }), el("ol.version-list", { reversed: true }, ...versions.map(versionRow)));

  /** @param {Deleted} deleted */
  function goneRow({ landmark, draft }) {
    const restore = () => (close(), onRestoreLandmark(landmark, draft));
    const count = labels[landmark.id] ?? 0;
    return el(
      "li",
      {},
      el("span.chip", { style: { background: COLORS[landmark.group] } }),
      el("span.name", { text: landmark.name }),
      el("span.count", { text: `${count} label${count === 1 ? "" : "s"} set aside` }),
      el("button.plain.small", { type: "button", text: "Restore", "aria-label": `Restore ${landmark.name}`, onclick: restore }),
    );
  }

  /**
   * @param {DefinitionVersion} saved
   * @param {number} k
   */
  function versionRow(saved, k) {
    const earlier = new Set(drafts.slice(k + 1).flatMap(({ landmarks }) => landmarks.map(({ id }) => id)));
    const before = drafts[k + 1] ?? null;
    const count = drafts[k].landmarks.length;
    const words = before ? inWords(changesBetween(before, drafts[k], earlier)) : `First version, ${count} landmarks`;
    const when = new Date(saved.at * 1000).toLocaleString();
    const see = el("details", {}, el("summary", { text: `See its ${count} landmarks` }));
    see.addEventListener("toggle", () => see.childElementCount > 1 || see.append(...namesByGroup(drafts[k])));
    const restore = el("button.plain.small", {
      type: "button",
      text: k ? "Restore" : "Newest",
      "aria-label": `Restore version ${saved.version}`,
      disabled: !k,
      onclick: () => (close(), onRestore(saved)),
    });
    const head = el("div.version-head", {}, el("b", { text: `Version ${saved.version}` }), el("time", { text: when }), restore);
    return el("li", { value: saved.version }, head, el("p", { text: words }), see);
  }
}

/**
 * The landmarks that are in a draft and not in `current`, each in its newest form.
 * @param {Draft[]} drafts
 * @param {Set<string>} current
 * @returns {Deleted[]}
 */
function deletedLandmarks(drafts, current) {
  /** @type {Map<string, Deleted>} */
  const found = new Map();
  for (const draft of drafts)
    for (const landmark of draft.landmarks)
      if (!current.has(landmark.id) && !found.has(landmark.id)) found.set(landmark.id, { landmark, draft });
  return [...found.values()];
}

/** @param {Draft} draft */
function namesByGroup({ landmarks }) {
  const groups = [...new Set(landmarks.map(({ group }) => group))].sort((a, b) => a - b);
  return groups.map((group) => {
    const names = landmarks.filter((landmark) => landmark.group === group).map(({ name }) => name);
    return el("p", {}, el("b", { text: `${groupTitle(group)}: ` }), names.join(", "));
  });
}
