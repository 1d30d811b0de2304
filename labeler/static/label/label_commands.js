// The commands of the label page and their keys.

import {
  acceptCommands,
  helpCommand,
  historyCommands,
  landmarkCommands,
  landmarkSteps,
  stepCommands,
  viewCommands,
} from "../face/face_commands.js";
import { startCommands } from "./proposal.js";

/** @import { Command } from "../shell/types.js" */
/** @import { LabelPage } from "./label.js" */

/**
 * @param {LabelPage} page
 * @returns {Command[]}
 */
export function labelCommands(page) {
  const { editor } = page;
  return [
    ...stepCommands(page, "picture", { back: ["A"] }),
    ...page.picker.commands(),
    ...acceptCommands(page),
    page.repeats.command(),
    ...historyCommands(page, { undo: () => page.undo(), canUndo: () => page.canUndo }),
    ...landmarkSteps("landmark", (direction) => editor.stepInDoubt(direction)),
    ...landmarkCommands(page),
    ...startCommands(page),
    {
      keys: ["K"],
      title: "Label one group over all pictures",
      icon: "oneGroup",
      group: "start",
      run: () => page.groupPass.toggle(),
      active: () => page.groupPass.running,
    },
    ...viewCommands(page),
    {
      keys: ["X"],
      title: "The face's box",
      icon: "box",
      group: "box",
      run: () => page.setMode(page.mode === "box" ? "place" : "box"),
      active: () => page.mode === "box",
    },
    {
      keys: ["Shift+X"],
      title: "Add another face of this picture",
      icon: "addFace",
      group: "box",
      run: () => page.setMode(page.mode === "face" ? "place" : "face"),
      active: () => page.mode === "face",
    },
    ...page.skipping.commands(),
    ...page.history.commands(),
    page.checks.command(),
    { keys: ["Escape"], title: "Leave what is open, or go to the list of landmarks", run: () => page.leave() },
    helpCommand(page),
  ];
}
