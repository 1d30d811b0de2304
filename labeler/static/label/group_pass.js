// A pass: one semantic group is labeled on every picture before the next group begins.
//
// While a pass runs, the next landmark is the next open one of its group, and after the last one the next face that
// has open ones is opened. `page` is the label page: {root, stage, session, editor, items, index, definition, open(index)}.

import { COLOURS, groupTitle } from "../shell/definition.js";
import { el, toast } from "../shell/dom.js";
import { nextUnlabeled } from "../face/face.js";

export class Passes {
  constructor(page) {
    Object.assign(this, { page, group: null, open: {}, cameFrom: null });
    this.line = el("div.stage-line.pass-line", { role: "status", hidden: true });
    page.stage.append(this.line);
    page.session.addEventListener("view", ({ detail }) => this.count(detail.view));
    page.editor.addEventListener("changed", () => this.show());
    page.editor.addEventListener("edited", () => (this.cameFrom = null));
    page.editor.addEventListener("finished", () => this.running && this.goOn());
  }

  get running() {
    return this.group !== null;
  }

  /** The landmark that comes after the current one: of the pass's group, or of all. */
  settle({ definition, view, current }) {
    if (!definition) return null;
    if (!this.running) return nextUnlabeled(definition, view.points, current);
    const landmarks = this.members(this.group);
    const inGroup = landmarks.some(({ id }) => id === current);
    return nextUnlabeled({ landmarks }, view.points, inGroup ? current : null);
  }

  asksFor(id) {
    return !this.running || this.members(this.group).some((landmark) => landmark.id === id);
  }

  members(group) {
    return this.page.definition.landmarks.filter((landmark) => landmark.group === group);
  }

  /** K: the menu of groups; during a pass: leave it. */
  async toggle() {
    if (this.menu) return this.closeMenu();
    if (this.running) return this.leave();
    if (this.page.repeats.running) return toast(this.page.root, "A face shown again blind is labeled as a whole.");
    try {
      this.open = await this.page.session.get("/open");
    } catch (error) {
      return void toast(this.page.root, error.message, "warning");
    }
    if (this.page.editor.view) this.count(this.page.editor.view);
    this.openMenu();
  }

  begin(group) {
    this.closeMenu();
    this.group = group;
    const { editor } = this.page;
    if (this.left(editor.view?.face)) editor.select(this.settle(editor));
    else this.goOn();
  }

  leave() {
    if (!this.running) return;
    Object.assign(this, { group: null, cameFrom: null });
    const { editor } = this.page;
    editor.select(this.settle(editor));
  }

  /** To the next face with open landmarks of the group; the end of the pass where there is none. */
  async goOn() {
    const { items, index, editor } = this.page;
    if (editor.view) this.count(editor.view);
    const order = [...items.keys()];
    const next = [...order.slice(index + 1), ...order.slice(0, index)].find((k) => this.left(items[k].face));
    if (next === undefined) {
      const title = groupTitle(this.group).toLowerCase();
      this.leave();
      return toast(this.page.root, `Every face has its ${title}.`);
    }
    const from = items[index]?.face;
    await this.page.open(next);
    this.cameFrom = from;
  }

  // --- undo: right after the pass went on, what is undone is on the face before ----------------------------------

  get canUndo() {
    return this.cameFrom !== null || this.page.editor.view?.can_undo;
  }

  async undo() {
    const index = this.page.items.findIndex(({ face }) => face === this.cameFrom);
    this.cameFrom = null;
    if (index >= 0) await this.page.open(index);
    await this.page.editor.undo("undo");
  }

  // --- what is open -----------------------------------------------------------------------------------------------

  count(view) {
    const { definition } = this.page;
    if (!definition || !(view.face in this.open)) return;
    const open = this.open[view.face].map(() => 0);
    for (const { id, group } of definition.landmarks) if (!view.points[id]) open[group] += 1;
    this.open[view.face] = open;
  }

  left(face, group = this.group) {
    return this.open[face]?.[group] ?? 0;
  }

  show() {
    const { editor, items } = this.page;
    this.line.hidden = !this.running;
    if (!this.running) return;
    this.count(editor.view);
    const faces = items.filter(({ face }) => this.left(face)).length;
    this.line.replaceChildren(
      el("span.chip", { style: { background: COLOURS[this.group] } }),
      el("span", { text: `Pass: ${groupTitle(this.group).toLowerCase()}, ${faces} ${faces === 1 ? "face" : "faces"} left` }),
      el("button.line-button", { type: "button", text: "Leave (K)", onclick: () => this.leave() }),
    );
  }

  // --- the menu ---------------------------------------------------------------------------------------------------

  openMenu() {
    const groups = [...new Set(this.page.definition.landmarks.map(({ group }) => group))].sort((a, b) => a - b);
    const faces = Object.keys(this.open);
    const rows = groups.map((group) => {
      const landmarks = faces.reduce((sum, face) => sum + this.left(face, group), 0);
      const open = faces.filter((face) => this.left(face, group)).length;
      return el(
        "button.row-button",
        { type: "button", disabled: !landmarks, onclick: () => this.begin(group) },
        el("span.chip", { style: { background: COLOURS[group] } }),
        el("span.name", { text: groupTitle(group) }),
        el("span.word", { text: landmarks ? `${landmarks} open on ${open} ${open === 1 ? "face" : "faces"}` : "done" }),
      );
    });
    this.menu = el(
      "div.floating.pass-menu",
      { role: "dialog", "aria-label": "Label one group over all pictures" },
      el("h2", { text: "Label one group over all pictures" }),
      ...rows,
    );
    this.menu.addEventListener("keydown", (event) => this.pressInMenu(event));
    this.menu.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget && !this.menu?.contains(relatedTarget)) this.closeMenu();
    });
    this.page.stage.append(this.menu);
    (rows.find((row) => !row.disabled) ?? this.menu).focus();
  }

  // The page's shortcuts rest while the menu is open.
  pressInMenu(event) {
    event.stopPropagation();
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape" || event.key.toLowerCase() === "k") this.closeMenu();
    else if (step) {
      const rows = [...this.menu.querySelectorAll("button:enabled")];
      rows[(rows.indexOf(document.activeElement) + step + rows.length) % rows.length]?.focus();
    } else return;
    event.preventDefault();
  }

  closeMenu() {
    const { menu } = this;
    this.menu = null;
    menu?.remove();
    this.page.editor.canvas.element.focus({ preventScroll: true });
  }
}
