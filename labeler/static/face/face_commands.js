// Commands that the label and the review page share.

import { ImageFilterPanel } from "./image_filter_panel.js";

/** @import { Command } from "../shell/types.js" */
/** @import { FaceEditor } from "./editor.js" */
/** @import { Shortcuts } from "../shell/shortcuts.js" */
/** @import { Quantity } from "../canvas/image_filter.js" */

/**
 * A page with one face.
 * @typedef {object} FacePage
 * @property {HTMLElement} root
 * @property {FaceEditor} editor
 * @property {Shortcuts} shortcuts
 * @property {(direction: number) => unknown} step
 */

/**
 * To the next and the previous item of the page.
 * @param {Pick<FacePage, "step">} page
 * @param {string} item what the page calls it
 * @param {{ back?: string[] }} [options] more keys for the previous one
 * @returns {Command[]}
 */
export function stepCommands(page, item, { back = [] } = {}) {
  return [
    { keys: [...back, ",", "PageUp"], title: `Previous ${item}`, icon: "previous", group: "go", run: () => page.step(-1) },
    { keys: ["D", ".", "PageDown"], title: `Next ${item}`, icon: "next", group: "go", run: () => page.step(1) },
  ];
}

/**
 * Undo and redo. `own` replaces undo on a page that remembers more than the open face.
 * @param {Pick<FacePage, "editor">} page
 * @param {{ undo?: () => unknown, canUndo?: () => unknown }} [own]
 * @returns {Command[]}
 */
export function historyCommands(
  { editor },
  { undo = () => editor.undo("undo"), canUndo = () => editor.view?.can_undo } = {},
) {
  return [
    { keys: ["Ctrl+Z"], title: "Undo", icon: "undo", group: "edit", run: undo, enabled: canUndo },
    {
      keys: ["Ctrl+Shift+Z", "Ctrl+Y"],
      title: "Redo",
      icon: "redo",
      group: "edit",
      run: () => editor.undo("redo"),
      enabled: () => editor.view?.can_redo,
    },
  ];
}

/**
 * To the next and the previous landmark; `item` says which landmarks these are.
 * @param {string} item
 * @param {(direction: number) => unknown} step
 * @returns {Command[]}
 */
export function landmarkSteps(item, step) {
  return [
    { keys: ["N", "Tab"], title: `Next ${item}`, run: () => step(1) },
    { keys: ["B", "Shift+Tab"], title: `Previous ${item}`, run: () => step(-1) },
  ];
}

/**
 * Accepting what is proposed. A key that is held accepts one face only: the next one has to be seen.
 * @param {Pick<FacePage, "editor"> & { acceptFace: () => unknown }} page
 * @returns {Command[]}
 */
export function acceptCommands(page) {
  const { editor } = page;
  return [
    {
      keys: ["G"],
      title: "Accept all points that are left",
      icon: "ghosts",
      text: "Accept rest",
      group: "accept",
      run: () => editor.takeRest() || editor.note("No proposed point is left on this face."),
      enabled: () => editor.proposed.length,
    },
    {
      keys: ["Shift+A"],
      title: "Accept the face as it is and go on",
      icon: "acceptAll",
      text: "Accept face",
      group: "accept",
      run: (event) => event?.repeat || page.acceptFace(),
    },
  ];
}

/**
 * @param {FacePage} page
 * @returns {Command[]}
 */
export function landmarkCommands(page) {
  const { editor } = page;
  /** @type {[string, number, number][]} */
  const arrows = [
    ["ArrowLeft", -1, 0],
    ["ArrowRight", 1, 0],
    ["ArrowUp", 0, -1],
    ["ArrowDown", 0, 1],
  ];
  const steps = { "": 1, "Shift+": 10, "Alt+": 0.1 };
  const nudges = arrows.flatMap(([key, x, y]) =>
    Object.entries(steps).map(([modifier, step]) => ({
      keys: [modifier + key],
      hidden: true,
      run: () => editor.nudge(x * step, y * step),
    })),
  );
  return [
    {
      keys: ["Enter"],
      title: "Accept the point where it is proposed, or place it at the pointer or the keyboard's cross",
      run: () => editor.placeAtCursor(),
    },
    { keys: ["←", "→", "↑", "↓"], title: "Move the point, the cross, the frame or the box by 1 pixel (Shift 10, Alt 0.1)" },
    ...nudges,
    ...selectionCommands(page),
    {
      keys: ["V"],
      title: "Visibility: visible, hidden, absent",
      icon: "eye",
      group: "edit",
      run: () => editor.cycleVisibility(),
    },
    { keys: ["0"], title: "Absent: this face does not have the landmark", run: () => editor.setVisibility(0) },
    { keys: ["1"], title: "Hidden: on the face, but covered", run: () => editor.setVisibility(1) },
    { keys: ["2"], title: "Visible", run: () => editor.setVisibility(2) },
    {
      keys: ["Delete", "Backspace"],
      title: "Clear the label",
      icon: "erase",
      group: "edit",
      run: () => editor.clear(),
    },
  ];
}

