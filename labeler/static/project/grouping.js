// The groups of the landmarks of a file, where the project has no landmarks yet: proposed, and chosen for one or for many.

import { proposeGroup, proposeGroups } from "../canvas/group_proposal.js";
import { COLORS, GROUPS } from "../shell/definition.js";
import { dotsOf, picturesOf, pointsOf } from "./plan_pictures.js";
import { guess, of, told } from "./plan_rows.js";

/** More groups than this are proposed all at once. */
const MANY = 24;
/** How many pixels a pointer moves before it draws a rectangle. */
const MOVED = 4;

/** A rectangle that is being drawn over the picture. @typedef {{ plan: HTMLElement, x: number, y: number, adds: boolean, drawn: HTMLElement | null }} Drag */

/**
 * Follows choices of groups, and of landmarks that get one together. `changed` is called with the plan when groups have
 * changed.
 * @param {Document} document
 * @param {(plan: HTMLElement) => void} changed
 */
export function followGroups(document, changed) {
  document.addEventListener("change", ({ target }) => {
    const plan = of(target, ".import-plan");
    if (!plan || !(target instanceof HTMLSelectElement)) return;
    if (target.dataset.groupOf !== undefined) told(target);
    else if (target.matches(".matching-chosen select")) setChosen(plan, target.value);
    else return;
    keepGroups(plan);
    changed(plan);
  });
  document.addEventListener("click", (event) => {
    const plan = of(event.target, ".import-plan");
    if (!plan) return;
    if (of(event.target, ".matching-none")) choose(plan, []);
    const box = event.target;
    if (box instanceof HTMLInputElement && box.dataset.choose !== undefined) tick(plan, box, event.shiftKey);
  });
  // Holding Shift while clicking would select the text of the names.
  document.addEventListener("mousedown", (event) => {
    if (event.shiftKey && of(event.target, ".matching-row")?.querySelector("[data-choose]")) event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    const plan = of(event.target, ".import-plan");
    const box = event.target;
    if (!plan || !(box instanceof HTMLInputElement) || box.dataset.choose === undefined) return;
    if (event.key === "Escape") choose(plan, []);
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    const boxes = boxesOf(plan);
    const next = boxes[boxes.indexOf(box) + (step ?? 0)];
    if (!step || !next) return;
    event.preventDefault();
    next.focus();
    if (!event.shiftKey) return;
    box.checked = next.checked = true;
    tick(plan, next, false);
  });
  followRectangles(document);
}

/** @param {Document} document */
function followRectangles(document) {
  /** @type {Drag | null} */
  let drag = null;
  document.addEventListener("pointerdown", ({ target, button, pointerType, clientX: x, clientY: y, shiftKey: adds }) => {
    const plan = of(target, ".import-plan");
    if (!plan?.querySelector("[data-choose]") || !of(target, ".matching-picture")) return;
    if (button === 0 && pointerType !== "touch") drag = { plan, x, y, adds, drawn: null };
  });
  document.addEventListener("pointermove", ({ clientX, clientY }) => {
    if (!drag || (!drag.drawn && Math.hypot(clientX - drag.x, clientY - drag.y) < MOVED)) return;
    const picture = drag.plan.querySelector(".matching-picture");
    const frame = picture?.getBoundingClientRect();
    if (!picture || !frame) return;
    drag.drawn ??= picture.appendChild(document.createElement("div"));
    drag.drawn.className = "matching-rectangle";
    const [left, right] = [drag.x, clientX].sort((a, b) => a - b).map((x) => Math.min(Math.max(x - frame.left, 0), frame.width));
    const [top, bottom] = [drag.y, clientY].sort((a, b) => a - b).map((y) => Math.min(Math.max(y - frame.top, 0), frame.height));
    Object.assign(drag.drawn.style, { left: `${left}px`, top: `${top}px`, width: `${right - left}px`, height: `${bottom - top}px` });
  });
  document.addEventListener("pointerup", ({ target }) => {
    if (!drag) return;
    const { plan, adds, drawn } = drag;
    drag = null;
    const inside = drawn ? dotsIn(plan, drawn.getBoundingClientRect()) : [of(target, ".matching-dot")?.dataset.theirs ?? ""];
    drawn?.remove();
    choose(plan, inside, adds);
    const first = plan.querySelector(/** @type {"div"} */ (".matching-row.chosen"));
    const list = plan.querySelector(/** @type {"div"} */ (".matching-rows"));
    if (first && list) list.scrollTop = first.offsetTop - list.offsetTop;
  });
  document.addEventListener("pointercancel", () => {
    drag?.drawn?.remove();
    drag = null;
  });
}

/**
 * @param {HTMLElement} plan
 * @param {DOMRect} frame
 */
function dotsIn(plan, { left, right, top, bottom }) {
  return dotsOf(plan).flatMap((dot) => {
    const { x, y, width, height } = dot.getBoundingClientRect();
    const [middle, center] = [x + width / 2, y + height / 2];
    return left <= middle && middle <= right && top <= center && center <= bottom ? [dot.dataset.theirs ?? ""] : [];
  });
}

/**
 * A box was clicked: with Shift, all from the one clicked before. Those that got their group are no longer chosen then.
 * @param {HTMLElement} plan
 * @param {HTMLInputElement} box
 * @param {boolean} range
 */
