// The match of landmarks before an import: names and points are dragged onto the landmarks of the project, or chosen.
// Where the project has no landmarks, the groups of those of the file are chosen instead.

import { proposeGroup } from "../canvas/group_proposal.js";
import { COLORS, GROUPS } from "../shell/definition.js";

/** @typedef {HTMLElement & { dataset: { theirs: string } }} Theirs */

/**
 * Follows drags and choices in every plan, whenever the server sends one.
 * @param {Document} document
 */
export function matchLandmarks(document) {
  document.addEventListener("dragstart", ({ target, dataTransfer }) => {
    const theirs = of(target, "[data-theirs]")?.dataset.theirs;
    if (theirs === undefined || !dataTransfer) return;
    dataTransfer.setData("text/x-landmark", theirs);
    dataTransfer.effectAllowed = "link";
  });
  document.addEventListener("dragover", (event) => {
    const row = of(event.target, ".matching-row");
    document.querySelectorAll(".matching-row.over").forEach((other) => other !== row && other.classList.remove("over"));
    if (!row || !event.dataTransfer?.types.includes("text/x-landmark")) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "link";
    row.classList.add("over");
  });
  document.addEventListener("drop", (event) => {
    const row = of(event.target, ".matching-row");
    const theirs = event.dataTransfer?.getData("text/x-landmark");
    if (!row || !theirs) return;
    event.preventDefault();
    row.classList.remove("over");
    const select = row.querySelector("select");
    if (select) choose(select, theirs);
  });
  document.addEventListener("change", ({ target }) => {
    if (!(target instanceof HTMLSelectElement)) return;
    if (target.dataset.own !== undefined) choose(target, target.value);
    if (target.dataset.groupOf === undefined) return;
    told(target);
    showGroups(of(target, ".import-plan"));
  });
  // The style sheet gives every plan an animation, so that it says when it appears.
  document.addEventListener("animationstart", ({ animationName, target }) => {
    if (animationName === "import-plan" && target instanceof HTMLElement) guessGroups(target);
  });
  for (const event of /** @type {(keyof DocumentEventMap)[]} */ (["pointerover", "pointerdown", "focusin"])) {
    document.addEventListener(event, ({ target }) => {
      if (target instanceof HTMLSelectElement && target.dataset.own !== undefined) offerAll(target);
    });
  }
  for (const [event, on] of /** @type {[keyof DocumentEventMap, boolean][]} */ ([
    ["mouseover", true],
    ["mouseout", false],
    ["focusin", true],
    ["focusout", false],
  ])) {
    document.addEventListener(event, ({ target }) => show(target, on));
  }
}

/**
 * Offers all names of the file in a list that a person is about to open. The server sends each list with its match alone:
 * all names in every list would be a million for a thousand landmarks.
 * @param {HTMLSelectElement} select
 */
function offerAll(select) {
  const names = [...(select.closest(".import-plan")?.querySelectorAll(".matching-left [data-theirs]") ?? [])];
  if (select.options.length > names.length) return;
  const { value } = select;
  const offered = names.map((name) => new Option(name.getAttribute("data-theirs") ?? ""));
  select.replaceChildren(select.options[0], ...offered);
  select.value = value;
}

/**
 * The landmark of `select` is `theirs`, and no other one is.
 * @param {HTMLSelectElement} select
 * @param {string} theirs empty: it has none in the file
 */
function choose(select, theirs) {
  const plan = /** @type {HTMLElement | null} */ (select.closest(".import-plan"));
  if (!plan) return;
  const selects = [...plan.querySelectorAll(/** @type {"select"} */ ("select[data-own]"))];
  for (const other of selects) if (other !== select && theirs && other.value === theirs) clear(other);
  clear(select);
  offerAll(select);
  select.value = theirs;
  const pairs = selects.filter(({ value }) => value).map(({ dataset, value }) => [dataset.own, value]);
  plan.dataset.match = JSON.stringify(Object.fromEntries(pairs));
  const matched = new Set(selects.map(({ value }) => value));
  for (const name of plan.querySelectorAll(/** @type {"li"} */ (".matching-left [data-theirs]"))) {
    name.hidden = matched.has(name.dataset.theirs ?? "");
  }
  for (const dot of plan.querySelectorAll(/** @type {"span"} */ (".matching-dot"))) {
    dot.classList.toggle("left", !matched.has(dot.dataset.theirs ?? ""));
  }
}

