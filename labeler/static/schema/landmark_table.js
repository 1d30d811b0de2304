// The editable list of a draft's landmarks: order, name, group, mirror partner, removal, and what is wrong with each.

import { COLOURS, GROUPS, groupTitle } from "../shell/definition.js";
import { el, icon } from "../shell/dom.js";
import { moveTo, rename, setGroup, setMirror } from "./draft.js";
import { dragRow } from "./row_drag.js";

const MIDLINE = "none: midline";

export class LandmarkTable {
  /** `onChange(draft)`: a new draft; `onSelect(id)`, `onRemove(id)`. */
  constructor(root, { onChange, onSelect, onRemove }) {
    Object.assign(this, { onChange, onSelect, onRemove, rows: new Map(), findings: new Map() });
    this.body = el("ol.table-rows", { "aria-label": "Landmarks" });
    const head = el(
      "div.table-head",
      { "aria-hidden": "true" },
      el("span", { text: "Landmark" }),
      el("span", { text: "Group" }),
      el("span", { text: "Mirror partner" }),
    );
    root.append(el("div.landmark-table", {}, head, this.body));
  }

  show(draft, current) {
    this.draft = draft;
    const order = draft.landmarks.map(({ id }) => id).join();
    if (order !== this.order) this.rebuild(draft, order);
    const names = new Map(draft.landmarks.map(({ id, name }) => [id, name]));
    for (const landmark of draft.landmarks) this.update(landmark, names.get(landmark.mirror) ?? MIDLINE, current);
  }

  /** `findings`: landmark id -> {text, tone}, shown below the landmark's row. */
  showFindings(findings) {
    this.findings = findings;
    for (const [id, row] of this.rows) {
      const found = findings.get(id);
      row.finding.textContent = found?.text ?? "";
      row.finding.dataset.tone = found?.tone ?? "";
      row.name.setAttribute("aria-invalid", String(found?.tone === "problem"));
    }
  }

  focusName(id) {
    const { name } = this.rows.get(id) ?? {};
    name?.focus();
    name?.select();
  }

  // Rows are kept through a new order, and the field that had the focus has it again.
  rebuild({ landmarks }, order) {
    this.order = order;
    const focused = this.body.contains(document.activeElement) ? document.activeElement : null;
    const kept = this.rows;
    this.rows = new Map(landmarks.map(({ id }) => [id, kept.get(id) ?? this.row(id)]));
    this.body.replaceChildren(...[...this.rows.values()].map(({ item }) => item));
    [...this.rows.values()].forEach(({ grip }, k) => (grip.textContent = String(k + 1)));
    if (focused?.isConnected) focused.focus({ preventScroll: true });
  }

  row(id) {
    const grip = el("button.grip", { type: "button", "aria-label": "Order", title: "Drag, or Alt+↑ and Alt+↓" });
    const chip = el("span.chip");
    const name = el("input.field", {
      type: "text",
      maxLength: 100,
      "aria-label": "Name",
      onfocus: () => this.onSelect(id),
      onchange: () => {
        const given = name.value.trim();
        if (given) this.onChange(rename(this.draft, id, given));
        else name.value = this.draft.landmarks.find((landmark) => landmark.id === id).name;
      },
    });
    const group = el(
      "select.field",
      { "aria-label": "Group", onchange: () => this.onChange(setGroup(this.draft, id, Number(group.value))) },
      ...GROUPS.map((_, k) => el("option", { value: String(k), text: groupTitle(k) })),
    );
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
    const finding = el("span.finding");
    const item = el(
      "li",
      { onclick: (event) => [item, chip, finding].includes(event.target) && this.onSelect(id) },
      ...[grip, chip, name, group, mirror, cross, finding],
    );
    grip.addEventListener("focus", () => this.onSelect(id));
    dragRow(this.body, item, grip, (index) => this.onChange(moveTo(this.draft, id, index)));
    item.addEventListener("keydown", (event) => this.key(event, id));
    return { item, grip, chip, name, group, mirror, finding };
  }

  // The full list of partners only where it is asked for: 189 lists of 189 would be slow to build.
  offerPartners(id) {
    const { mirror } = this.rows.get(id);
    const others = this.draft.landmarks.filter((other) => other.id !== id);
    const chosen = mirror.value;
    mirror.replaceChildren(
      el("option", { value: "", text: MIDLINE }),
      ...others.map((other) => el("option", { value: other.id, text: other.name })),
    );
    mirror.value = chosen;
  }

  // Alt+arrows move the row (a select opens with them), Enter in a name goes to the next one.
  key(event, id) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const at = this.draft.landmarks.findIndex((landmark) => landmark.id === id);
    if (step && event.altKey && event.target.tagName !== "SELECT") {
      event.preventDefault();
      event.stopPropagation();
      this.onChange(moveTo(this.draft, id, at + step));
    } else if (event.key === "Enter" && event.target.tagName === "INPUT") {
      event.preventDefault();
      const next = this.draft.landmarks[at + (event.shiftKey ? -1 : 1)];
      if (next) this.focusName(next.id);
      else event.target.blur();
    }
  }

  update(landmark, partner, current) {
    const { id, name, group, mirror } = landmark;
    const row = this.rows.get(id);
    const placed = Boolean(this.draft.places[id]);
    const isCurrent = id === current;
    const seen = [name, group, mirror, partner, placed, isCurrent].join("\n");
    if (row.seen === seen) return;
    const cameUp = isCurrent && row.item.getAttribute("aria-current") !== "true";
    row.seen = seen;
    if (row.name.value !== name && document.activeElement !== row.name) row.name.value = name;
    row.chip.style.background = COLOURS[group];
    row.group.value = String(group);
    row.group.title = groupTitle(group);
    const offered = [...row.mirror.options].some(({ value, text }) => value === (mirror ?? "") && text === partner);
    if (offered) row.mirror.value = mirror ?? "";
    else row.mirror.replaceChildren(el("option", { value: mirror ?? "", text: partner }));
    row.mirror.title = partner;
    row.name.title = name;
    row.item.classList.toggle("placed", placed);
    row.item.setAttribute("aria-current", String(isCurrent));
    if (cameUp) row.item.scrollIntoView({ block: "nearest" });
  }
}