/**
 * Moving, scaling and turning several labels as one. Without a selection or a box, Ctrl and the arrows move the view.
 * @param {FacePage} page
 * @returns {Command[]}
 */
function selectionCommands({ editor }) {
  const { selection, boxKeys, canvas } = editor;
  /** @type {[string, number, number, () => void][]} */
  const changes = [
    ["ArrowLeft", 40, 0, () => selection.turn(-1)],
    ["ArrowRight", -40, 0, () => selection.turn(1)],
    ["ArrowUp", 0, 40, () => selection.scale(1)],
    ["ArrowDown", 0, -40, () => selection.scale(-1)],
  ];
  const arrows = changes.map(([key, dx, dy, change]) => ({
    keys: [`Ctrl+${key}`],
    hidden: true,
    run: () => {
      if (boxKeys.active) boxKeys.grow(Math.sign(-dx), Math.sign(-dy));
      else if (selection.scope) change();
      else canvas.pan(dx, dy);
    },
  }));
  return [
    {
      keys: ["W"],
      title: "Move, scale and turn: this landmark's group, the whole face, off",
      icon: "frame",
      group: "edit",
      run: () => selection.cycle(),
      active: () => Boolean(selection.scope),
    },
    { keys: ["Ctrl+←", "→", "↑", "↓"], title: "Move the view; in the frame turn and scale, of the box resize" },
    ...arrows,
  ];
}

/**
 * @param {FacePage} page
 * @returns {Command[]}
 */
export function viewCommands(page) {
  const { editor } = page;
  const { canvas } = editor;
  /**
   * @param {string} key
   * @param {"showLoupe" | "showEdges" | "showNames" | "showPoints"} name
   * @param {string} title
   * @param {string} [icon]
   */
  const toggle = (key, name, title, icon) => ({
    keys: [key],
    title,
    icon,
    group: icon ? "display" : undefined,
    active: () => canvas.scene[name],
    run: () => canvas.toggle(name),
  });
  return [
    { keys: ["F"], title: "Fit the picture", icon: "fit", group: "zoom", run: () => canvas.frame(null) },
    { keys: ["Shift+F"], title: "Zoom to the face", icon: "face", group: "zoom", run: () => editor.viewpoint.frameFace() },
    { keys: ["Z"], title: "Zoom to the landmark", icon: "target", group: "zoom", run: () => editor.viewpoint.zoomToCurrent() },
    { keys: ["Shift+Z"], title: "Zoom to each next landmark, on or off", run: () => editor.viewpoint.toggleFollow() },
    { keys: ["+", "="], title: "Zoom in", icon: "plus", group: "zoom", run: () => canvas.zoom(1.4) },
    { keys: ["-"], title: "Zoom out", icon: "minus", group: "zoom", run: () => canvas.zoom(1 / 1.4) },
    toggle("L", "showLoupe", "Loupe", "loupe"),
    ...imageFilterCommands(page),
    toggle("E", "showEdges", "Edges", "edges"),
    toggle("T", "showNames", "Names of all points", "names"),
    toggle("P", "showPoints", "Points, on or off"),
    { keys: ["Shift+P"], title: "Show all points and groups again", run: () => canvas.showAll() },
  ];
}

/**
 * @param {FacePage} page
 * @returns {Command[]}
 */
function imageFilterCommands({ root, editor }) {
  const { canvas } = editor;
  const { imageFilter } = canvas;
  const panel = new ImageFilterPanel(root, canvas);
  /** @type {Command} */
  const button = {
    keys: [],
    title: "Brightness and contrast",
    icon: "contrast",
    group: "display",
    hidden: true,
    active: () => !imageFilter.plain,
    run: () => button.button && panel.toggle(button.button),
  };
  imageFilter.on("changed", () => editor.emit("changed", {}));
  /** @type {(down: string, up: string, title: string, name: Quantity) => Command} */
  const change = (down, up, title, name) => ({
    keys: [down, up],
    title,
    run: (event) => imageFilter.step(name, event?.key === up ? 1 : -1),
  });
  return [
    button,
    change("[", "]", "Darker, brighter", "brightness"),
    change("{", "}", "Less, more contrast", "contrast"),
    { keys: ["\\"], title: "Brightness and contrast as they were", run: () => imageFilter.reset() },
  ];
}

/**
 * @param {Pick<FacePage, "shortcuts">} page
 * @returns {Command}
 */
export function helpCommand(page) {
  return { keys: ["?"], title: "All shortcuts", icon: "help", group: "help", run: () => page.shortcuts.toggleHelp() };
}
