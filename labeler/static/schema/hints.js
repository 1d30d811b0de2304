// Short explanations of the words of the schema page, each behind a button beside its word.

import { el } from "../shell/dom.js";

/** @typedef {{ button: HTMLButtonElement, text: HTMLElement }} Hint */

/** What a question is called, and its answer. @type {Record<"group" | "mirror" | "normalizer" | "picture", [question: string, answer: string]>} */
const ANSWERS = {
  group: [
    "What is a group for?",
    "The part of the face that a landmark belongs to. Over the groups your landmarks learn from other sets, which have the same " +
      "parts. A click and a name propose one; the drawn face above sets it.\nEars and paired horns: upper left or right contour. A crest or a single horn: nose. Whiskers, upper beak: top " +
      "mouth. Lower beak: bottom mouth. Anything else outside the face: the nearest contour.",
  ],
  mirror: [
    "What is a mirror partner for?",
    "The landmark that takes its place in a mirror, such as ear_left and ear_right. Training learns from mirrored pictures too, " +
      "and must know who becomes whom. A landmark on the middle line has none. Names with left and right, l and r or L and R " +
      "are paired by themselves.",
  ],
  picture: [
    "What is the picture for?",
    "The reference: you click your landmarks on it, and the Label page shows it as the model. Saving makes its points the labels " +
      "of its first face.",
  ],
  normalizer: [
    "What is the normalizer for?",
    "Errors are given as a share of this length, so that small and large faces compare. Take two points that every face shows, " +
      "such as the outer corners of the eyes. The face's box is there without any.",
  ],
};

/**
 * The button, and the text that it shows and hides.
 * @param {keyof typeof ANSWERS} name
 * @returns {Hint}
 */
export function hint(name) {
  const [question, answer] = ANSWERS[name];
  const text = el("p.schema-hint", { id: `schema-hint-${name}`, text: answer, hidden: true });
  const button = el("button.hint-button", {
    type: "button",
    text: "?",
    title: question,
    "aria-label": question,
    "aria-expanded": "false",
    "aria-controls": text.id,
    onclick: () => {
      // One at a time: together they would leave the list of landmarks no room.
      const shown = button.closest(".schema-side")?.querySelectorAll('.hint-button[aria-expanded="true"]') ?? [];
      for (const other of shown) if (other instanceof HTMLElement && other !== button) other.click();
      text.hidden = !text.hidden;
      button.setAttribute("aria-expanded", String(!text.hidden));
    },
  });
  return { button, text };
}
