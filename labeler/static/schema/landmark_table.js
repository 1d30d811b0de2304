// The editable list of a draft's landmarks: order, name, group, mirror partner, removal, and the problems of each.

import { COLORS, GROUPS, groupTitle } from "../shell/definition.js";
import { el, icon } from "../shell/dom.js";
import { emptyDraft, moveTo, rename, setGroup, setMirror } from "./draft.js";
import { RowFollower } from "./follow_row.js";
import { hint } from "./hints.js";
import { dragRow } from "./row_drag.js";

/** @import { Draft, Landmark } from "../shell/types.js" */

const MIDLINE = "none: middle line";

/**
 * @typedef {object} TableOptions
 * @property {(draft: Draft) => void} onChange
 * @property {(id: string) => void} onSelect
 * @property {(id: string) => void} onRemove
 */

/** What is shown below a landmark's row. @typedef {{ text: string, tone: "problem" | "caution" }} RowFinding */

export class LandmarkTable {
  /**
   * @param {HTMLElement} root
   * @param {TableOptions} options
   */
  constructor(root, { onChange, onSelect, onRemove }) {
    this.onChange = onChange;
    this.onSelect = onSelect;
    this.onRemove = onRemove;
    this.order = "";
    this.draft = emptyDraft();
    /** @type {string | null} */
    this.current = null;
    /** @type {Map<string, ReturnType<LandmarkTable["row"]>>} */
    this.rows = new Map();
    this.body = el("ol.table-rows", { "aria-label": "Landmarks" });
    const [group, mirror] = [hint("group"), hint("mirror")];
    const head = el(
      "div.table-head",
      {},
      el("span", { text: "Landmark" }),
      el("span", {}, "Group ", group.button),
      el("span", {}, "Mirror partner ", mirror.button),
    );
    root.append(el("div.landmark-table", {}, head, group.text, mirror.text, this.body));
    this.follower = new RowFollower(this.body);
  }

  /**
   * @param {Draft} draft
   * @param {string | null} current
   */
  show(draft, current) {
    this.draft = draft;
    const order = draft.landmarks.map(({ id }) => id).join();
    if (order !== this.order) this.rebuild(draft, order);
    const names = new Map(draft.landmarks.map(({ id, name }) => [id, name]));
    const before = this.current;
    this.current = current;
    for (const landmark of draft.landmarks) {
      const partner = landmark.mirror === null ? undefined : names.get(landmark.mirror);
      this.update(landmark, partner ?? MIDLINE, current);
    }
    if (current !== before) this.follower.cameUp();
  }

  /**
   * Shows findings below the rows of their landmarks. A row whose finding is the same stays as it is.
   * @param {Map<string, RowFinding>} findings
   */
  showFindings(findings) {
    for (const [id, row] of this.rows) {
      const found = findings.get(id);
      if (found?.text === row.found?.text && found?.tone === row.found?.tone) continue;
      row.found = found;
      row.finding.textContent = found?.text ?? "";
      row.finding.dataset.tone = found?.tone ?? "";
      row.name.setAttribute("aria-invalid", String(found?.tone === "problem"));
    }
    this.follower.follow();
  }

  /** @param {string} id */
  focusName(id) {
    const name = this.rows.get(id)?.name;
    name?.focus();
    name?.select();
  }

  // Rows stay the same elements in a new order, and the focused field keeps the focus.
  /**
   * @param {Draft} draft
   * @param {string} order
   */
  rebuild({ landmarks }, order) {
    this.order = order;
    const { activeElement } = document;
    const focused = activeElement instanceof HTMLElement && this.body.contains(activeElement) ? activeElement : null;
    const kept = this.rows;
    this.rows = new Map(landmarks.map(({ id }) => [id, kept.get(id) ?? this.row(id)]));
    this.body.replaceChildren(...[...this.rows.values()].map(({ item }) => item));
    [...this.rows.values()].forEach(({ grip }, k) => (grip.textContent = String(k + 1)));
    if (focused?.isConnected) focused.focus({ preventScroll: true });
  }

