// The landmarks of a face as a real list, by group: for eyes that want an overview and for screen readers.

import { COLOURS, groupTitle } from "../shell/definition.js";
import { el, icon } from "../shell/dom.js";
import { landmarkState } from "./face.js";

const WORDS = {
  visible: "visible",
  hidden: "hidden",
  absent: "absent",
  predicted: "predicted",
  doubtful: "doubtful",
  unlabeled: "",
};

export class LandmarkList {
  /** `canvas`: on which a group's eye hides and shows its points. */
  constructor(root, { canvas, onSelect }) {
    Object.assign(this, { canvas, onSelect });
    this.eyes = new Map();
    this.element = el("div.landmarks", { "aria-label": "Landmarks", role: "group" });
    root.append(this.element);
    canvas.addEventListener("layers", () => this.showEyes());
  }

  setDefinition(definition) {
    this.definition = definition;
    this.rows = new Map();
    this.eyes.clear();
    this.element.replaceChildren();
    const groups = [...new Set(definition.landmarks.map(({ group }) => group))];
    for (const group of groups) {
      const list = el("ul");
      for (const landmark of definition.landmarks.filter((other) => other.group === group))
        list.append(this.row(landmark));
      const chip = el("span.chip", { style: { background: COLOURS[group] } });
      const title = el("span.group-title", { text: groupTitle(group) });
      this.element.append(el("section", {}, el("h3", {}, chip, title, this.eye(group)), list));
    }
    this.showEyes();
  }

  eye(group) {
    const { canvas } = this;
    const press = (event) => {
      canvas.toggleGroup(group);
      // A mouse goes back to the picture; keys stay where they are, for the next group.
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

  row({ id, name, group }) {
    const mark = el("span.mark", { "aria-hidden": "true" });
    mark.style.setProperty("--colour", COLOURS[group]);
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

  /** `extra(id)`: a short text at the end of the row in place of the state's word. */
  show(view, current, extra = () => null) {
    for (const [id, { button, word }] of this.rows ?? []) {
      const state = landmarkState(view, id);
      const text = extra(id) ?? WORDS[state];
      // Writing what stands there already would lay out and paint the whole list anew.
      if (button.dataset.state !== state) button.dataset.state = state;
      if (word.textContent !== text) word.textContent = text;
      if (id === current) {
        if (button.getAttribute("aria-current") !== "true") button.scrollIntoView({ block: "nearest" });
        button.setAttribute("aria-current", "true");
      } else if (button.hasAttribute("aria-current")) button.removeAttribute("aria-current");
    }
  }
}
