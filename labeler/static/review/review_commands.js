// The commands of the review page and their keys.

import {
  helpCommand,
  historyCommands,
  landmarkCommands,
  landmarkSteps,
  stepCommands,
  viewCommands,
} from "../face/face_commands.js";

/** @import { Command } from "../shell/types.js" */
/** @import { ReviewPage } from "./review.js" */

/**
 * @param {ReviewPage} page
 * @returns {Command[]}
 */
export function reviewCommands(page) {
  const { editor } = page;
  return [
    ...stepCommands(page, "face"),
    {
      keys: ["A"],
      title: "Accept the point",
      icon: "accept",
      text: "Accept",
      group: "accept",
      run: () => page.acceptPoint(),
    },
    {
      keys: ["Shift+A"],
      title: "Accept the whole face and go on",
      icon: "acceptAll",
      text: "Accept face",
      group: "accept",
      run: () => page.acceptFace(),
    },
    page.unseen.command(),
    page.budget.command(),
    ...historyCommands(page, {
      undo: () => page.undo(),
      canUndo: () => page.trail.length || editor.view?.can_undo,
    }),
    ...landmarkSteps("doubtful point", (direction) => page.stepDoubt(direction)),
    ...landmarkCommands(page),
    ...viewCommands(page),
    ...page.skipping.commands(),
    { keys: ["Escape"], title: "Leave the frame, or go to the list of landmarks", run: () => page.leave() },
    helpCommand(page),
  ];
}
