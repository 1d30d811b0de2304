// A small menu at a button: a few choices, by mouse, by arrows or by their numbers, and where it makes sense a text.

import { el } from "./dom.js";

/** Promises the `value` of the chosen one of `choices` ({value, title, note?}), a text typed into the field that `other`
 * ({placeholder, maxLength}) asks for, or undefined when nothing was chosen. `current` is the value that holds now. */
export function choose(root, anchor, { label, choices, current, other = null }) {
  root.querySelector(":scope > .popover")?.close();
  const before = document.activeElement;
  return new Promise((resolve) => {
    const close = (value) => {
      if (!popover.isConnected) return;
      document.removeEventListener("pointerdown", outside, true);
      const held = popover.contains(document.activeElement);
      popover.remove();
      if (held) before?.focus({ preventScroll: true });
      resolve(value);
    };
    const outside = ({ target }) => popover.contains(target) || close();
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
    popover.close = close;
    popover.addEventListener("keydown", (event) => {
      // The page's own shortcuts wait until this is done.
      event.stopPropagation();
      const typing = event.target === field;
      const stops = [...buttons, ...(field ? [field] : [])];
      const to = (step) => stops[(stops.indexOf(document.activeElement) + step + stops.length) % stops.length].focus();
      if (event.key === "Escape") close();
      else if (event.key === "ArrowDown") to(1);
      else if (event.key === "ArrowUp") to(-1);
      else if (typing && event.key === "Enter" && field.value.trim()) close(field.value.trim());
      else if (!typing && buttons[Number(event.key) - 1]) buttons[Number(event.key) - 1].click();
      else return;
      event.preventDefault();
    });
    root.append(popover);
    place(popover, root, anchor);
    document.addEventListener("pointerdown", outside, true);
    (buttons[choices.findIndex(({ value }) => value === current)] ?? buttons[0]).focus({ preventScroll: true });
  });
}

// Below the anchor where there is room, else above it; never outside the page.
function place(popover, root, anchor) {
  const [outer, at, own] = [root, anchor, popover].map((element) => element.getBoundingClientRect());
  const left = Math.min(at.left - outer.left, outer.width - own.width - 8);
  const below = at.bottom - outer.top + 4;
  const top = below + own.height > outer.height - 8 ? at.top - outer.top - own.height - 4 : below;
  Object.assign(popover.style, { left: `${Math.max(left, 8)}px`, top: `${Math.max(top, 8)}px` });
}
