// The landmarks of a face as a list, by group: as an overview and for screen readers.

import { COLORS, groupTitle } from "../shell/definition.js";
import { el, icon } from "../shell/dom.js";
import { doubtTitle, landmarkState } from "./face.js";

/** @import { Definition, FaceView, Landmark } from "../shell/types.js" */
/** @import { LandmarkCanvas } from "../canvas/canvas.js" */

/** @type {Record<ReturnType<typeof landmarkState>, string>} */
const WORDS = {
  visible: "visible",
  hidden: "hidden",
  absent: "absent",
  predicted: "predicted",
  doubtful: "doubtful",
  unlabeled: "",
};

export class LandmarkList {
  /**
   * @param {HTMLElement} root
   * @param {{ canvas: LandmarkCanvas, onSelect: (id: string) => unknown }} options
   */
  constructor(root, { canvas, onSelect }) {
    this.canvas = canvas;
    this.onSelect = onSelect;
    /** The button of a group that hides and shows its points. @type {Map<number, HTMLButtonElement>} */
    this.eyes = new Map();
    /** @type {Map<string, { button: HTMLButtonElement, word: HTMLElement }>} */
    this.rows = new Map();
    this.element = el("div.landmarks", { "aria-label": "Landmarks", role: "group" });
    root.append(this.element);
    // What stands above may take a second line, and the window may shrink.
    new ResizeObserver(() => this.element.querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" })).observe(
      this.element,
    );
    canvas.on("layers", () => this.showEyes());
  }

  /** @param {Definition} definition */
  setDefinition(definition) {
    this.rows.clear();
    this.eyes.clear();
    this.element.replaceChildren();
    const groups = [...new Set(definition.landmarks.map(({ group }) => group))];
    for (const group of groups) {
      const list = el("ul");
      for (const landmark of definition.landmarks.filter((other) => other.group === group))
        list.append(this.row(landmark));
      const chip = el("span.chip", { style: { background: COLORS[group] } });
      const title = el("span.group-title", { text: groupTitle(group) });
      this.element.append(el("section", {}, el("h2", {}, chip, title, this.eye(group)), list));
    }
    this.showEyes();
  }

  /** @param {number} group */
  eye(group) {
    const { canvas } = this;
    /** @param {MouseEvent} event */
    const press = (event) => {
      canvas.toggleGroup(group);
      // After a click the canvas takes the keys; after a key the focus stays here, for the next group.
      if (event.detail) canvas.element.focus({ preventScroll: true });
    };
    const button = el("button.row-button.group-eye", { type: "button", onclick: press });
    this.eyes.set(group, button);
    return button;
  }

  showEyes() {
    for (const [group, button] of this.eyes) {
      const hidden = this.canvas.scene.hiddenGroups.has(group);
      button.replaceChildren(icon(hidden ? "eyeShut" : "eye"));
      button.title = `${hidden ? "Show" : "Hide"} ${groupTitle(group)}`;
      button.setAttribute("aria-label", button.title);
      button.closest("section")?.classList.toggle("is-hidden", hidden);
    }
  }

  /** @param {Landmark} landmark */
  row({ id, name, group }) {
    const mark = el("span.mark", { "aria-hidden": "true" });
    mark.style.setProperty("--color", COLORS[group]);
    const word = el("span.word");
    const button = el(
      "button.row-button",
      { type: "button", onclick: () => this.onSelect(id) },
      mark,
      el("span.name", { text: name }),
      word,
    );
    this.rows.set(id, { button, word });
    return el("li", {}, button);
  }

  /** Moves the focus to the current landmark in the list, or to the first one. */
  focus() {
    const buttons = [...this.rows.values()].map(({ button }) => button);
    (buttons.find((button) => button.hasAttribute("aria-current")) ?? buttons[0])?.focus();
  }

  /**
   * `extra(id)`: a short text at the end of the row in place of the state.
   * @param {FaceView} view
   * @param {string | null} current
   * @param {(id: string) => string | null} [extra]
   */
  show(view, current, extra = () => null) {
    for (const [id, { button, word }] of this.rows) {
      const state = landmarkState(view, id);
      const text = extra(id) ?? WORDS[state];
      // Writing the same text again would lay out and paint the whole list.
      if (button.dataset.state !== state) button.dataset.state = state;
      if (word.textContent !== text) word.textContent = text;
      const title = state === "doubtful" ? doubtTitle(view.predictions[id], view.flags) : "";
      if (button.title !== title) button.title = title;
      if (id === current) {
        if (button.getAttribute("aria-current") !== "true") button.scrollIntoView({ block: "nearest" });
        button.setAttribute("aria-current", "true");
      } else if (button.hasAttribute("aria-current")) button.removeAttribute("aria-current");
    }
  }
}
