// A column of faces to choose from. Only the rows in sight exist, so that thousands cost nothing.

import { el, rem } from "../shell/dom.js";
import { thumb } from "./thumb.js";

const OVERSCAN = 4;

export class Filmstrip {
  /** `picture(item)` is {url, faded} of a row's thumbnail, `render(item)` what comes after it; `rowHeight` in rem is the
   * same for all. */
  constructor(root, { rowHeight, picture, render, onSelect, label }) {
    Object.assign(this, { rowHeight, picture, render, onSelect });
    this.items = [];
    this.rows = new Map();
    this.selected = -1;
    this.space = el("div.strip-space", { role: "listbox", "aria-label": label });
    this.element = el("div.strip", {}, this.space);
    root.append(this.element);
    this.element.addEventListener("scroll", () => this.draw(), { passive: true });
    this.element.addEventListener("keydown", (event) => this.press(event));
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  /** Rows that look as before stay as they are. */
  setItems(items) {
    this.items = items;
    this.space.style.height = `${items.length * this.rowHeight}rem`;
    for (const [index, row] of this.rows) {
      row.setAttribute("aria-setsize", items.length);
      if (index < items.length) this.fill(row, items[index]);
    }
    this.draw();
  }

  select(index) {
    this.mark(this.selected, false);
    this.selected = index;
    if (index >= 0) this.reveal(index);
    this.mark(index, true);
  }

  /** A line across the strip before row `index`, with words; null takes it away. */
  drawLine(index, words) {
    this.line?.remove();
    this.line = index === null ? null : el("div.strip-line", { "aria-hidden": "true" }, el("span", { text: words }));
    if (!this.line) return;
    this.line.style.top = `${index * this.rowHeight}rem`;
    this.space.append(this.line);
  }

  mark(index, selected) {
    const row = this.rows.get(index);
    row?.setAttribute("aria-selected", String(selected));
    if (row) row.tabIndex = selected ? 0 : -1;
  }

  get rowPixels() {
    return this.rowHeight * rem();
  }

  reveal(index) {
    const { element, rowPixels } = this;
    const top = index * rowPixels;
    if (top < element.scrollTop + rowPixels) element.scrollTop = top - rowPixels;
    else if (top + 2 * rowPixels > element.scrollTop + element.clientHeight)
      element.scrollTop = top + 2 * rowPixels - element.clientHeight;
    this.draw();
  }

  // Within the strip the arrows go from row to row; Enter opens one, as a button does.
  press(event) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    const from = [...this.rows].find(([, row]) => row === event.target)?.[0];
    if (!step || from === undefined) return;
    event.preventDefault();
    if (!this.items[from + step]) return;
    this.reveal(from + step);
    this.rows.get(from + step).focus({ preventScroll: true });
  }

  draw() {
    const { clientHeight, scrollTop } = this.element;
    if (!clientHeight) return;
    const { rowPixels } = this;
    const first = Math.max(0, Math.floor(scrollTop / rowPixels) - OVERSCAN);
    const last = Math.min(this.items.length - 1, Math.ceil((scrollTop + clientHeight) / rowPixels) + OVERSCAN);
    for (const [index, row] of this.rows) {
      if (index >= first && index <= last) continue;
      row.remove();
      row.thumb.width = 0; // its pixels go now, not when the browser next tidies up
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
        style: { top: `${index * this.rowHeight}rem`, height: `${this.rowHeight}rem` },
        onclick: () => this.onSelect(index),
      },
    );
    this.fill(row, this.items[index]);
    // In the order of the list, for those who hear the page.
    const next = Math.min(...[...this.rows.keys()].filter((other) => other > index));
    this.space.insertBefore(row, this.rows.get(next) ?? null);
    this.rows.set(index, row);
  }

  fill(row, item) {
    const content = JSON.stringify(item);
    if (row.content === content) return;
    const { url, faded } = this.picture(item);
    if (row.url !== url) row.thumb = thumb(url);
    row.thumb.classList.toggle("faded", faded);
    row.replaceChildren(row.thumb, ...this.render(item).filter(Boolean));
    Object.assign(row, { content, url });
  }
}
