// The editable list of a draft's landmarks: name, group, mirror partner, order, removal.

import { COLOURS, GROUPS, groupTitle } from "./definition.js";
import { el, icon } from "./dom.js";
import { move, rename, setGroup, setMirror } from "./draft.js";

const MIDLINE = "none: midline";

export class LandmarkTable {
  /** `onChange(draft)`: a new draft; `onSelect(id)`, `onRemove(id)`. */
  constructor(root, { onChange, onSelect, onRemove }) {
    Object.assign(this, { onChange, onSelect, onRemove, rows: new Map() });
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
    for (const landmark of draft.landmarks) this.update(landmark, current);
  }

  rebuild({ landmarks }, order) {
    this.order = order;
    this.rows.clear();
    this.body.replaceChildren(...landmarks.map(({ id }) => this.row(id)));
  }

  row(id) {
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
    const tool = (iconName, title, run) =>
      el("button.tool.small", { type: "button", title, "aria-label": title, onclick: run }, icon(iconName));
    const item = el(
      "li",
      { onclick: (event) => event.target === item && this.onSelect(id) },
      chip,
      name,
      group,
      mirror,
      tool("up", "Move up", () => this.onChange(move(this.draft, id, -1))),
      tool("down", "Move down", () => this.onChange(move(this.draft, id, 1))),
      tool("cross", "Remove", () => this.onRemove(id)),
    );
    this.rows.set(id, { item, chip, name, group, mirror });
    return item;
  }

  // The full list of partners only where it is asked for: 98 lists of 98 would be slow to build.
  offerPartners(id) {
    const { mirror } = this.rows.get(id);
    const chosen = mirror.value;
    mirror.replaceChildren(
      el("option", { value: "", text: MIDLINE }),
      ...this.draft.landmarks
        .filter((other) => other.id !== id)
        .map((other) => el("option", { value: other.id, text: other.name })),
    );
    mirror.value = chosen;
  }

  update({ id, name, group, mirror }, current) {
    const row = this.rows.get(id);
    if (row.name.value !== name && document.activeElement !== row.name) row.name.value = name;
    row.group.value = String(group);
    row.chip.style.background = COLOURS[group];
    const partner = this.draft.landmarks.find((other) => other.id === mirror);
    if (document.activeElement !== row.mirror || row.mirror.value !== (mirror ?? "")) {
      row.mirror.replaceChildren(el("option", { value: mirror ?? "", text: partner?.name ?? MIDLINE }));
    }
    // At a small window the fields cut their texts off.
    row.name.title = name;
    row.group.title = groupTitle(group);
    row.mirror.title = partner?.name ?? MIDLINE;
    row.item.classList.toggle("placed", Boolean(this.draft.places[id]));
    if (id === current && row.item.getAttribute("aria-current") !== "true")
      row.item.scrollIntoView({ block: "nearest" });
    row.item.setAttribute("aria-current", String(id === current));
  }
}