/**
 * Proposes the groups that names do not tell, from the places of the points on the picture.
 * @param {HTMLElement} plan
 */
function guessGroups(plan) {
  /** @type {Map<string, [number, number]>} */
  const places = new Map();
  const { offsetWidth: width, offsetHeight: height } = plan.querySelector("img") ?? plan;
  for (const dot of plan.querySelectorAll(/** @type {"span"} */ (".matching-dot"))) {
    const name = dot.dataset.theirs ?? "";
    if (!places.has(name)) places.set(name, [(parseFloat(dot.style.left) * width) / 100, (parseFloat(dot.style.top) * height) / 100]);
  }
  /** @type {import("../canvas/group_proposal.js").Placed[]} */
  const placed = [];
  const selects = [...plan.querySelectorAll(/** @type {"select"} */ ("select[data-group-of]"))];
  for (const { value, dataset } of selects) {
    const place = places.get(dataset.groupOf ?? "");
    if (value && place) placed.push({ place, group: GROUPS.indexOf(value), guessed: "name" });
  }
  for (const select of selects) {
    const place = places.get(select.dataset.groupOf ?? "");
    if (select.value || !place) continue;
    const group = proposeGroup(place, placed, [0, 0, width, height]);
    placed.push({ place, group, guessed: "place" });
    select.value = GROUPS[group];
    const row = select.closest(".matching-row");
    row?.classList.add("guess");
    row?.querySelector(".matching-guess")?.replaceChildren("guess");
  }
  showGroups(plan);
}

/**
 * Colors the points by their groups, and keeps the groups for the import.
 * @param {HTMLElement | null | undefined} plan
 */
function showGroups(plan) {
  const selects = [...(plan?.querySelectorAll(/** @type {"select"} */ ("select[data-group-of]")) ?? [])];
  if (!plan || !selects.length) return;
  /** @type {Record<string, string>} */
  const groups = {};
  for (const { value, dataset } of selects) if (value && dataset.groupOf) groups[dataset.groupOf] = value;
  plan.dataset.match = JSON.stringify(groups);
  for (const dot of plan.querySelectorAll(/** @type {"span"} */ (".matching-dot"))) {
    const group = groups[dot.dataset.theirs ?? ""];
    dot.style.background = group ? COLORS[GROUPS.indexOf(group)] : "";
  }
}

/** @param {HTMLSelectElement} select */
function clear(select) {
  select.value = "";
  told(select);
}

/**
 * What a person has said is no guess.
 * @param {HTMLSelectElement} select
 */
function told(select) {
  const row = select.closest(".matching-row");
  row?.classList.remove("guess");
  row?.querySelector(".matching-guess")?.replaceChildren();
}

/**
 * Marks the point that a row or a name is about, and the row of a point.
 * @param {EventTarget | null} target
 * @param {boolean} on
 */
function show(target, on) {
  const plan = of(target, ".import-plan");
  const theirs = of(target, "[data-theirs]")?.dataset.theirs ?? nameOf(of(target, ".matching-row")?.querySelector("select"));
  if (!plan || !theirs) return;
  for (const dot of plan.querySelectorAll(/** @type {"span"} */ (".matching-dot"))) {
    dot.classList.toggle("shown", on && dot.dataset.theirs === theirs);
  }
  for (const select of plan.querySelectorAll("select")) {
    select.closest(".matching-row")?.classList.toggle("shown", on && nameOf(select) === theirs);
  }
}

/**
 * The landmark of the file that a row is about.
 * @param {HTMLSelectElement | null | undefined} select
 */
function nameOf(select) {
  return select?.dataset.groupOf ?? select?.value;
}

/**
 * @param {EventTarget | null} target
 * @param {string} selector
 * @returns {HTMLElement | null | undefined}
 */
function of(target, selector) {
  return target instanceof Element ? target.closest(selector) : undefined;
}