  /** @param {string} id */
  row(id) {
    const grip = el("button.grip", { type: "button", "aria-label": "Order", title: "Drag, or Alt+↑ and Alt+↓" });
    const chip = el("span.chip");
    /** @type {HTMLInputElement} */
    const name = el("input.field", {
      type: "text",
      maxLength: 100,
      "aria-label": "Name",
      onfocus: () => this.onSelect(id),
      onchange: () => {
        const given = name.value.trim();
        if (given) this.onChange(rename(this.draft, id, given));
        else name.value = this.draft.landmarks.find((landmark) => landmark.id === id)?.name ?? "";
      },
    });
    /** @type {HTMLSelectElement} */
    const group = el(
      "select.field",
      { "aria-label": "Group", onchange: () => this.onChange(setGroup(this.draft, id, Number(group.value))) },
      ...GROUPS.map((_, k) => el("option", { value: String(k), text: groupTitle(k) })),
    );
    /** @type {HTMLSelectElement} */
    const mirror = el("select.field", {
      "aria-label": "Mirror partner",
      onpointerdown: () => this.offerPartners(id),
      onfocus: () => this.offerPartners(id),
      onchange: () => this.onChange(setMirror(this.draft, id, mirror.value || null)),
    });
    const cross = el(
      "button.tool.small",
      { type: "button", title: "Remove", "aria-label": "Remove", onclick: () => this.onRemove(id) },
      icon("cross"),
    );
    const finding = el("span.finding", { id: `finding-${id}` });
    for (const field of [name, group, mirror]) field.setAttribute("aria-describedby", finding.id);
    const item = el("li", {}, grip, chip, name, group, mirror, cross, finding);
    /** @type {(EventTarget | null)[]} */
    const selecting = [item, chip, finding];
    item.addEventListener("click", ({ target }) => selecting.includes(target) && this.onSelect(id));
    grip.addEventListener("focus", () => this.onSelect(id));
    dragRow(this.body, item, grip, (index) => this.onChange(moveTo(this.draft, id, index)));
    item.addEventListener("keydown", (event) => this.key(event, id));
    const found = /** @type {RowFinding | undefined} */ (undefined);
    return { item, grip, chip, name, group, mirror, finding, seen: "", found };
  }

  /**
   * Fills the list of partners when it is opened: 189 lists of 189 names would be slow to build.
   * @param {string} id
   */
  offerPartners(id) {
    const mirror = this.rows.get(id)?.mirror;
    if (!mirror) return;
    const others = this.draft.landmarks.filter((other) => other.id !== id);
    const chosen = mirror.value;
    mirror.replaceChildren(
      el("option", { value: "", text: MIDLINE }),
      ...others.map((other) => el("option", { value: other.id, text: other.name })),
    );
    mirror.value = chosen;
  }

  /**
   * Alt and arrows move the row, but not in a select, which they open. Enter in a name goes to the next name.
   * @param {KeyboardEvent} event
   * @param {string} id
   */
  key(event, id) {
    const { target } = event;
    const step = event.key === "ArrowUp" ? -1 : event.key === "ArrowDown" ? 1 : 0;
    const at = this.draft.landmarks.findIndex((landmark) => landmark.id === id);
    if (step && event.altKey && !(target instanceof HTMLSelectElement)) {
      event.preventDefault();
      event.stopPropagation();
      this.onChange(moveTo(this.draft, id, at + step));
    } else if (event.key === "Enter" && target instanceof HTMLInputElement) {
      event.preventDefault();
      const next = this.draft.landmarks[at + (event.shiftKey ? -1 : 1)];
      if (next) this.focusName(next.id);
      else target.blur();
    }
  }

  /**
   * @param {Landmark} landmark
   * @param {string} partner
   * @param {string | null} current
   */
  update(landmark, partner, current) {
    const { id, name, group, mirror } = landmark;
    const row = this.rows.get(id);
    if (!row) return;
    const placed = Boolean(this.draft.places[id]);
    const isCurrent = id === current;
    const seen = [name, group, mirror, partner, placed, isCurrent].join("\n");
    if (row.seen === seen) return;
    row.seen = seen;
    if (row.name.value !== name && document.activeElement !== row.name) row.name.value = name;
    row.chip.style.background = COLORS[group];
    row.group.value = String(group);
    row.group.title = groupTitle(group);
    const offered = [...row.mirror.options].some(({ value, text }) => value === (mirror ?? "") && text === partner);
    if (offered) row.mirror.value = mirror ?? "";
    else row.mirror.replaceChildren(el("option", { value: mirror ?? "", text: partner }));
    row.mirror.title = partner;
    row.name.title = name;
    row.item.classList.toggle("placed", placed);
    row.item.setAttribute("aria-current", String(isCurrent));
    row.item.setAttribute("aria-label", placed ? name : `${name}, not on the picture yet`);
  }
}
