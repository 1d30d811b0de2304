// Where a face's landmarks may lie before anybody has placed them: ghosts on the canvas, which are no labels.
//
// The page says where to start from; the server answers with places, and again after every point that is placed, so
// that the others follow. Asking never holds up a click: answers to an older question are dropped.
// Events: changed {} (start, switch or ghosts).

import { el } from "../shell/dom.js";
import { remember } from "../shell/memory.js";

const PAUSE_MS = 40;

/** What a face may start from, as the route names it, with the menu's words, which say what they are about: the toolbar has no room for a label. */
export const STARTS = [
  ["", "Start: nothing"],
  ["mean", "Start: mean shape"],
  ["previous", "Start: previous picture"],
  ["prediction", "Start: prediction"],
];

export class Proposal extends EventTarget {
  constructor(editor, session, { storage = localStorage } = {}) {
    super();
    Object.assign(this, { editor, session, storage, face: null, start: "", known: null });
    const remembered = storage.getItem("mdmd.start");
    this.choice = STARTS.some(([start]) => start === remembered) ? remembered : "";
    this.follows = storage.getItem("mdmd.follow") !== "off";
    editor.addEventListener("changed", () => this.look());
  }

  /** What faces without labels start from, now and from now on. */
  choose(start) {
    this.choice = start;
    remember(this.storage, "mdmd.start", start);
    if (start) this.begin(start);
    else this.end();
  }

  /** Show this face's ghosts from `start`, or take them away when they are shown already. */
  toggle(start) {
    if (this.start === start) this.end();
    else this.begin(start);
  }

  toggleFollowing() {
    this.follows = !this.follows;
    remember(this.storage, "mdmd.follow", this.follows ? "on" : "off");
    this.look();
    this.emitChanged();
  }

  /** Whether ghosts are on their way. */
  get waiting() {
    return Boolean(this.timer) || this.asked !== this.answered;
  }

  get shown() {
    return Object.keys(this.editor.openGhosts()).length > 0;
  }

  begin(start) {
    if (!this.editor.view) return;
    if (this.editor.view.repeat) return this.editor.note("A face shown again blind is labeled without any start.");
    Object.assign(this, { face: this.editor.view.face, start, known: null });
    this.ask({ aloud: true });
  }

  end() {
    this.forget();
    this.start = "";
    this.editor.showGhosts({});
    this.emitChanged();
  }

  emitChanged() {
    this.dispatchEvent(new CustomEvent("changed"));
  }

  /** The editor shows something else: another face, or a point that is placed, moved or gone. */
  look() {
    const { view } = this.editor;
    if (!view) return;
    if (view.face !== this.face) this.open(view);
    else if (this.start && this.follows && places(view) !== this.known) this.askSoon();
  }

  open(view) {
    this.forget();
    Object.assign(this, { face: view.face, start: "", known: null });
    if (view.repeat || !this.choice || Object.keys(view.points).length) return;
    this.start = this.choice;
    this.ask();
  }

  askSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.ask(), PAUSE_MS);
  }

  /** Ask no more, and hear no answer. */
  forget() {
    clearTimeout(this.timer);
    Object.assign(this, { timer: null, asked: null, answered: null });
  }

  /** `aloud`: the person asked, and is told why there is nothing to show. */
  async ask({ aloud = false } = {}) {
    clearTimeout(this.timer);
    this.timer = null;
    const { start, editor } = this;
    const { view } = editor;
    if (!start || view?.face !== this.face) return;
    this.known = places(view);
    if (editor.isComplete()) {
      if (aloud) editor.note("Every landmark of this face has its label.");
      return;
    }
    const asked = (this.asked = Symbol("asked"));
    try {
      const body = { start, known: JSON.parse(this.known) };
      const answer = await this.session.request("POST", `/faces/${view.face}/proposal`, body);
      if (asked !== this.asked) return;
      this.answered = asked;
      const ghosts = Object.fromEntries(Object.entries(answer.places).map(([id, [x, y]]) => [id, { x, y }]));
      editor.showGhosts(ghosts);
    } catch (error) {
      if (asked !== this.asked) return;
      this.end();
      if (aloud) editor.note(error.message);
    }
    this.emitChanged();
  }
}

/** The labels with coordinates, as the route takes them. */
function places(view) {
  const labeled = Object.entries(view.points).filter(([, point]) => point.v > 0);
  return JSON.stringify(Object.fromEntries(labeled.map(([id, { x, y }]) => [id, [x, y]])));
}

/** The choice on the toolbar; `canvas` gets the focus back. */
export function startMenu(proposal, canvas) {
  const options = STARTS.map(([value, text]) => el("option", { value, text }));
  const select = el("select.field.start-menu", { "aria-label": "Start faces from" }, ...options);
  select.value = proposal.choice;
  select.addEventListener("change", () => {
    proposal.choose(select.value);
    canvas.focus({ preventScroll: true });
  });
  return select;
}

export function startCommands({ editor, proposal }) {
  return [
    { keys: ["M"], title: "Ghosts of the mean shape (again: none)", run: () => proposal.toggle("mean") },
    { keys: ["Shift+M"], title: "Ghosts from the previous picture (again: none)", run: () => proposal.toggle("previous") },
    {
      keys: ["G"],
      title: "Take all ghosts for labels",
      icon: "ghosts",
      group: "start",
      run: () => editor.takeGhosts() || editor.note("No ghosts are shown: M starts from the mean shape."),
      enabled: () => proposal.shown,
    },
    {
      keys: ["Shift+G"],
      title: "Ghosts follow what is placed",
      icon: "follow",
      group: "start",
      run: () => proposal.toggleFollowing(),
      active: () => proposal.follows,
    },
  ];
}
