// The landmarks of a face as a real list, by group: for eyes that want an overview and for screen readers.

import { COLOURS, groupTitle } from "./definition.js";
import { el } from "./dom.js";
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
  constructor(root, { onSelect }) {
    this.onSelect = onSelect;
    this.element = el("div.landmarks", { "aria-label": "Landmarks", role: "group" });
    root.append(this.element);
  }

  setDefinition(definition) {
    this.definition = definition;
    this.rows = new Map();
    this.element.replaceChildren();
    const groups = [...new Set(definition.landmarks.map(({ group }) => group))];
    for (const group of groups) {
      const list = el("ul");
      for (const landmark of definition.landmarks.filter((other) => other.group === group))
        list.append(this.row(landmark));
      const chip = el("span.chip", { style: { background: COLOURS[group] } });
      this.element.append(el("section", {}, el("h3", {}, chip, groupTitle(group)), list));
    }
  }

  row({ id, name, group }) {
    const mark = el("span.mark", { "aria-hidden": "true" });
    mark.style.setProperty("--colour", COLOURS[group]);
    const word = el("span.word");
    const button = el(
      "button",
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
      button.dataset.state = state;
      word.textContent = extra(id) ?? WORDS[state];
      if (id === current) {
        if (button.getAttribute("aria-current") !== "true") button.scrollIntoView({ block: "nearest" });
        button.setAttribute("aria-current", "true");
      } else button.removeAttribute("aria-current");
    }
  }
}
