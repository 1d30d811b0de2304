// The match of landmarks before an import: names and points are dragged onto the landmarks of the project, or chosen.

import { followGroups, groupsAppear, paintGroups } from "./grouping.js";
import { dotsOf, followSteps, showPicture } from "./plan_pictures.js";
import { guess, of, told } from "./plan_rows.js";

/** @typedef {HTMLElement & { dataset: { theirs: string } }} Theirs */

/** The most names that a sentence lists. */
const NAMED = 6;

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
    if (target instanceof HTMLSelectElement && target.dataset.own !== undefined) choose(target, target.value);
  });
  document.addEventListener("click", ({ target }) => {
    const plan = of(target, ".import-plan");
    if (plan && of(target, ".matching-rest")) matchTheRest(plan);
    if (plan && of(target, ".matching-clear")) clearGuesses(plan);
  });
  // The style sheet gives every plan, and the sentence below it, an animation, so that they say when they appear.
  document.addEventListener("animationstart", ({ animationName, target }) => {
    const plan = document.querySelector(/** @type {"div"} */ (".import-plan"));
    if (!plan || !(target instanceof HTMLElement)) return;
    if (animationName === "import-plan") appear(plan);
    if (animationName === "import-left") sayWhatIsLeft(plan);
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
  followSteps(document, paint);
  followGroups(document, sayWhatIsLeft);
}

/** @param {HTMLElement} plan */
function appear(plan) {
  groupsAppear(plan);
  showPicture(plan, 0);
  settle(plan);
}

/**
 * Colors the points of the picture that is shown.
 * @param {HTMLElement} plan
 */
function paint(plan) {
  if (plan.querySelector("[data-group-of]")) return paintGroups(plan);
  const matched = new Set(ownsOf(plan).map(({ value }) => value));
  for (const dot of dotsOf(plan)) dot.classList.toggle("left", !matched.has(dot.dataset.theirs ?? ""));
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
  for (const other of ownsOf(plan)) if (other !== select && theirs && other.value === theirs) clear(other);
  clear(select);
  offerAll(select);
  select.value = theirs;
  settle(plan);
}

/**
 * Matches the landmarks without a name with the names that are left, in the order of the definition and of the file.
 * @param {HTMLElement} plan
 */
function matchTheRest(plan) {
  const free = ownsOf(plan).filter(({ value }) => !value);
  free.sort((a, b) => Number(a.dataset.at) - Number(b.dataset.at));
  const names = leftOf(plan);
  free.slice(0, names.length).forEach((select, k) => {
    const theirs = names[k].dataset.theirs;
    if (![...select.options].some(({ value }) => value === theirs)) select.add(new Option(theirs));
    select.value = theirs;
    guess(select);
  });
  settle(plan);
}

/** @param {HTMLElement} plan */
function clearGuesses(plan) {
  for (const select of ownsOf(plan)) if (select.closest(".guess")) clear(select);
  settle(plan);
}

/**
 * Keeps the match for the import, and shows what is left.
 * @param {HTMLElement} plan
 */
function settle(plan) {
  const selects = ownsOf(plan);
  if (selects.length) {
    const pairs = selects.filter(({ value }) => value).map(({ dataset, value }) => [dataset.own, value]);
    plan.dataset.match = JSON.stringify(Object.fromEntries(pairs));
    const matched = new Set(selects.map(({ value }) => value));
    for (const name of theirsOf(plan)) name.hidden = matched.has(name.dataset.theirs);
    offerTheRest(plan, selects.length - pairs.length);
  }
  paint(plan);
  sayWhatIsLeft(plan);
}

/**
 * @param {HTMLElement} plan
 * @param {number} free landmarks without a name
 */
function offerTheRest(plan, free) {
  const left = leftOf(plan).length;
  const guesses = plan.querySelectorAll(".matching-row.guess").length;
  const rest = /** @type {HTMLElement} */ (plan.querySelector(".matching-rest"));
  const undo = /** @type {HTMLElement} */ (plan.querySelector(".matching-clear"));
  rest.hidden = !free || !left;
  const some = left > free ? `the first ${free === 1 ? "" : `${free} `}of ${left} that are left` : `the ${left} that are left`;
  rest.textContent = left === 1 ? "Match the one that is left" : `Match ${some} in order`;
  undo.hidden = !guesses;
  undo.textContent = `Clear ${guesses === 1 ? "the guess" : `the ${guesses} guesses`}`;
}

/**
 * Says beside the button of the import what does not come in.
 * @param {HTMLElement} plan
 */
function sayWhatIsLeft(plan) {
  const selects = ownsOf(plan);
  const said = [];
  if (selects.length) {
    const told = new Set(theirsOf(plan).flatMap(({ dataset }) => ("empty" in dataset ? [] : [dataset.theirs])));
    const free = selects.filter(({ value }) => !told.has(value)).length;
    const left = leftOf(plan).flatMap(({ dataset }) => ("empty" in dataset ? [] : [dataset.theirs]));
    if (free) said.push(free === 1 ? "1 landmark of the project gets no points" : `${free} landmarks of the project get no points`);
    if (left.length) said.push(`${left.length === 1 ? "1 name of the file is" : `${left.length} names of the file are`} left out: ${listed(left)}`);
  } else {
    const groups = [...plan.querySelectorAll(/** @type {"select"} */ ("select[data-group-of]"))];
    const open = groups.flatMap(({ value, dataset }) => (value ? [] : [dataset.groupOf ?? ""]));
    if (open.length) said.push(`${open.length === 1 ? "1 landmark has" : `${open.length} landmarks have`} no part of the face yet: ${listed(open)}`);
  }
  document.querySelector(".import-left")?.replaceChildren(said.length ? `${said.join(", ")}.` : "");
}

/** @param {string[]} names */
function listed(names) {
  const more = names.length > NAMED ? ` and ${names.length - NAMED} more` : "";
  return names.slice(0, NAMED).join(", ") + more;
}

/**
 * The lists of the project's landmarks.
 * @param {HTMLElement} plan
 */
function ownsOf(plan) {
  return [...plan.querySelectorAll(/** @type {"select"} */ ("select[data-own]"))];
}

/**
 * The names of the file.
 * @param {HTMLElement} plan
 * @returns {Theirs[]}
 */
function theirsOf(plan) {
  return [...plan.querySelectorAll(".matching-left [data-theirs]")].map((name) => /** @type {Theirs} */ (name));
}

/** @param {HTMLElement} plan */
function leftOf(plan) {
  return theirsOf(plan).filter(({ hidden }) => !hidden);
}

/** @param {HTMLSelectElement} select */
function clear(select) {
  select.value = "";
  told(select);
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
  for (const dot of dotsOf(plan)) dot.classList.toggle("shown", on && dot.dataset.theirs === theirs);
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
