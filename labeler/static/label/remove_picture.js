// Removing the open picture from the project, after a question that says how many labels go with it.

import { openDialog } from "../shell/dialog.js";
import { el, toast } from "../shell/dom.js";
import { messageOf } from "../shell/page.js";

/** @import { LabelPage } from "./label.js" */

/** @param {LabelPage} page */
export async function askToRemovePicture(page) {
  const item = page.items[page.index];
  if (!item) return;
  const { picture } = item;
  // What stands in the way is said before anything is asked.
  const found = await page.session.removal(picture.id).catch((error) => void toast(page.root, messageOf(error), "warning"));
  if (!found || page.items[page.index]?.picture.id !== picture.id) return;
  const faces = page.items.filter((other) => other.picture.id === picture.id);
  const labels = faces.reduce((sum, face) => sum + face.labeled, 0);
  const sure = el("button.plain", { type: "button", text: "Remove the picture", onclick: () => remove() });
  const keep = el("button.primary", { type: "button", text: "Keep it", onclick: () => close() });
  const body = el(
    "div.dialog-text",
    {},
    el("p", { text: `${picture.name}: ${count(faces.length, "face")} with ${count(labels, "label")}.` }),
    found.reference ? el("p", { text: "It is the reference picture of the schema, which is shown on another one then." }) : null,
    el("p", { text: "It goes to the trash with its labels. Put back on the Project page brings both back." }),
  );
  const { close } = openDialog(page.root, "Remove this picture?", body, [sure, keep]);
  keep.focus();

  async function remove() {
    sure.disabled = true;
    try {
      await page.session.removePicture(picture.id);
      const others = page.items.filter((other) => other.picture.id !== picture.id);
      const next = others.find(({ number }) => number > item.number) ?? others[others.length - 1];
      for (const { face } of faces) page.session.removed.add(face);
      // Before the words, which a face that opens takes away.
      if (next) await page.openFace(next);
      page.session.announceChange();
      toast(page.root, `Removed ${picture.name}. The Project page puts it back, under Trash.`);
    } catch (error) {
      toast(page.root, messageOf(error), "warning");
    }
    close();
  }
}

/**
 * @param {number} n
 * @param {string} noun
 */
const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;
