// The commands of a page: one table gives their keys, the toolbar and the help.

import { el, icon, isTyping } from "./dom.js";

/** @import { Command } from "./types.js" */

/** What other keys write on an American keyboard, and what with Shift. @type {Record<string, string>} */
const SIGNS_AT = {
  Backquote: "`~",
  Minus: "-_",
  Equal: "=+",
  BracketLeft: "[{",
  BracketRight: "]}",
  Backslash: "\\|",
  Semicolon: ";:",
  Quote: "'\"",
  Comma: ",<",
  Period: ".>",
  Slash: "/?",
};
/** A letter that is not Latin, or a digit that is not 0 to 9. */
const OTHER_SCRIPT = /^(?!\p{Script=Latin}|[0-9])[\p{L}\p{Nd}]$/u;

/**
 * What a key writes. Where that is of another script, or an input method keeps it to itself, the key's place decides.
 * @param {KeyboardEvent} event
 */
function written({ key, code, shiftKey }) {
  if (key !== "Process" && !OTHER_SCRIPT.test(key)) return key;
  return code.match(/^(?:Key|Digit|Numpad)(.)$/)?.[1] ?? SIGNS_AT[code]?.[Number(shiftKey)] ?? code;
}

/**
 * The name of a key as the tables write it: "Ctrl+Shift+Z", "Shift+A", "ArrowLeft", "?". Shift is named with letters
 * and named keys only.
 * @param {KeyboardEvent} event
 */
export function keyName(event) {
  const sign = written(event);
  const key = sign === " " ? "Space" : sign.length === 1 ? sign.toUpperCase() : sign;
  const shifted = event.shiftKey && (key.length > 1 || /\p{L}/u.test(key));
  // Many keyboards write [ ] { } \ with AltGr, which Windows reports as Ctrl and Alt.
  const altGr = event.getModifierState("AltGraph");
  const [ctrl, alt] = [(event.ctrlKey || event.metaKey) && !altGr, event.altKey && !altGr];
  return [ctrl ? "Ctrl" : "", alt ? "Alt" : "", shifted ? "Shift" : "", key]
    .filter(Boolean)
    .join("+");
}

export class Shortcuts {
  /**
   * `canvas`: the element on which Tab belongs to the page and not to the browser.
   * @param {HTMLElement} root
   * @param {Command[]} commands
   * @param {{ canvas: HTMLElement }} options the element on which Tab steps through landmarks
   */
  constructor(root, commands, { canvas }) {
    this.root = root;
    this.commands = commands;
    this.canvas = canvas;
    /** @type {Map<string, Command>} */
    this.byKey = new Map();
    for (const command of commands) for (const key of command.keys) this.byKey.set(key, command);
    /** @type {HTMLElement | null} */
    this.overlay = null;
    // While an input method puts a word together in a field, Enter and Escape belong to it.
    root.addEventListener("keydown", (event) => event.isComposing && event.stopPropagation(), { capture: true });
    document.addEventListener("keydown", (event) => this.press(event));
    root.addEventListener("click", () => this.keepFocus());
  }

  // The focused control may be removed or disabled: then the canvas takes the keys.
  keepFocus() {
    const unfocused = !document.activeElement || document.activeElement === document.body;
    if (unfocused && this.root.offsetParent && !this.overlay) this.canvas.focus({ preventScroll: true });
  }

  /** @param {KeyboardEvent} event */
  press(event) {
    // Escape means nothing to a closed menu.
    const types = isTyping(event.target) && !(event.key === "Escape" && event.target instanceof HTMLSelectElement);
    if (event.defaultPrevented || !this.root.offsetParent || types) return;
    if (this.overlay) {
      if (event.key === "Escape" || event.key === "?") this.toggleHelp();
      return;
    }
    const key = keyName(event);
    const command = this.byKey.get(key);
    if (!command?.run) return;
    const onControl = event.target instanceof Element && event.target.closest("button, a, [role=tab]");
    if (onControl && (key === "Enter" || key === "Space")) return;
    if (/(^|\+)Tab$/.test(key) && event.target !== this.canvas) return;
    event.preventDefault();
    command.run(event);
  }

  /** Shows on the toolbar what is on and what can be used now. */
  refresh() {
    for (const command of this.commands) {
      if (command.active) command.button?.setAttribute("aria-pressed", String(command.active()));
      if (command.enabled) command.button?.toggleAttribute("disabled", !command.enabled());
    }
    // Not at once: a field says that it changed while the focus is on its way to the element that was clicked.
    setTimeout(() => this.keepFocus());
  }

  toolbar() {
    const bar = el("div.toolbar", { role: "toolbar", "aria-label": "Tools" });
    /** @type {Map<string, HTMLElement>} */
    const groups = new Map();
    for (const command of this.commands) {
      if (!command.group || !command.icon) continue;
      const group = groups.get(command.group) ?? el("div.tool-group", { "data-group": command.group });
      groups.set(command.group, group);
      bar.append(group);
      const keys = command.keys[0] ? ` (${shown(command.keys[0])})` : "";
      const button = el("button.tool", {
        type: "button",
        "aria-label": command.title,
        "data-tip": command.title + keys,
      });
      button.append(icon(command.icon));
      if (command.text) button.append(el("span", { text: command.text }));
      button.addEventListener("click", () => {
        command.run?.();
        // A command may have moved the focus, for example into a panel.
        if (document.activeElement === button) this.canvas.focus({ preventScroll: true });
      });
      command.button = button;
      group.append(button);
    }
    return bar;
  }

  toggleHelp() {
    if (this.overlay) {
      this.overlay.remove();
      this.overlay = null;
      return this.canvas.focus({ preventScroll: true });
    }
    const list = el("dl.help-keys");
    for (const { keys, title, hidden } of this.commands) {
      if (hidden) continue;
      const names = el("dt");
      keys.forEach((key, k) =>
        names.append(...(k ? [" or ", el("kbd", { text: shown(key) })] : [el("kbd", { text: shown(key) })])),
      );
      list.append(el("div", {}, names, el("dd", { text: title })));
    }
    const mouse = el("p.help-mouse", {
      text:
        "Mouse and pen: click places, drag moves a point, wheel zooms, drag beside the points (or with Space, middle or right button) pans, " +
        "Shift+click places on top of another point, Ctrl+drag on a point moves its group, Ctrl+Shift+drag the whole face. " +
        "Fingers: tap places, press and hold places with the loupe, two fingers zoom and pan.",
    });
    const close = el("button.plain", { type: "button", text: "Close", onclick: () => this.toggleHelp() });
    const panel = el(
      "div.floating.help-panel",
      { role: "dialog", "aria-modal": "true", "aria-label": "Keyboard shortcuts" },
      el("div.help-head", {}, el("h2", { text: "Keyboard" }), close),
      list,
      mouse,
    );
    this.overlay = el(
      "div.help-overlay",
      { onclick: (event) => event.target === this.overlay && this.toggleHelp() },
      panel,
    );
    this.root.append(this.overlay);
    close.focus();
  }
}

/** @type {Record<string, string>} */
const SIGNS = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  PageDown: "Page ↓",
  PageUp: "Page ↑",
  Escape: "Esc",
};

/**
 * A key's name as the page shows it.
 * @param {string} key
 */
function shown(key) {
  return key.replace(/Arrow\w+|PageDown|PageUp|Escape/, (name) => SIGNS[name]);
}
