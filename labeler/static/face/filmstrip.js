// A column of faces to choose from. Only the visible rows exist, so that thousands cost nothing.

import { el, rem } from "../shell/dom.js";
import { thumb } from "./thumb.js";

const OVERSCAN = 4;

/**
 * `render(item)`: what stands in a row after the thumbnail. `rowHeight` in rem is the same for all rows.
 * @template Item
 * @typedef {object} StripOptions
 * @property {number} rowHeight
 * @property {(item: Item) => { url: string, faded: boolean }} picture
 * @property {(item: Item) => (Node | null)[]} render
 * @property {(index: number) => unknown} onSelect
 * @property {string} label
 */

/** @typedef {{ button: HTMLButtonElement, thumb: HTMLCanvasElement, content: string, url: string }} Row */

/** @template Item */
export class Filmstrip {
  /**
   * @param {HTMLElement} root
   * @param {StripOptions<Item>} options
   */
  constructor(root, { rowHeight, picture, render, onSelect, label }) {
    this.rowHeight = rowHeight;
    this.picture = picture;
    this.render = render;
    this.onSelect = onSelect;
    /** @type {Item[]} */
    this.items = [];
    /** The rows that exist, by index. @type {Map<number, Row>} */
    this.rows = new Map();
    /** @type {HTMLElement | null} */
    this.line = null;
    this.selected = -1;
    this.space = el("div.strip-space", { role: "listbox", "aria-label": label });
    this.element = el("div.strip", {}, this.space);
    root.append(this.element);
    this.element.addEventListener("scroll", () => this.draw(), { passive: true });
    this.element.addEventListener("keydown", (event) => this.press(event));
    new ResizeObserver(() => this.draw()).observe(this.element);
  }

  /**
   * Rows whose content is the same stay as they are.
   * @param {Item[]} items
   */
  setItems(items) {
    this.items = items;
    this.space.style.height = `${items.length * this.rowHeight}rem`;
    for (const [index, row] of this.rows) {
      row.button.setAttribute("aria-setsize", String(items.length));
      if (index < items.length) this.fill(row, items[index]);
    }
    this.draw();
  }

  /** @param {number} index */
  select(index) {
    this.mark(this.selected, false);
    this.selected = index;
    if (index >= 0) this.reveal(index);
    this.mark(index, true);
  }

  /**
   * Draws a line across the strip above row `index`, with a label; null removes it.
   * @param {number | null} index
   * @param {string} [words]
   */
  drawLine(index, words = "") {
    this.line?.remove();
    this.line = null;
    if (index === null) return;
    this.line = el("div.strip-line", { "aria-hidden": "true" }, el("span", { text: words }));
    this.line.style.top = `${index * this.rowHeight}rem`;
    this.space.append(this.line);
  }

  /**
   * @param {number} index
   * @param {boolean} selected
   */
  mark(index, selected) {
    const button = this.rows.get(index)?.button;
    if (!button) return;
    button.setAttribute("aria-selected", String(selected));
    button.tabIndex = selected ? 0 : -1;
  }

  get rowPixels() {
    return this.rowHeight * rem();
  }

  /** @param {number} index */
  reveal(index) {
    const { element, rowPixels } = this;
    const top = index * rowPixels;
    if (top < element.scrollTop + rowPixels) element.scrollTop = top - rowPixels;
    else if (top + 2 * rowPixels > element.scrollTop + element.clientHeight)
      element.scrollTop = top + 2 * rowPixels - element.clientHeight;
    this.draw();
  }

  /**
   * The arrow keys move from row to row; Enter opens one, because a row is a button.
   * @param {KeyboardEvent} event
   */
  press(event) {
    const step = event.key === "ArrowUp" ? -1 : event.key === "ArrowDown" ? 1 : 0;
    const from = [...this.rows].find(([, { button }]) => button === event.target)?.[0];
    if (!step || from === undefined) return;
    event.preventDefault();
    if (!this.items[from + step]) return;
    this.reveal(from + step);
    this.rows.get(from + step)?.button.focus({ preventScroll: true });
  }

  draw() {
    const { clientHeight, scrollTop } = this.element;
    if (!clientHeight) return;
    const { rowPixels } = this;
    const first = Math.max(0, Math.floor(scrollTop / rowPixels) - OVERSCAN);
    const last = Math.min(this.items.length - 1, Math.ceil((scrollTop + clientHeight) / rowPixels) + OVERSCAN);
    for (const [index, row] of this.rows) {
      if (index >= first && index <= last) continue;
      row.button.remove();
      row.thumb.width = 0; // frees its pixels now, not at the next garbage collection
      this.rows.delete(index);
    }
    for (let index = first; index <= last; index++) {
      if (!this.rows.has(index)) this.addRow(index);
    }
  }

  /** @param {number} index */
  addRow(index) {
    const button = el(
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
    const item = this.items[index];
    const { url } = this.picture(item);
    const row = { button, thumb: thumb(url), content: "", url };
    this.fill(row, item);
    // In the order of the list, for screen readers.
    const next = Math.min(...[...this.rows.keys()].filter((other) => other > index));
    this.space.insertBefore(button, this.rows.get(next)?.button ?? null);
    this.rows.set(index, row);
  }

  /**
   * @param {Row} row
   * @param {Item} item
   */
  fill(row, item) {
    const content = JSON.stringify(item);
    if (row.content === content) return;
    const { url, faded } = this.picture(item);
    if (row.url !== url) row.thumb = thumb(url);
    row.thumb.classList.toggle("faded", faded);
    row.button.replaceChildren(row.thumb, ...this.render(item).filter((node) => node !== null));
    Object.assign(row, { content, url });
  }
}
