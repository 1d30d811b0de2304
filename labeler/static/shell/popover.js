// A small menu at a button: a few choices, by mouse, arrow keys or number keys, and optionally a text field.

import { el } from "./dom.js";
import { keyName } from "./shortcuts.js";

/** The function that closes the menu open on a page, by the page's root. @type {WeakMap<HTMLElement, () => void>} */
const closeOpen = new WeakMap();

/**
 * @template Value
 * @typedef {{ value: Value, title: string, note?: string | number }} Choice
 */

/**
 * Promises the value of the chosen one of `choices`, the text typed into the field that `other` describes, or
 * undefined when the menu was closed. `current` is the present value.
 * @template Value
 * @param {HTMLElement} root
 * @param {HTMLElement} anchor
 * @param {{ label: string, choices: Choice<Value>[], current?: Value, other?: { placeholder: string, maxLength: number } | null }} options
 * @returns {Promise<Value | string | undefined>}
 */
export function choose(root, anchor, { label, choices, current, other = null }) {
  closeOpen.get(root)?.();
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  return new Promise((resolve) => {
    /** @param {Value | string} [value] */
    const close = (value) => {
      if (!popover.isConnected) return;
      document.removeEventListener("pointerdown", outside, true);
      const held = popover.contains(document.activeElement);
      popover.remove();
      closeOpen.delete(root);
      if (held) before?.focus({ preventScroll: true });
      resolve(value);
    };
    /** @param {Event} event */
    const outside = ({ target }) => popover.contains(/** @type {Node} */ (target)) || close();
    const buttons = choices.map(({ value, title, note }, k) =>
      el(
        "button.row-button.choice",
        { type: "button", "aria-current": value === current ? "true" : null, onclick: () => close(value) },
        el("kbd", { text: k + 1, "aria-hidden": "true" }),
        el("span.title", { text: title, dir: "auto" }),
        note === undefined ? null : el("span.aside", { text: note }),
      ),
    );
    const field = other && el("input.field", { type: "text", "aria-label": other.placeholder, ...other });
    const heading = el("h3", { text: label });
    const popover = el("div.floating.popover", { role: "dialog", "aria-label": label }, heading, ...buttons);
    if (field) popover.append(field);
    closeOpen.set(root, close);
    popover.addEventListener("keydown", (event) => {
      // The page's shortcuts do not see this key.
      event.stopPropagation();
      const typing = event.target === field;
      const stops = [...buttons, ...(field ? [field] : [])];
      const at = stops.findIndex((stop) => stop === document.activeElement);
      /** @param {number} step */
      const to = (step) => stops[(at + step + stops.length) % stops.length].focus();
      if (event.key === "Escape") close();
      else if (event.key === "ArrowDown") to(1);
      else if (event.key === "ArrowUp") to(-1);
      else if (field && typing && event.key === "Enter" && field.value.trim()) close(field.value.trim());
      else if (!typing && buttons[Number(keyName(event)) - 1]) buttons[Number(keyName(event)) - 1].click();
      else return;
      event.preventDefault();
    });
    root.append(popover);
    place(popover, root, anchor);
    document.addEventListener("pointerdown", outside, true);
    (buttons[choices.findIndex(({ value }) => value === current)] ?? buttons[0]).focus({ preventScroll: true });
  });
}

/**
 * Puts the popover below the anchor where there is room, else above it, and never outside the page.
 * @param {HTMLElement} popover
 * @param {HTMLElement} root
 * @param {HTMLElement} anchor
 */
function place(popover, root, anchor) {
  const [outer, at, own] = [root, anchor, popover].map((element) => element.getBoundingClientRect());
  const left = Math.min(at.left - outer.left, outer.width - own.width - 8);
  const below = at.bottom - outer.top + 4;
  const top = below + own.height > outer.height - 8 ? at.top - outer.top - own.height - 4 : below;
  Object.assign(popover.style, { left: `${Math.max(left, 8)}px`, top: `${Math.max(top, 8)}px` });
}
