// The left column of the label page: all faces as a strip, a filter by state, a search by name, and a field for a number.

import { el, icon, toast } from "../shell/dom.js";
import { counts, FILTERS, matches, neighbor, nextUnfinished, shownFaces } from "./filters.js";
import { Filmstrip } from "../face/filmstrip.js";
import { choose } from "../shell/popover.js";
import { thumbnail } from "./thumbnail.js";

/** @import { Command, FaceItem } from "../shell/types.js" */
/** @import { Session } from "../shell/session.js" */
/** @import { Choice } from "./filters.js" */

export class FacePicker {
  /**
   * `onOpen(item)`: a face was chosen here. `leave()`: the canvas takes the keys again.
   * @param {HTMLElement} root
   * @param {Session} session
   * @param {{ column: HTMLElement, onOpen: (item: FaceItem) => unknown, leave: () => void }} options
   */
  constructor(root, session, { column, onOpen, leave }) {
    this.root = root;
    this.onOpen = onOpen;
    this.leave = leave;
    /** @type {FaceItem[]} */
    this.items = [];
    /** The faces in the strip. @type {FaceItem[]} */
    this.shown = [];
    /** The open face. @type {number | null} */
    this.open = null;
    this.filter = "all";
    this.query = "";
    this.filterButton = el("button.filter", { type: "button", "aria-haspopup": "dialog", onclick: () => this.ask() });
    /** @type {HTMLInputElement} */
    this.search = el("input.field", {
      type: "text",
      placeholder: "Search names  /",
      "aria-label": "Search by picture name",
      spellcheck: false,
      oninput: () => this.narrow({ query: this.search.value.trim() }),
      onkeydown: (event) => this.searchKey(event),
    });
    this.found = el("span", { role: "status" });
    this.all = el("button.plain", {
      type: "button",
      text: "Show all",
      onclick: () => this.showAll(),
    });
    this.result = el("div.strip-result", { hidden: true }, this.found, this.all);
    column.append(el("div.strip-head", {}, this.filterButton, this.search, this.result));
    /** @type {Filmstrip<FaceItem>} */
    this.strip = new Filmstrip(column, {
      rowHeight: 6.5,
      label: "Pictures",
      picture: ({ picture, state, beside }) => ({
        url: session.thumbnailUrl(picture.id),
        faded: state === "skipped" || Boolean(beside),
      }),
      render: thumbnail,
      onSelect: (index) => this.onOpen(this.shown[index]),
    });
    /** @type {HTMLInputElement} */
    this.number = el("input.field", {
      type: "text",
      inputMode: "numeric",
      "aria-label": "Go to the face with this number",
      title: "Go to a number (J)",
      onfocus: () => this.number.select(),
      onblur: () => this.refresh(),
      onkeydown: (event) => this.numberKey(event),
    });
    this.of = el("span");
    column.append(el("div.strip-foot", {}, this.number, this.of));
  }

  /** @param {FaceItem[]} items */
  setItems(items) {
    this.items = items;
    this.refresh();
  }

  /**
   * Changes what is known of a face (state, labeled, ...), from a newer view of it.
   * @param {number} face
   * @param {Partial<FaceItem>} change
   */
  update(face, change) {
    this.updateAll((item) => (item.face === face ? change : {}));
  }

  /**
   * Changes what is known of all faces, and draws the strip once.
   * @param {(item: FaceItem) => Partial<FaceItem>} changeOf
   */
  updateAll(changeOf) {
    const items = this.items.map((item) => {
      const change = changeOf(item);
      const keys = /** @type {(keyof FaceItem)[]} */ (Object.keys(change));
      return keys.every((key) => item[key] === change[key]) ? item : { ...item, ...change };
    });
    if (items.some((item, k) => item !== this.items[k])) this.setItems(items);
  }

  /**
   * `face` is open now; null: one that is not in the strip.
   * @param {number | null} face
   */
  select(face) {
    this.open = face;
    this.refresh();
  }

