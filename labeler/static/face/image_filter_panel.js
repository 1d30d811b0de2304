// Two sliders for brightness and contrast, above the button that opens them.

import { el } from "../shell/dom.js";
import { MOST } from "../canvas/image_filter.js";

/** @import { LandmarkCanvas } from "../canvas/canvas.js" */
/** @import { Quantity } from "../canvas/image_filter.js" */

/** @type {[Quantity, string][]} */
const NAMES = [
  ["brightness", "Brightness"],
  ["contrast", "Contrast"],
];

export class ImageFilterPanel {
  /**
   * @param {HTMLElement} root the page
   * @param {LandmarkCanvas} canvas
   */
  constructor(root, canvas) {
    this.root = root;
    this.canvas = canvas;
    /** The button that opened the panel. @type {HTMLElement | null} */
    this.button = null;
    /** @type {Map<Quantity, { slider: HTMLInputElement, percent: HTMLOutputElement }>} */
    this.sliders = new Map();
    this.element = el(
      "div.floating.image-filter-panel",
      { role: "dialog", "aria-label": "Brightness and contrast", hidden: true },
      ...NAMES.map(([name, title]) => this.row(name, title)),
      el("button.plain.small", { type: "button", text: "Reset ( \\ )", onclick: () => canvas.imageFilter.reset() }),
    );
    root.append(this.element);
    canvas.imageFilter.on("changed", () => this.show());
    this.element.addEventListener("keydown", (event) => event.key === "Escape" && this.close(event));
    // After a slider is released, labeling goes on: the canvas takes the keys again.
    this.element.addEventListener("pointerup", () => canvas.element.focus({ preventScroll: true }));
    document.addEventListener("pointerdown", (event) => {
      const target = /** @type {Node} */ (event.target);
      if (!this.element.hidden && !this.element.contains(target) && !this.button?.contains(target)) this.close();
    });
    this.show();
  }

  /**
   * @param {Quantity} name
   * @param {string} title
   */
  row(name, title) {
    const percent = el("output");
    const slider = el("input", { type: "range", min: -MOST, max: MOST, step: 0.05, "aria-label": title });
    slider.addEventListener("input", () => this.canvas.imageFilter.set(name, Number(slider.value)));
    this.sliders.set(name, { slider, percent });
    return el("label", {}, el("span", { text: title }), slider, percent);
  }

  show() {
    for (const [name, { slider, percent }] of this.sliders) {
      const stops = this.canvas.imageFilter.values[name];
      slider.value = String(stops);
      percent.textContent = `${Math.round(100 * 2 ** stops)} %`;
    }
  }

  /**
   * Opens the panel above the button, or closes it.
   * @param {HTMLElement} button
   */
  toggle(button) {
    if (!this.element.hidden) return this.close();
    this.button = button;
    this.element.hidden = false;
    const [page, at] = [this.root.getBoundingClientRect(), button.getBoundingClientRect()];
    const left = at.left + at.width / 2 - page.left - this.element.offsetWidth / 2;
    this.element.style.left = `${Math.min(Math.max(left, 8), page.width - this.element.offsetWidth - 8)}px`;
    this.element.style.bottom = `${page.bottom - at.top + 8}px`;
    this.sliders.get("brightness")?.slider.focus();
  }

  /** @param {Event} [event] */
  close(event) {
    event?.preventDefault();
    event?.stopPropagation();
    const hadFocus = this.element.contains(document.activeElement);
    this.element.hidden = true;
    if (hadFocus) this.canvas.element.focus({ preventScroll: true });
  }
}
