// A pass: one semantic group is labeled on every picture before the next group begins. During a pass, the next landmark is the
// next one of the group without a label. After the last one, the next face that lacks labels of the group is opened.

import { COLORS, groupTitle } from "../shell/definition.js";
import { el, toast } from "../shell/dom.js";
import { messageOf } from "../shell/page.js";
import { keyName } from "../shell/shortcuts.js";

/** @import { FaceView } from "../shell/types.js" */
/** @import { LabelPage } from "./label.js" */

export class GroupPass {
  /** @param {LabelPage} page */
  constructor(page) {
    this.page = page;
    /** @type {number | null} */
    this.group = null;
    /** By face: how many landmarks of each group have no label. @type {Record<number, number[]>} */
    this.open = {};
    /** @type {HTMLElement | null} */
    this.menu = null;
    this.line = el("div.stage-line.pass-line", { role: "status", hidden: true });
    page.stage.append(this.line);
    page.session.on("view", ({ view }) => this.count(view));
    page.editor.on("changed", () => this.show());
    page.editor.on("finished", () => this.done && this.goOn());
  }

  get running() {
    return this.group !== null;
  }

  /** Whether the open face has all labels of the pass's group. */
  get done() {
    const { view } = this.page.editor;
    return this.group !== null && view !== null && !this.left(view.face, this.group);
  }

  /** @param {string} id */
  asksFor(id) {
    return this.group === null || this.members(this.group).some((landmark) => landmark.id === id);
  }

  /** @param {number} group */
  members(group) {
    return (this.page.definition?.landmarks ?? []).filter((landmark) => landmark.group === group);
  }

  /** K: the menu of groups, or the end of the pass. */
  async toggle() {
    if (this.menu) return this.closeMenu();
    if (this.running) return this.leave();
    if (this.page.repeats.running) return toast(this.page.root, "In a blind repeat, the whole face is labeled.");
    try {
      this.open = await this.page.session.get("/open");
    } catch (error) {
      return void toast(this.page.root, messageOf(error), "warning");
    }
    if (this.page.editor.view) this.count(this.page.editor.view);
    this.openMenu();
  }

  /** @param {number} group */
  begin(group) {
    this.closeMenu();
    this.group = group;
    const { editor } = this.page;
    if (!this.done) editor.select(editor.nextToPlace());
    else this.goOn();
  }

  leave() {
    if (!this.running) return;
    this.group = null;
    this.page.cameFrom = null;
    const { editor } = this.page;
    editor.select(editor.nextToPlace());
  }

  /** To the next face without all labels of the group; where there is none, the pass ends. */
  async goOn() {
    const { group } = this;
    const { items, index, editor } = this.page;
    if (group === null) return;
    if (editor.view) this.count(editor.view);
    const order = [...items.keys()];
    const next = [...order.slice(index + 1), ...order.slice(0, index)].find((k) => this.left(items[k].face, group));
    if (next === undefined) {
      const title = groupTitle(group).toLowerCase();
      this.leave();
      return toast(this.page.root, `Every face has its ${title}.`);
    }
    await this.page.openFace(items[next], { from: items[index]?.face });
  }

  // --- what is open -----------------------------------------------------------------------------------------------

  /** @param {FaceView} view */
  count(view) {
    const { definition } = this.page;
    if (!definition || !(view.face in this.open)) return;
    const open = this.open[view.face].map(() => 0);
    for (const { id, group } of definition.landmarks) if (!view.points[id]) open[group] += 1;
    this.open[view.face] = open;
  }

  /**
   * How many landmarks of the group have no label on a face.
   * @param {number} face
   * @param {number} group
   */
  left(face, group) {
    return this.open[face]?.[group] ?? 0;
  }

  show() {
    const { editor, items } = this.page;
    const { group } = this;
    this.line.hidden = group === null;
    if (group === null) return;
    if (editor.view) this.count(editor.view);
    const faces = items.filter(({ face }) => this.left(face, group)).length;
    this.line.replaceChildren(
      el("span.chip", { style: { background: COLORS[group] } }),
      el("span", { text: `Only ${groupTitle(group).toLowerCase()}: ${faces} ${faces === 1 ? "face" : "faces"} left` }),
      el("button.line-button", { type: "button", text: "Leave (K)", onclick: () => this.leave() }),
    );
  }

  // --- the menu ---------------------------------------------------------------------------------------------------

  openMenu() {
    const groups = [...new Set(this.page.definition?.landmarks.map(({ group }) => group))].sort((a, b) => a - b);
    const faces = Object.keys(this.open).map(Number);
    const rows = groups.map((group) => {
      const landmarks = faces.reduce((sum, face) => sum + this.left(face, group), 0);
      const open = faces.filter((face) => this.left(face, group)).length;
      return el(
        "button.row-button",
        { type: "button", disabled: !landmarks, onclick: () => this.begin(group) },
        el("span.chip", { style: { background: COLORS[group] } }),
        el("span.name", { text: groupTitle(group) }),
        el("span.word", { text: landmarks ? `${landmarks} open on ${open} ${open === 1 ? "face" : "faces"}` : "done" }),
      );
    });
    const menu = el(
      "div.floating.pass-menu",
      { role: "dialog", "aria-label": "Label one group over all pictures" },
      el("h2", { text: "Label one group over all pictures" }),
      ...rows,
    );
    menu.addEventListener("keydown", (event) => this.pressInMenu(event));
    menu.addEventListener("focusout", ({ relatedTarget }) => {
      if (relatedTarget instanceof Node && !this.menu?.contains(relatedTarget)) this.closeMenu();
    });
    this.menu = menu;
    this.page.stage.append(menu);
    (rows.find((row) => !row.disabled) ?? menu).focus();
  }

  /**
   * While the menu is open, the page's shortcuts do not see the keys.
   * @param {KeyboardEvent} event
   */
  pressInMenu(event) {
    event.stopPropagation();
    const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (event.key === "Escape" || keyName(event) === "K") this.closeMenu();
    else if (step) {
      const rows = [...(this.menu?.querySelectorAll("button") ?? [])].filter(({ disabled }) => !disabled);
      const at = rows.findIndex((row) => row === document.activeElement);
      rows[(at + step + rows.length) % rows.length]?.focus();
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