  /** The open face's index among all, or -1. */
  get index() {
    return this.items.findIndex(({ face }) => face === this.open);
  }

  get narrowed() {
    return this.filter !== "all" || this.query !== "";
  }

  /** @param {Partial<Choice>} choice */
  narrow(choice) {
    Object.assign(this, choice);
    this.refresh();
  }

  showAll() {
    this.search.value = "";
    this.narrow({ filter: "all", query: "" });
    this.leave();
  }

  refresh() {
    const { items, filter, query, open } = this;
    this.shown = shownFaces(items, { filter, query }, open);
    this.strip.setItems(this.shown);
    const selected = this.shown.findIndex(({ face }) => face === open);
    if (selected !== this.strip.selected) this.strip.select(selected);
    const { title } = FILTERS.find(({ id }) => id === filter) ?? FILTERS[0];
    this.filterButton.replaceChildren(
      el("span", { text: title }),
      el("b", { text: counts(items)[filter] }),
      icon("down"),
    );
    this.filterButton.setAttribute("aria-label", `Show: ${title}`);
    this.filterButton.classList.toggle("narrowed", filter !== "all");
    const found = items.filter((item) => matches(item, { filter, query })).length;
    this.found.textContent = found ? `${found} of ${items.length}` : "No face found";
    this.result.hidden = !this.narrowed;
    if (document.activeElement !== this.number) this.number.value = this.index < 0 ? "" : String(this.index + 1);
    this.of.textContent = `of ${items.length}`;
  }

  // --- going places ---------------------------------------------------------------------------------------------

  /**
   * The faces that are `steps` away from the open one among those shown.
   * @param {number[]} steps
   */
  around(steps) {
    return steps.map((step) => neighbor(this.shown, this.open, step)).filter((item) => item !== null);
  }

  /** @param {number} direction */
  step(direction) {
    const next = neighbor(this.shown, this.open, direction);
    if (next) return void this.onOpen(next);
    const which = direction > 0 ? "last" : "first";
    toast(this.root, `This ${this.narrowed ? `is the ${which} picture shown` : `was the ${which} picture`}.`);
  }

  /** The next face that is neither complete nor skipped; where there is none, the user is told. */
  unfinished() {
    const next = nextUnfinished(this.shown, this.open);
    if (next) return next;
    if (this.narrowed) toast(this.root, "No other face shown here is unfinished.");
    else toast(this.root, "Every face is complete. Train, or review the doubtful points.");
    return null;
  }

  nextUnfinished() {
    const next = this.unfinished();
    if (next) this.onOpen(next);
  }

  async ask() {
    const have = counts(this.items);
    const choices = FILTERS.map(({ id, title }) => ({ value: id, title, note: have[id] }));
    const filter = await choose(this.root, this.filterButton, { label: "Show", choices, current: this.filter });
    if (!filter) return;
    this.narrow({ filter });
    this.leave();
  }

  /** @param {KeyboardEvent} event */
  searchKey(event) {
    if (event.key === "Escape") this.leave();
    else if (event.key === "Enter") {
      const first = this.shown.find(({ beside }) => !beside);
      if (first && this.shown.some(({ face, beside }) => face === this.open && beside)) this.onOpen(first);
      this.leave();
    }
  }

  /** @param {KeyboardEvent} event */
  numberKey(event) {
    if (event.key === "Escape") this.leave();
    else if (event.key === "Enter") {
      const item = this.items[Number(this.number.value) - 1];
      if (!item) return toast(this.root, `There are faces 1 to ${this.items.length}.`, "warning");
      this.leave();
      this.onOpen(item);
    }
  }

  /** @returns {Command[]} */
  commands() {
    return [
      { keys: ["U"], title: "Next unfinished face", icon: "skip", group: "go", run: () => this.nextUnfinished() },
      { keys: ["/"], title: "Search by picture name", run: () => this.search.select() },
      { keys: ["J"], title: "Jump to a number", run: () => this.number.focus() },
      { keys: ["O"], title: "Show only faces of one state", run: () => this.ask() },
    ];
  }
}
