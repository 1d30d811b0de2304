// Commands of a page: one table gives its keys, its toolbar and its help overlay.
// A command is {keys: ["Ctrl+Z"], title, run(event), icon?, text?, group?, hidden?, active?(), enabled?()}; `group` puts it on the
// toolbar, where a page shows by `active` and `enabled` whether it is on and can be used.

import { el, icon, isTyping } from "./dom.js";

/** "Ctrl+Shift+Z", "Shift+A", "ArrowLeft", "?": as the tables write keys. Shift counts for letters and named keys. */
export function keyName(event) {
  const key = event.key === " " ? "Space" : event.key.length === 1 ? event.key.toUpperCase() : event.key;
  const shifted = event.shiftKey && (key.length > 1 || /\p{L}/u.test(key));
  // Many keyboards write [ ] { } \ with AltGr, which Windows reports as Ctrl and Alt.
  const written = event.getModifierState("AltGraph");
  const [ctrl, alt] = [(event.ctrlKey || event.metaKey) && !written, event.altKey && !written];
  return [ctrl ? "Ctrl" : "", alt ? "Alt" : "", shifted ? "Shift" : "", key]
    .filter(Boolean)
    .join("+");
}

export class Shortcuts {
  /** `canvas`: the element on which Tab belongs to the page and not to the browser. */
  constructor(root, commands, { canvas }) {
    Object.assign(this, { root, commands, canvas });
    this.byKey = new Map(commands.flatMap((command) => command.keys.map((key) => [key, command])));
    document.addEventListener("keydown", (event) => this.press(event));
    root.addEventListener("click", () => this.keepFocus());
  }

  // What had the focus may be gone or disabled, or was no control: then the keys belong to the canvas.
  keepFocus() {
    const nobody = !document.activeElement || document.activeElement === document.body;
    if (nobody && this.root.offsetParent && !this.overlay) this.canvas.focus({ preventScroll: true });
  }

  press(event) {
    if (event.defaultPrevented || event.isComposing || !this.root.offsetParent || isTyping(event.target)) return;
    if (this.overlay) {
      if (event.key === "Escape" || event.key === "?") this.toggleHelp();
      return;
    }
    const key = keyName(event);
    const command = this.byKey.get(key);
    if (!command?.run) return;
    const onControl = event.target.closest?.("button, a, [role=tab]");
    if (onControl && (key === "Enter" || key === "Space")) return;
    if (/(^|\+)Tab$/.test(key) && event.target !== this.canvas) return;
    event.preventDefault();
    command.run(event);
  }

  /** Show on the toolbar what is on and what can be used now. */
  refresh() {
    for (const command of this.commands) {
      if (command.active) command.button?.setAttribute("aria-pressed", String(command.active()));
      if (command.enabled) command.button?.toggleAttribute("disabled", !command.enabled());
    }
    this.keepFocus();
  }

  toolbar() {
    const bar = el("div.toolbar", { role: "toolbar", "aria-label": "Tools" });
    const groups = new Map();
    for (const command of this.commands) {
      if (!command.group) continue;
      if (!groups.has(command.group)) {
        groups.set(command.group, el("div.tool-group", { "data-group": command.group }));
        bar.append(groups.get(command.group));
      }
      const keys = command.keys[0] ? ` (${shown(command.keys[0])})` : "";
      const button = el("button.tool", {
        type: "button",
        "aria-label": command.title,
        "data-tip": command.title + keys,
      });
      button.append(icon(command.icon));
      if (command.text) button.append(el("span", { text: command.text }));
      button.addEventListener("click", () => {
        command.run();
        // Unless the command went elsewhere, as into a panel.
        if (document.activeElement === button) this.canvas.focus({ preventScroll: true });
      });
      command.button = button;
      groups.get(command.group).append(button);
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
        "Mouse and pen: click places, drag moves a point, wheel zooms, drag on free ground (or with Space, middle or right button) pans, " +
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

const SIGNS = {
  ArrowLeft: "←",
  ArrowRight: "→",
  ArrowUp: "↑",
  ArrowDown: "↓",
  PageDown: "Page ↓",
  PageUp: "Page ↑",
  Escape: "Esc",
};

function shown(key) {
  return key.replace(/Arrow\w+|PageDown|PageUp|Escape/, (name) => SIGNS[name]);
}
