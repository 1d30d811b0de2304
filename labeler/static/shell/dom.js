// Building elements. Text always goes in as text: no function here takes HTML.

/** @import { Tone } from "./types.js" */

/**
 * @template {string} Tag
 * @typedef {Tag extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[Tag] : HTMLElement} ElementOf
 */

/** @template {string} Spec @typedef {Spec extends `${infer Tag}.${string}` ? Tag : Spec} TagOf */

/**
 * Properties or attributes of an element, and `text`, its text.
 * @typedef {object} Named
 * @property {string | number | null} [text]
 * @property {Partial<CSSStyleDeclaration>} [style]
 * @property {((event: PointerEvent) => unknown) | null} [onclick]
 * @property {(event: PointerEvent) => unknown} [onpointerdown]
 * @property {(event: KeyboardEvent) => unknown} [onkeydown]
 * @property {(event: Event) => unknown} [onchange]
 * @property {(event: Event) => unknown} [oninput]
 * @property {(event: FocusEvent) => unknown} [onfocus]
 * @property {(event: FocusEvent) => unknown} [onblur]
 */

/**
 * el("button.primary", {onclick, title, text}, ...children): a tag with classes, its properties or attributes, its
 * children. An attribute that is null is left out, and so is a child that is null.
 * @template {string} Spec
 * @param {Spec} spec
 * @param {Named & Record<string, unknown>} [properties]
 * @param {...(Node | string | null | undefined)} children
 * @returns {ElementOf<TagOf<Spec>>}
 */
export function el(spec, properties = {}, ...children) {
  const [tag, ...classes] = spec.split(".");
  const element = document.createElement(tag);
  const settable = /** @type {Record<string, unknown>} */ (/** @type {unknown} */ (element));
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(properties)) {
    if (name === "text") element.textContent = String(value ?? "");
    else if (name === "style") Object.assign(element.style, value);
    else if (name in element) settable[name] = value;
    else if (value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return /** @type {ElementOf<TagOf<Spec>>} */ (element);
}

/** Paths of the icons, in a square of 16 units. @type {Record<string, string>} */
const PATHS = {
  previous: "M10 3 5 8l5 5",
  next: "m6 3 5 5-5 5",
  undo: "M6 3 3 6l3 3M3 6h6a4 4 0 0 1 0 8H6",
  redo: "m10 3 3 3-3 3m3-3H7a4 4 0 0 0 0 8h3",
  eye: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8Zm4.5 0a2 2 0 1 0 4 0 2 2 0 1 0-4 0",
  eyeShut: "M1.5 8S4 3.5 8 3.5 14.5 8 14.5 8 12 12.5 8 12.5 1.5 8 1.5 8ZM3 13.5l10-11",
  loupe: "M2.5 7a4.5 4.5 0 1 0 9 0 4.5 4.5 0 1 0-9 0m7.7 3.2 3.8 3.8M7 5v4M5 7h4",
  contrast: "M8 2.5a5.5 5.5 0 1 0 0 11Zm0 0a5.5 5.5 0 0 1 0 11M10 5.3h2.6M10 8h3.4M10 10.7h2.6",
  frame: "M3.5 3.5h9v9h-9zM2 2h3v3H2zm9 0h3v3h-3zm-9 9h3v3H2zm9 0h3v3h-3z",
  face: "M2.5 6V2.5H6m4 0h3.5V6m0 4v3.5H10m-4 0H2.5V10M6 6.6v.4m4-.4v.4m-4 2.6c1.2 1.2 2.8 1.2 4 0",
  erase: "M3 4.5h10M6.5 4V2.5h3V4m-5 .5.7 9h5.6l.7-9",
  fit: "M2.5 6V2.5H6m4 0h3.5V6m0 4v3.5H10m-4 0H2.5V10",
  target: "M8 1.5v4m0 5v4M1.5 8h4m5 0h4",
  ghosts: "M3 5.5a1.5 1.5 0 1 0 3 0 1.5 1.5 0 1 0-3 0m7 0a1.5 1.5 0 1 0 3 0 1.5 1.5 0 1 0-3 0M4.5 11.5l2.5 2 4.5-4",
  oneGroup: "M2 5a2 2 0 1 0 4 0 2 2 0 1 0-4 0m6 0a2 2 0 1 0 4 0 2 2 0 1 0-4 0M2 12h10m-2.5-2.5L12 12l-2.5 2.5",
  follow: "M2 8a2 2 0 1 0 4 0 2 2 0 1 0-4 0m4 0h7m-2.5-2.5L13 8l-2.5 2.5",
  plus: "M8 3v10M3 8h10",
  minus: "M3 8h10",
  edges:
    "M3.5 12.5 8 4l4.5 8.5M2 12.5a1.5 1.5 0 1 0 3 0 1.5 1.5 0 1 0-3 0m4.5-9a1.5 1.5 0 1 0 3 0 1.5 1.5 0 1 0-3 0m4.5 9a1.5 1.5 0 1 0 3 0 1.5 1.5 0 1 0-3 0",
  names: "M3 4V3h10v1M8 3v10m-2 0h4",
  box: "M3 4.5h10v7H3zm-1.5-1.5h3v3h-3zm10 7h3v3h-3z",
  addFace: "M2.5 6V2.5H6m4 0h3.5V6m-11 4v3.5H6M11.5 9v5M9 11.5h5",
  help: "M5.8 6a2.2 2.2 0 1 1 3.3 1.9C8.3 8.4 8 8.8 8 9.6m0 2.3v.2",
  accept: "m2.5 8.5 3.5 3.5 7.5-8",
  acceptAll: "m1 8.5 3 3 6-7m-1.5 6 1 1 5.5-7",
  skip: "m3 3 5 5-5 5m5-10 5 5-5 5",
  mirror: "M8 1.5v13M6 4 1.5 12H6zm4 0 4.5 8H10z",
  ruler: "M1.5 5.5h13v5h-13zM4 5.5v2m2.5-2v3m2.5-3v2m2.5-2v3",
  up: "m3 10 5-5 5 5",
  down: "m3 6 5 5 5-5",
  cross: "m4 4 8 8m0-8-8 8",
};

/**
 * An icon by its name in PATHS.
 * @param {string} name
 */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 16 16");
  svg.setAttribute("aria-hidden", "true");
  svg.classList.add("icon");
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", PATHS[name]);
  svg.append(path);
  return svg;
}

