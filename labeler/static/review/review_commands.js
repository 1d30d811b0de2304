// The commands of the review page and their keys.

import {
  acceptCommands,
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
    ...acceptCommands(page),
    page.unseen.command(),
    page.budget.command(),
    page.inCharge.command(),
    ...historyCommands(page, {
      undo: () => page.undo(),
      canUndo: () => page.trail.length || editor.view?.can_undo,
    }),
    ...landmarkSteps("doubtful point", (direction) => editor.stepInDoubt(direction)),
    ...landmarkCommands(page),
    ...viewCommands(page),
    ...page.skipping.commands(),
    { keys: ["Escape"], title: "Leave the frame, or go to the list of landmarks", run: () => page.leave() },
    helpCommand(page),
  ];
}
