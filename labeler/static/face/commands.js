// Commands that the label and the review page share. `page` has {root, editor, shortcuts, step(direction)}.

import { LookPanel } from "./image_filter_panel.js";

/** To the next and the previous `item` (a word for it) of the page; `back` are further keys for the previous one. */
export function stepCommands(page, item, { back = [] } = {}) {
  return [
    { keys: [...back, ",", "PageUp"], title: `Previous ${item}`, icon: "previous", group: "go", run: () => page.step(-1) },
    { keys: ["D", ".", "PageDown"], title: `Next ${item}`, icon: "next", group: "go", run: () => page.step(1) },
  ];
}

/** Undo and redo; `undo` and `canUndo` are the page's own where it remembers more than the open face. */
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

/** To the next and the previous landmark by `step(direction)`; `item` says which landmarks are stepped through. */
export function landmarkSteps(item, step) {
  return [
    { keys: ["N", "Tab"], title: `Next ${item}`, run: () => step(1) },
    { keys: ["B", "Shift+Tab"], title: `Previous ${item}`, run: () => step(-1) },
  ];
}

export function landmarkCommands(page) {
  const { editor } = page;
  const nudges = [
    ["ArrowLeft", -1, 0],
    ["ArrowRight", 1, 0],
    ["ArrowUp", 0, -1],
    ["ArrowDown", 0, 1],
  ].flatMap(([key, x, y]) =>
    [
      ["", 1],
      ["Shift+", 10],
      ["Alt+", 0.1],
    ].map(([modifier, step]) => ({
      keys: [modifier + key],
      hidden: true,
      run: () => editor.nudge(x * step, y * step),
    })),
  );
  return [
    {
      keys: ["Enter"],
      title: "Place the landmark at the pointer or the keyboard's cross",
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
    { keys: ["0"], title: "Absent: this face has no such landmark", run: () => editor.setVisibility(0) },
    { keys: ["1"], title: "Hidden: there, but not to be seen", run: () => editor.setVisibility(1) },
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

/** Moving, scaling and turning several labels as one. Outside that mode and the box, Ctrl and the arrows move the view. */
function selectionCommands({ editor }) {
  const { selection, boxKeys, canvas } = editor;
  const arrows = [
    ["ArrowLeft", 40, 0, () => selection.turn(-1)],
    ["ArrowRight", -40, 0, () => selection.turn(1)],
    ["ArrowUp", 0, 40, () => selection.scale(1)],
    ["ArrowDown", 0, -40, () => selection.scale(-1)],
  ].map(([key, dx, dy, change]) => ({
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

export function viewCommands(page) {
  const { editor } = page;
  const { canvas } = editor;
  const toggle = (key, name, title, icon) => ({
    keys: [key],
    title,
    icon,
    group: icon && "look",
    active: () => canvas.scene[name],
    run: () => canvas.toggle(name),
  });
  return [
    { keys: ["F"], title: "Fit the picture", icon: "fit", group: "zoom", run: () => canvas.frame(null) },
    { keys: ["Shift+F"], title: "Zoom to the face", icon: "face", group: "zoom", run: () => editor.sight.frameFace() },
    { keys: ["Z"], title: "Zoom to the landmark", icon: "target", group: "zoom", run: () => editor.sight.zoomToCurrent() },
    { keys: ["Shift+Z"], title: "Zoom to each next landmark, on or off", run: () => editor.sight.toggleFollow() },
    { keys: ["+", "="], title: "Zoom in", icon: "plus", group: "zoom", run: () => canvas.zoom(1.4) },
    { keys: ["-"], title: "Zoom out", icon: "minus", group: "zoom", run: () => canvas.zoom(1 / 1.4) },
    toggle("L", "showLoupe", "Loupe", "loupe"),
    ...lookCommands(page),
    toggle("E", "showEdges", "Edges", "edges"),
    toggle("T", "showNames", "Names of all points", "names"),
    toggle("P", "showPoints", "Points, on or off"),
    { keys: ["Shift+P"], title: "Show all points and groups again", run: () => canvas.showAll() },
  ];
}

function lookCommands({ root, editor }) {
  const { canvas } = editor;
  const { look } = canvas;
  const panel = new LookPanel(root, canvas);
  const button = {
    keys: [],
    title: "Brightness and contrast",
    icon: "look",
    group: "look",
    hidden: true,
    active: () => !look.plain,
    run: () => panel.toggle(button.button),
  };
  look.addEventListener("changed", () => editor.emit("changed", {}));
  const change = (down, up, title, name) => ({
    keys: [down, up],
    title,
    run: ({ key }) => look.step(name, key === up ? 1 : -1),
  });
  return [
    button,
    change("[", "]", "Darker, brighter", "brightness"),
    change("{", "}", "Less, more contrast", "contrast"),
    { keys: ["\\"], title: "Brightness and contrast as they were", run: () => look.reset() },
  ];
}

export function helpCommand(page) {
  return { keys: ["?"], title: "All shortcuts", icon: "help", group: "help", run: () => page.shortcuts.toggleHelp() };
}
