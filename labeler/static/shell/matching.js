// The match of landmarks before an import: names and points are dragged onto the landmarks of the project, or chosen.

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
    if (target instanceof HTMLSelectElement && target.dataset.own !== undefined) choose(target, target.value);
  });
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
  select.value = theirs;
  const pairs = selects.filter(({ value }) => value).map(({ dataset, value }) => [dataset.own, value]);
  plan.dataset.match = JSON.stringify(Object.fromEntries(pairs));
  const matched = new Set(selects.map(({ value }) => value));
  for (const name of plan.querySelectorAll(/** @type {"li"} */ (".matching-left [data-theirs]"))) {
    name.hidden = matched.has(name.dataset.theirs ?? "");
  }
}

/** @param {HTMLSelectElement} select */
function clear(select) {
  select.value = "";
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
  const theirs = of(target, "[data-theirs]")?.dataset.theirs ?? of(target, ".matching-row")?.querySelector("select")?.value;
  if (!plan || !theirs) return;
  for (const dot of plan.querySelectorAll(/** @type {"span"} */ (".matching-dot"))) {
    dot.classList.toggle("shown", on && dot.dataset.theirs === theirs);
  }
  for (const select of plan.querySelectorAll("select")) {
    select.closest(".matching-row")?.classList.toggle("shown", on && select.value === theirs);
  }
}

/**
 * @param {EventTarget | null} target
 * @param {string} selector
 * @returns {HTMLElement | null | undefined}
 */
function of(target, selector) {
  return target instanceof Element ? target.closest(selector) : undefined;
}
