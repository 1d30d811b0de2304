// Says over the picture what is hidden of the face, and shows it again when it is pressed.

import { groupTitle } from "../shell/definition.js";
import { el } from "../shell/dom.js";

/** @import { LandmarkCanvas } from "../canvas/canvas.js" */

export class HiddenNote {
  /**
   * @param {HTMLElement} stage
   * @param {LandmarkCanvas} canvas
   */
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
    canvas.on("layers", () => this.show());
  }

  show() {
    const { showPoints, hiddenGroups } = this.canvas.scene;
    const [first] = hiddenGroups;
    const groups = hiddenGroups.size === 1 ? `${groupTitle(first)} hidden` : `${hiddenGroups.size} groups hidden`;
    this.words.textContent = !showPoints ? "Points hidden" : hiddenGroups.size ? groups : "";
    this.element.hidden = !this.words.textContent;
  }
}
