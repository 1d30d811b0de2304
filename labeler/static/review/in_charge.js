// What proposes the points of faces without labels, and the menu that puts something else in charge.

import { el, icon, toast } from "../shell/dom.js";
import { messageOf } from "../shell/page.js";
import { choose } from "../shell/popover.js";

/** @import { Command, Proposers } from "../shell/types.js" */
/** @import { ReviewPage } from "./review.js" */

export class InCharge {
  /** @param {ReviewPage} page */
  constructor(page) {
    this.page = page;
    /** @type {Proposers} */
    this.known = { in_charge: "", proposers: [], flags: null };
    this.button = this.newButton();
  }

  /** A button that opens the menu. */
  newButton() {
    return el("button.plain.small.in-charge", {
      type: "button",
      title: "What proposes the points of faces without labels (C)",
      "aria-haspopup": "dialog",
      "aria-keyshortcuts": "C",
      onclick: () => this.choose(),
    });
  }

  /** @param {Proposers} known */
  show(known) {
    this.known = known;
    for (const button of this.page.root.querySelectorAll(".in-charge")) {
      button.replaceChildren(el("span", { text: `In charge: ${this.words}` }), icon("down"));
    }
  }

  /** What is in charge. */
  get words() {
    const { in_charge, proposers } = this.known;
    return proposers.find(({ name }) => name === in_charge)?.words ?? "";
  }

  /** Puts a button on the page that says there is nothing to review, where something else can be put in charge. */
  offer() {
    if (this.known.proposers.length < 2) return;
    this.page.root.querySelector(".empty-state")?.append(this.newButton());
    this.show(this.known);
  }

  async choose() {
    const { page, known } = this;
    if (!known.proposers.length) return; // the server has not answered yet
    const buttons = [...page.root.querySelectorAll(".in-charge")];
    const anchor = /** @type {HTMLElement} */ (buttons.findLast((button) => button.checkVisibility()) ?? page.root);
    const choices = known.proposers.map(({ name, words }) => ({ value: name, title: words }));
    const name = await choose(page.root, anchor, { label: "What proposes points", choices, current: known.in_charge });
    if (name !== undefined && name !== known.in_charge) await this.put(name);
    page.editor.canvas.element.focus({ preventScroll: true });
  }

  /** @param {string} proposer */
  async put(proposer) {
    const { page } = this;
    try {
      this.show(await page.session.request("POST", "/proposers", { proposer }));
    } catch (error) {
      return void toast(page.root, messageOf(error), "warning");
    }
    // The person has asked for other points: none of them moves under the hand unless work on the face has begun.
    const begun = page.editor.hasLabels;
    const stays = begun ? " This face keeps its points, because it has labels." : "";
    toast(page.root, `In charge now: ${this.words}.${stays}`);
    page.session.announceChange();
    if (!begun) await page.editor.reload({ predictions: true }).catch((error) => toast(page.root, messageOf(error), "warning"));
  }

  /** @returns {Command} */
  command() {
    return { keys: ["C"], title: "Choose what proposes points", run: () => this.choose() };
  }
}
