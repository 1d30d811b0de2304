// The commands of the schema page.

/** @import { Command } from "../shell/types.js" */
/** @import { SchemaPage } from "./schema.js" */
/** @import { Connection } from "./connect.js" */

/**
 * @param {SchemaPage} page
 * @returns {Command[]}
 */
export function schemaCommands(page) {
  const { canvas } = page;
  /** @type {(key: string, name: Connection, title: string, text: string, icon: string) => Command} */
  const mode = (key, name, title, text, icon) => ({
    keys: [key],
    title,
    text,
    icon,
    group: "mode",
    run: () => page.pointerTools.setMode(name),
    active: () => page.pointerTools.mode === name,
  });
  /** @type {[string, number, number][]} */
  const arrows = [
    ["ArrowLeft", -1, 0],
    ["ArrowRight", 1, 0],
    ["ArrowUp", 0, -1],
    ["ArrowDown", 0, 1],
  ];
  const nudges = arrows.flatMap(([key, x, y]) => [
    { keys: [key], hidden: true, run: () => page.pointerTools.nudge(x, y) },
    { keys: [`Shift+${key}`], hidden: true, run: () => page.pointerTools.nudge(10 * x, 10 * y) },
  ]);
  return [
    {
      keys: ["Ctrl+Z"],
      title: "Undo",
      icon: "undo",
      group: "edit",
      run: () => page.undo(),
      enabled: () => page.history.past.length > 0,
    },
    {
      keys: ["Ctrl+Shift+Z", "Ctrl+Y"],
      title: "Redo",
      icon: "redo",
      group: "edit",
      run: () => page.redo(),
      enabled: () => page.history.future.length > 0,
    },
    {
      keys: ["Delete", "Backspace"],
      title: "Remove the landmark",
      icon: "erase",
      group: "edit",
      run: () => page.removeLandmark(page.current),
    },
    mode("E", "edges", "Edges, lines that are only drawn: drag from point to point, or click both", "Edges", "edges"),
    mode("M", "pairs", "Mirror pairs, left and right of each other: proposed, or dragged from point to point", "Pairs", "mirror"),
    mode("R", "ruler", "Normalizer, the length that errors are measured in: drag from one end to the other", "Normalizer", "ruler"),
    { keys: ["Shift+M"], title: "The picture as a mirror shows it, and back", run: () => page.toggleMirrored() },
    { keys: ["N", "Tab"], title: "Next landmark", run: () => page.step(1) },
    { keys: ["B", "Shift+Tab"], title: "Previous landmark", run: () => page.step(-1) },
    { keys: ["Enter"], title: "Place the landmark at the cross; rename a placed one; choose an end", run: () => page.pointerTools.enter() },
    { keys: ["←", "→", "↑", "↓"], title: "Move the landmark or the cross by 1 pixel (Shift 10)" },
    ...nudges,
    { keys: ["Alt+ArrowUp"], title: "Earlier in the order", run: () => page.reorder(-1) },
    { keys: ["Alt+ArrowDown"], title: "Later in the order", run: () => page.reorder(1) },
    { keys: ["F"], title: "Fit the picture", icon: "fit", group: "zoom", run: () => canvas.frame(null) },
    { keys: ["+", "="], title: "Zoom in", icon: "plus", group: "zoom", run: () => canvas.zoom(1.4) },
    { keys: ["-"], title: "Zoom out", icon: "minus", group: "zoom", run: () => canvas.zoom(1 / 1.4) },
    {
      keys: ["T"],
      title: "Names of all points",
      icon: "names",
      group: "display",
      active: () => canvas.scene.showNames,
      run: () => {
        canvas.show({ showNames: !canvas.scene.showNames });
        page.show(page.draft);
      },
    },
    { keys: ["H"], title: "Versions and deleted landmarks", run: () => page.archive.openVersions() },
    { keys: ["I"], title: "Import the landmarks of a file", run: () => page.form.file.click() },
    { keys: ["Escape"], title: "Leave the mode, or add new landmarks", run: () => page.leave() },
    { keys: ["Ctrl+S"], title: "Save", run: () => page.archive.save() },
  ];
}