/**
 * A function that may be called any number of times and runs `work` once, before the next frame is drawn.
 * @param {() => void} work
 */
export function onceAFrame(work) {
  /** @type {number | null} */
  let request = null;
  return () => {
    request ??= requestAnimationFrame(() => {
      request = null;
      work();
    });
  };
}

/**
 * A message at the foot of `root` that disappears by itself. `action` adds a button.
 * @param {HTMLElement} root
 * @param {string} message
 * @param {Tone} [tone]
 * @param {{ text: string, run: () => unknown } | null} [action]
 */
export function toast(root, message, tone = "plain", action = null) {
  root.querySelector(".toast")?.remove();
  const note = el("div.toast", { text: message, role: tone === "warning" ? "alert" : "status" });
  note.classList.add(tone);
  if (action) {
    const press = () => (note.remove(), action.run());
    note.append(el("button", { type: "button", text: action.text, onclick: press }));
  }
  root.append(note);
  setTimeout(() => note.remove(), action ? 20_000 : tone === "plain" ? 3200 : 8000);
}

/**
 * Calls of `run` that follow each other quickly are made one after the other.
 * @param {() => Promise<unknown>} run
 */
export function inTurn(run) {
  let last = Promise.resolve();
  return () => (last = last.then(run, run).then(() => {}));
}

/** The browser's text size in CSS pixels: one rem of the style sheets. */
export function rem() {
  return parseFloat(getComputedStyle(document.documentElement).fontSize);
}

/**
 * Whether keys go into a text field.
 * @param {EventTarget | null} target
 */
export function isTyping(target) {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}
