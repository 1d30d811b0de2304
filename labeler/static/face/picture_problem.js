// A notice over the canvas that stays: the picture's file is missing, or is not the one that was added.

import { el } from "../shell/dom.js";

export class PictureProblem {
  /**
   * @param {HTMLElement} root
   * @param {{ retry: () => unknown }} options
   */
  constructor(root, { retry }) {
    this.sentence = el("span");
    const button = el("button.plain.small", { type: "button", text: "Try again", onclick: retry });
    this.element = el("div.picture-problem", { role: "alert", hidden: true }, this.sentence, button);
    root.append(this.element);
  }

  /**
   * `sentence`: what is wrong with the picture on the canvas; null: nothing.
   * @param {string | null} sentence
   */
  show(sentence) {
    this.element.hidden = !sentence;
    if (!sentence) return;
    const said = `${sentence[0].toUpperCase()}${sentence.slice(1)}.`;
    if (this.sentence.textContent !== said) this.sentence.textContent = said;
  }
}
