// A column of faces to choose from. Only the rows in sight exist, so that thousands cost nothing.

import { el } from "./dom.js";

const OVERSCAN = 4;

export class Filmstrip {
  /** `render(item)` gives a row's content; `rowHeight` in CSS pixels is the same for all. */
  constructor(root, { rowHeight, render, onSelect, label }) {
    Object.assign(this, { rowHeight, render, onSelect });
    this.items = [];
    this.rows = new Map();
    this.selected = -1;
    this.space = el("div.strip-space", { role: "listbox", "aria-label": label });
    this.element = el("div.strip", {}, this.space);
    root.append(this.element);
    this.element.addEventListener("scroll", () => this.draw(), { passive: true });
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  setItems(items) {
    const content = JSON.stringify(items);
    if (content === this.content) return;
    this.content = content;
    this.items = items;
    this.space.style.height = `${items.length * this.rowHeight}px`;
    for (const row of this.rows.values()) row.remove();
    this.rows.clear();
    this.draw();
  }

  update(index, item) {
    this.content = null;
    this.items[index] = item;
    this.rows.get(index)?.remove();
    this.rows.delete(index);
    this.draw();
  }

  select(index) {
    this.rows.get(this.selected)?.setAttribute("aria-selected", "false");
    this.selected = index;
    const { element, rowHeight } = this;
    const top = index * rowHeight;
    if (top < element.scrollTop + rowHeight) element.scrollTop = top - rowHeight;
    else if (top + 2 * rowHeight > element.scrollTop + element.clientHeight)
      element.scrollTop = top + 2 * rowHeight - element.clientHeight;
    this.draw();
    this.rows.get(index)?.setAttribute("aria-selected", "true");
  }

  draw() {
    const { clientHeight, scrollTop } = this.element;
    if (!clientHeight) return;
    const first = Math.max(0, Math.floor(scrollTop / this.rowHeight) - OVERSCAN);
    const last = Math.min(this.items.length - 1, Math.ceil((scrollTop + clientHeight) / this.rowHeight) + OVERSCAN);
    for (const [index, row] of this.rows) {
      if (index >= first && index <= last) continue;
      row.remove();
      this.rows.delete(index);
    }
    for (let index = first; index <= last; index++) {
      if (!this.rows.has(index)) this.addRow(index);
    }
  }

  addRow(index) {
    const row = el(
      "button.strip-row",
      {
        type: "button",
        role: "option",
        tabIndex: index === this.selected ? 0 : -1,
        "aria-selected": String(index === this.selected),
        "aria-posinset": index + 1,
        "aria-setsize": this.items.length,
        style: { top: `${index * this.rowHeight}px`, height: `${this.rowHeight}px` },
        onclick: () => this.onSelect(index),
      },
      ...this.render(this.items[index]),
    );
    this.rows.set(index, row);
    this.space.append(row);
  }
}
