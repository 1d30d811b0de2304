// Two sliders for brightness and contrast, above the button that opens them.

import { el } from "../shell/dom.js";
import { MOST } from "../canvas/image_filter.js";

const NAMES = { brightness: "Brightness", contrast: "Contrast" };

export class LookPanel {
  /** `root`: the page, over which it lies; `canvas`: whose look it is. */
  constructor(root, canvas) {
    Object.assign(this, { root, canvas });
    this.sliders = {};
    this.element = el(
      "div.floating.look-panel",
      { role: "dialog", "aria-label": "Brightness and contrast", hidden: true },
      ...Object.keys(NAMES).map((name) => this.row(name)),
      el("button.plain.small", { type: "button", text: "Reset ( \\ )", onclick: () => canvas.look.reset() }),
    );
    root.append(this.element);
    canvas.look.addEventListener("changed", () => this.show());
    this.element.addEventListener("keydown", (event) => event.key === "Escape" && this.close(event));
    // A hand that let go of a slider goes on labeling: the keys belong to the canvas again.
    this.element.addEventListener("pointerup", () => canvas.element.focus({ preventScroll: true }));
    document.addEventListener("pointerdown", ({ target }) => {
      if (!this.element.hidden && !this.element.contains(target) && !this.button?.contains(target)) this.close();
    });
    this.show();
  }

  row(name) {
    const percent = el("output");
    const slider = el("input", { type: "range", min: -MOST, max: MOST, step: 0.05, "aria-label": NAMES[name] });
    slider.addEventListener("input", () => this.canvas.look.set(name, Number(slider.value)));
    this.sliders[name] = { slider, percent };
    return el("label", {}, el("span", { text: NAMES[name] }), slider, percent);
  }

  show() {
    for (const [name, { slider, percent }] of Object.entries(this.sliders)) {
      const stops = this.canvas.look.values[name];
      slider.value = String(stops);
      percent.textContent = `${Math.round(100 * 2 ** stops)} %`;
    }
  }

  /** `button`: what opened it, above which it stands. */
  toggle(button) {
    if (!this.element.hidden) return this.close();
    this.button = button;
    this.element.hidden = false;
    const [page, at] = [this.root.getBoundingClientRect(), button.getBoundingClientRect()];
    const left = at.left + at.width / 2 - page.left - this.element.offsetWidth / 2;
    this.element.style.left = `${Math.min(Math.max(left, 8), page.width - this.element.offsetWidth - 8)}px`;
    this.element.style.bottom = `${page.bottom - at.top + 8}px`;
    this.sliders.brightness.slider.focus();
  }

  close(event) {
    event?.preventDefault();
    event?.stopPropagation();
    const hadFocus = this.element.contains(document.activeElement);
    this.element.hidden = true;
    if (hadFocus) this.canvas.element.focus({ preventScroll: true });
  }
}
