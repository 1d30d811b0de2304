// Says on the stage what is hidden of the face, and brings it back by one press.

import { groupTitle } from "../shell/definition.js";
import { el } from "../shell/dom.js";

export class HiddenNote {
  constructor(stage, canvas) {
    this.canvas = canvas;
    this.words = el("span");
    this.element = el(
      "button.hidden-note",
      {
        type: "button",
        hidden: true,
        onclick: () => {
          canvas.showAll();
          canvas.element.focus({ preventScroll: true });
        },
      },
      this.words,
      el("b", { text: "Show" }),
    );
    stage.append(this.element);
    canvas.addEventListener("layers", () => this.show());
  }

  show() {
    const { showPoints, hiddenGroups } = this.canvas.scene;
    const [first] = hiddenGroups;
    const groups = hiddenGroups.size === 1 ? `${groupTitle(first)} hidden` : `${hiddenGroups.size} groups hidden`;
    this.words.textContent = !showPoints ? "Points hidden" : hiddenGroups.size ? groups : "";
    this.element.hidden = !this.words.textContent;
  }
}
