// Where a face's landmarks may lie before they are placed: ghosts on the canvas, which are no labels.
//
// The page says where to start from; the server answers with places, and again after every point that is placed, so that
// the others follow. Asking never delays a click: answers to an older question are dropped.

import { Emitter } from "../shell/emitter.js";
import { el } from "../shell/dom.js";
import { remember } from "../shell/memory.js";
import { messageOf } from "../shell/page.js";

/** @import { Command, FaceView, Place, Positions } from "../shell/types.js" */
/** @import { FaceEditor } from "../face/editor.js" */
/** @import { Session } from "../shell/session.js" */

const PAUSE_MS = 40;

/** @typedef {"" | "mean" | "previous" | "prediction"} Start  As the route names it; "": nothing. */

/** What a face may start from, with the menu's texts. They repeat "Start", because the toolbar has no room for a label. */
/** @type {[Start, string][]} */
export const STARTS = [
  ["", "Start: nothing"],
  ["mean", "Start: mean shape"],
  ["previous", "Start: previous picture"],
  ["prediction", "Start: prediction"],
];

/**
 * `changed`: the start, the switch or the ghosts.
 * @extends {Emitter<{ changed: {} }>}
 */
export class Proposal extends Emitter {
  /**
   * @param {FaceEditor} editor
   * @param {Session} session
   * @param {{ storage?: Storage }} [options]
   */
  constructor(editor, session, { storage = localStorage } = {}) {
    super();
    this.editor = editor;
    this.session = session;
    this.storage = storage;
    /** The face that the rest is about. @type {number | null} */
    this.face = null;
    /** What this face started from. @type {Start} */
    this.start = "";
    /** The labels that the newest question was about, as JSON. @type {string | null} */
    this.known = null;
    /** @type {number | undefined} */
    this.timer = undefined;
    /** The newest question and the newest one that was answered. @type {symbol | null} */
    this.asked = null;
    /** @type {symbol | null} */
    this.answered = null;
    const remembered = storage.getItem("mdmd.start");
    /** What faces start from. */
    this.choice = STARTS.find(([start]) => start === remembered)?.[0] ?? "";
    this.follows = storage.getItem("mdmd.follow") !== "off";
    editor.on("changed", () => this.update());
  }

  /**
   * What faces without labels start from, now and later.
   * @param {Start} start
   */
  choose(start) {
    this.choice = start;
    remember(this.storage, "mdmd.start", start);
    if (start) this.begin(start);
    else this.end();
  }

  /**
   * Shows this face's ghosts from `start`, or removes them when they are shown already.
   * @param {Start} start
   */
  toggle(start) {
    if (this.start === start) this.end();
    else this.begin(start);
  }

  toggleFollowing() {
    this.follows = !this.follows;
    remember(this.storage, "mdmd.follow", this.follows ? "on" : "off");
    this.update();
    this.emitChanged();
  }

  /** Whether an answer of the server is awaited. */
  get waiting() {
    return Boolean(this.timer) || this.asked !== this.answered;
  }

  /** @param {Start} start */
  begin(start) {
    if (!this.editor.view) return;
    if (this.editor.view.repeat) return this.editor.note("In a blind repeat, no start is shown.");
    this.face = this.editor.view.face;
    this.start = start;
    this.known = null;
    this.ask({ aloud: true });
  }

  end() {
    this.forget();
    this.start = "";
    this.editor.showGhosts({});
    this.emitChanged();
  }

  emitChanged() {
    this.emit("changed", {});
  }

  /** The editor shows something else: another face, or a point that was placed, moved or cleared. */
  update() {
    const { view } = this.editor;
    if (!view) return;
    if (view.face !== this.face) this.open(view);
    else if (this.start && this.follows && places(view) !== this.known) this.askSoon();
  }

  /** @param {FaceView} view */
  open(view) {
    this.forget();
    this.face = view.face;
    this.start = "";
    this.known = null;
    if (view.repeat || !this.choice || Object.keys(view.points).length) return;
    // Predictions are a better start than another shape. "prediction" lets them follow what is placed.
    if (this.choice !== "prediction" && Object.keys(view.predictions).length) return;
    this.start = this.choice;
    this.ask();
  }

  askSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), PAUSE_MS);
  }

  /** Cancels the question that is waiting, and drops the answer to the one that was sent. */
  forget() {
    clearTimeout(this.timer);
    this.timer = undefined;
    this.asked = null;
    this.answered = null;
  }

  /**
   * `aloud`: the user asked, and is told why there is nothing to show.
   * @param {{ aloud?: boolean }} [options]
   */
  async ask({ aloud = false } = {}) {
    clearTimeout(this.timer);
    this.timer = undefined;
    const { start, editor } = this;
    const { view } = editor;
    if (!start || !view || view.face !== this.face) return;
    this.known = places(view);
    if (editor.isComplete()) {
      if (aloud) editor.note("Every landmark of this face has a label.");
      return;
    }
    const asked = (this.asked = Symbol("asked"));
    try {
      const body = { start, known: JSON.parse(this.known) };
      /** @type {{ places: Record<string, Place> }} */
      const answer = await this.session.request("POST", `/faces/${view.face}/proposal`, body);
      if (asked !== this.asked) return;
      this.answered = asked;
      /** @type {Positions} */
      const ghosts = Object.fromEntries(Object.entries(answer.places).map(([id, [x, y]]) => [id, { x, y }]));
      editor.showGhosts(ghosts);
    } catch (error) {
      if (asked !== this.asked) return;
      this.end();
      if (aloud) editor.note(messageOf(error));
    }
    this.emitChanged();
  }
}

/**
 * The labels with coordinates as JSON, as the route takes them.
 * @param {FaceView} view
 */
function places(view) {
  const labeled = Object.entries(view.points).filter(([, point]) => point.v > 0);
  return JSON.stringify(Object.fromEntries(labeled.map(([id, { x, y }]) => [id, [x, y]])));
}

/**
 * The menu on the toolbar; `canvas` takes the focus again.
 * @param {Proposal} proposal
 * @param {HTMLElement} canvas
 */
export function startMenu(proposal, canvas) {
  const options = STARTS.map(([value, text]) => el("option", { value, text }));
  const select = el("select.field.start-menu", { "aria-label": "Start faces from" }, ...options);
  select.value = proposal.choice;
  select.addEventListener("change", () => {
    proposal.choose(/** @type {Start} */ (select.value));
    canvas.focus({ preventScroll: true });
  });
  return select;
}

/**
 * @param {{ proposal: Proposal }} page
 * @returns {Command[]}
 */
export function startCommands({ proposal }) {
  return [
    { keys: ["M"], title: "Start points of the mean shape, on or off", run: () => proposal.toggle("mean") },
    { keys: ["Shift+M"], title: "Start points from the previous picture, on or off", run: () => proposal.toggle("previous") },
    {
      keys: ["Shift+G"],
      title: "Start points follow the placed ones, on or off",
      icon: "follow",
      group: "start",
      run: () => proposal.toggleFollowing(),
      active: () => proposal.follows,
    },
  ];
}