function tick(plan, box, range) {
  const boxes = boxesOf(plan);
  const from = boxes.findIndex(({ dataset }) => "from" in dataset);
  if (range && from >= 0) {
    const [start, end] = [from, boxes.indexOf(box)].sort((a, b) => a - b);
    boxes.slice(start, end + 1).forEach((one) => (one.checked = true));
  } else {
    if (isDone(plan)) boxes.forEach((one) => one !== box && (one.checked = false));
    boxes.forEach((one) => delete one.dataset.from);
    box.dataset.from = "";
  }
  showChosen(plan);
}

/**
 * Chooses these landmarks, in place of the others unless it `adds`.
 * @param {HTMLElement} plan
 * @param {string[]} names
 * @param {boolean} [adds]
 */
function choose(plan, names, adds = false) {
  const wanted = new Set(names);
  for (const box of boxesOf(plan)) box.checked = wanted.has(box.dataset.choose ?? "") || (adds && box.checked);
  showChosen(plan);
}

/** Whether those that are chosen have got a group. @param {HTMLElement} plan */
function isDone(plan) {
  return Boolean(plan.querySelector(/** @type {"select"} */ (".matching-chosen select"))?.value);
}

/** @param {HTMLElement} plan */
function showChosen(plan) {
  const chosen = new Set(boxesOf(plan).flatMap(({ checked, dataset }) => (checked ? [dataset.choose] : [])));
  for (const box of boxesOf(plan)) box.closest(".matching-row")?.classList.toggle("chosen", box.checked);
  for (const dot of dotsOf(plan)) dot.classList.toggle("chosen", chosen.has(dot.dataset.theirs));
  const bar = plan.querySelector(".matching-chosen");
  const select = bar?.querySelector("select");
  const none = bar?.querySelector("button");
  if (!bar || !select || !none) return;
  select.value = "";
  select.disabled = none.disabled = !chosen.size;
  bar.querySelector("label")?.replaceChildren(chosen.size ? `${chosen.size} chosen: set group` : "None chosen");
}

/**
 * @param {HTMLElement} plan
 * @param {string} group
 */
function setChosen(plan, group) {
  for (const box of boxesOf(plan)) {
    const select = box.closest(".matching-row")?.querySelector("select");
    if (!box.checked || !select) continue;
    select.value = group;
    told(select);
  }
}

/** @param {HTMLElement} plan */
function boxesOf(plan) {
  return [...plan.querySelectorAll(/** @type {"input"} */ ("input[data-choose]"))];
}

/**
 * Proposes the groups that names do not tell, from the places of the points on the first picture.
 * @param {HTMLElement} plan
 */
export function groupsAppear(plan) {
  const selects = [...plan.querySelectorAll(/** @type {"select"} */ ("select[data-group-of]"))];
  const [picture] = picturesOf(plan);
  if (!selects.length || !picture) return keepGroups(plan);
  const [width, height] = ["width", "height"].map((side) => Number(picture.getAttribute(side)));
  /** @type {Map<string, [number, number]>} */
  const places = new Map();
  for (const { name, x, y } of pointsOf(plan, picture)) {
    if (!places.has(name)) places.set(name, [(x * width) / 100, (y * height) / 100]);
  }
  /** @type {import("../canvas/group_proposal.js").Placed[]} */
  const placed = [];
  for (const { value, dataset } of selects) {
    const place = places.get(dataset.groupOf ?? "");
    if (value && place) placed.push({ place, group: GROUPS.indexOf(value), guessed: "name" });
  }
  /** @type {(select: HTMLSelectElement, group: number) => void} */
  const propose = (select, group) => {
    select.value = GROUPS[group];
    guess(select);
  };
  const open = selects.flatMap((select) => {
    const place = places.get(select.dataset.groupOf ?? "");
    return select.value || !place ? [] : [{ select, place }];
  });
  if (open.length > MANY) {
    const groups = proposeGroups(open.map(({ place }) => place), placed, [0, 0, width, height]);
    open.forEach(({ select }, k) => propose(select, groups[k]));
  } else {
    for (const { select, place } of open) {
      const group = proposeGroup(place, placed, [0, 0, width, height]);
      placed.push({ place, group, guessed: "place" });
      propose(select, group);
    }
  }
  keepGroups(plan);
}

/**
 * Keeps the groups for the import, and shows them.
 * @param {HTMLElement} plan
 */
function keepGroups(plan) {
  const selects = [...plan.querySelectorAll(/** @type {"select"} */ ("select[data-group-of]"))];
  if (!selects.length) return;
  const groups = selects.flatMap(({ value, dataset }) => (value ? [[dataset.groupOf, value]] : []));
  plan.dataset.match = JSON.stringify(Object.fromEntries(groups));
  paintGroups(plan);
}

/**
 * Colors the points by their groups.
 * @param {HTMLElement} plan
 */
export function paintGroups(plan) {
  /** @type {Record<string, string>} */
  const groups = JSON.parse(plan.dataset.match ?? "{}");
  const chosen = new Set(boxesOf(plan).flatMap(({ checked, dataset }) => (checked ? [dataset.choose] : [])));
  for (const dot of dotsOf(plan)) {
    const name = dot.dataset.theirs ?? "";
    dot.style.background = name in groups ? COLORS[GROUPS.indexOf(groups[name])] : "";
    dot.classList.toggle("left", !(name in groups));
    dot.classList.toggle("chosen", chosen.has(name));
  }
}
