// The history of the open face: who, when, what. It takes the place of the landmarks while it is open.

import { el, toast } from "../shell/dom.js";
import { messageOf } from "../shell/page.js";

/** @import { Action, Command } from "../shell/types.js" */
/** @import { Session } from "../shell/session.js" */
/** @import { FaceEditor } from "../face/editor.js" */

/** @type {Record<string, string>} */
const VERBS = {
  placed: "placed",
  dragged: "moved",
  nudged: "nudged",
  corrected: "corrected",
  accepted: "accepted",
  accepted_rest: "accepted with the rest",
  accepted_unseen: "accepted unseen",
  cleared: "cleared",
  imported: "imported",
  reference: "from the reference picture:",
};
/** @type {Record<string, string>} */
const CREATED = { drawn: "drew the box of this face", repeat: "shown again, blind" };
const REFETCH_MS = 120;

/**
 * "placed nose_tip", "moved 5 landmarks", "box", "skipped: not a face".
 * @param {Pick<Action, "kind" | "source" | "landmarks" | "box" | "skipped" | "skip">} action
 * @param {(id: string) => string} nameOf
 * @returns {string}
 */
export function describe({ kind, source, landmarks, box, skipped, skip }, nameOf) {
  if (kind === "create") return CREATED[source] ?? "picture added";
  const ids = Object.keys(landmarks);
  const values = Object.values(landmarks);
  if (skipped) return skip ? `skipped: ${skip}` : "unskipped";
  if (!ids.length) return box ? "box" : source;
  const what = ids.length === 1 ? nameOf(ids[0]) : `${ids.length} landmarks`;
  if (values.every((v) => v === null)) return `cleared ${what}`;
  if (values.every((v) => v === 0)) return `${what} absent`;
  const hidden = values.every((v) => v === 1) ? " as hidden" : "";
  return `${VERBS[source] ?? source} ${what}${hidden}`;
}

/** @typedef {Action & { undo?: Action | null }} UndoneEdit  `undo`: what undid the edit. */

/**
 * The edits of a history, newest first, each with the undo that took it back.
 * @param {Action[]} actions
 * @returns {UndoneEdit[]}
 */
export function edits(actions) {
  return actions
    .filter(({ kind }) => kind === "edit" || kind === "create")
    .map((edit) => ({ ...edit, undo: edit.undone ? actions.find(({ meant }) => meant === edit.id) : null }));
}

/**
 * "just now", "5 min ago", "today 14:05", "yesterday 9:30", "12 Nov 2026, 14:05"; both in seconds since 1970.
 * @param {number} at
 * @param {number} now
 */
export function when(at, now) {
  const ago = now - at;
  if (ago < 60) return "just now";
  if (ago < 3600) return `${Math.floor(ago / 60)} min ago`;
  const [then, today] = [new Date(1000 * at), new Date(1000 * now)];
  const clock = `${then.getHours()}:${String(then.getMinutes()).padStart(2, "0")}`;
  const days = Math.round((new Date(today).setHours(0, 0, 0, 0) - new Date(then).setHours(0, 0, 0, 0)) / 86_400_000);
  if (days < 2) return `${days ? "yesterday" : "today"} ${clock}`;
  return `${then.getDate()} ${then.toLocaleString("en", { month: "short" })} ${then.getFullYear()}, ${clock}`;
}

export class HistoryPanel {
  /**
   * `nameOf(id)`: a landmark's name, null for one that is no longer defined. `leave()`: the canvas takes the keys
   * again.
   * @param {HTMLElement} column
   * @param {Session} session
   * @param {{ editor: FaceEditor, nameOf: (id: string) => string | null, leave: () => void }} options
   */
  constructor(column, session, { editor, nameOf, leave }) {
    this.column = column;
    this.session = session;
    this.editor = editor;
    this.nameOf = nameOf;
    this.leave = leave;
    /** The face whose history is shown. @type {number | null} */
    this.face = null;
    this.list = el("ol");
    /** @type {HTMLInputElement} */
    this.name = el("input.field", {
      type: "text",
      maxLength: 100,
      value: session.annotator ?? "",
      placeholder: "not signed",
      "aria-label": "Your name, to sign your edits with",
      onchange: () => (session.annotator = this.name.value.trim()),
      onkeydown: ({ key }) => (key === "Enter" || key === "Escape") && leave(),
    });
    this.element = el(
      "section.history",
      { "aria-label": "History of this face", hidden: true },
      el(
        "div.history-head",
        {},
        el("h2", { text: "History" }),
        el("button.plain.small", { type: "button", text: "Close", title: "Close (H)", onclick: () => this.toggle() }),
      ),
      el("label.signature", {}, el("span", { text: "Your name" }), this.name),
      this.list,
    );
    column.append(this.element);
    session.on("view", ({ view }) => view.face === this.face && this.refetch());
    session.on("refresh", () => this.isOpen && this.refetch());
  }

  get isOpen() {
    return !this.element.hidden;
  }

  toggle() {
    this.element.hidden = this.isOpen;
    this.column.classList.toggle("shows-history", this.isOpen);
    this.face = null;
    if (this.isOpen) this.show();
    this.leave();
  }

  /** Another face may be open now. */
  show() {
    const face = this.editor.view?.face ?? null;
    if (!this.isOpen || face === this.face) return;
    this.face = face;
    this.list.replaceChildren();
    this.fetch();
  }

  refetch() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.fetch(), REFETCH_MS);
  }

  async fetch() {
    const { face } = this;
    if (face === null) return;
    try {
      /** @type {Action[]} */
      const actions = await this.session.get(`/faces/${face}/history`);
      if (face !== this.face) return;
      const now = Date.now() / 1000;
      this.list.replaceChildren(...edits(actions).map((edit) => this.row(edit, now)));
    } catch (error) {
      toast(this.column, messageOf(error), "warning");
    }
  }

  /**
   * @param {UndoneEdit} edit
   * @param {number} now
   */
  row(edit, now) {
    const ids = Object.keys(edit.landmarks);
    const defined = ids.find((id) => this.nameOf(id) !== null);
    const words = describe(edit, (id) => this.nameOf(id) ?? "a deleted landmark");
    const by = [edit.annotator, when(edit.at, now)].filter(Boolean).join(" · ");
    const undone = edit.undone
      ? ["undone", edit.undo?.annotator ? `by ${edit.undo.annotator}` : null].filter(Boolean).join(" ")
      : null;
    const content = [
      el(edit.undone ? "s" : "span", { className: "what", text: words, dir: "auto", title: words }),
      el("span.by", { text: [by, undone].filter(Boolean).join(" · "), title: new Date(1000 * edit.at).toLocaleString() }),
    ];
    if (defined === undefined) return el("li", {}, el("div.entry", {}, ...content));
    const select = () => {
      this.editor.select(defined);
      this.leave();
    };
    return el("li", {}, el("button.row-button.entry", { type: "button", onclick: select }, ...content));
  }

  /** @returns {Command[]} */
  commands() {
    return [{ keys: ["H"], title: "History of this face", run: () => this.toggle() }];
  }
}
