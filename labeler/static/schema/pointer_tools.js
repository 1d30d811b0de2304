// What the pointer and the keys do to the draft: landmarks put and moved, and joined to edges, pairs or the normaliser.

import { CONNECTIONS } from "./connect.js";
import * as drafts from "./draft.js";
import { proposeGroup } from "./group_proposal.js";

export class Hand {
  /** `page` is the schema page: {draft, current, mirrored, picture, canvas, history, table, show, apply, settle, select}. */
  constructor(page) {
    Object.assign(this, {
      page,
      group: null, // chosen on the drawn face for the next landmarks
      mode: "points", // or one of CONNECTIONS
      from: null, // the first end of what is being joined
      dragged: null, // where the pointer drags from `from` to
      cursor: null, // the keyboard's cross
      nudged: null, // the landmark that the arrow keys are moving
    });
  }

  /** What to do next, with the page's `current` landmark. */
  hint(current) {
    const { draft } = this.page;
    if (this.mode !== "points") {
      const { first, second } = CONNECTIONS[this.mode];
      const from = draft.landmarks.find(({ id }) => id === this.from);
      return from ? second(from.name) : first;
    }
    if (current && !draft.places[current.id]) return `Click ${current.name}, or Esc to add another`;
    return "Click to add a landmark, drag to move one";
  }

  /** Another draft holds: what it does not have is not held any more. */
  letGo({ landmarks }) {
    this.nudged = null;
    if (!landmarks.some(({ id }) => id === this.from)) this.from = null;
  }

  setMode(mode) {
    const { page } = this;
    Object.assign(this, { mode: this.mode === mode ? "points" : mode, from: null, cursor: null });
    page.canvas.show({ showEdges: true });
    page.show(page.draft);
  }

  /** A region of the drawn face: the group of the current landmark, or of the ones to come. */
  chooseGroup(group) {
    const { page } = this;
    if (page.current !== null) return page.apply(drafts.setGroup(page.draft, page.current, group));
    this.group = this.group === group ? null : group;
    page.show(page.draft);
  }

  /** Esc: out of a connection, its mode, the cross, the current landmark, the chosen group. */
  leave() {
    const { page } = this;
    if (this.from !== null) this.from = null;
    else if (this.mode !== "points") this.mode = "points";
    else if (this.cursor) this.cursor = null;
    else if (page.current !== null) page.current = null;
    else this.group = null;
    page.show(page.draft);
  }

  // --- by pointer -----------------------------------------------------------------------------------------------

  placed(id, x, y) {
    const { page } = this;
    if (page.mirrored || this.mode !== "points") return;
    this.cursor = null;
    page.apply(drafts.setPlace(page.draft, id, [x, y]));
    page.select(page.nextUnplaced());
  }

  clicked(id, x, y) {
    const { page } = this;
    if (page.mirrored) return page.select(id);
    if (this.mode !== "points") return this.joined(id);
    if (id !== null) return page.select(id);
    if (!page.canvas.viewport.contains(x, y)) return page.select(null);
    this.add(x, y);
  }

  add(x, y) {
    const { page, group } = this;
    const { landmarks, places } = page.draft;
    const placed = landmarks.filter(({ id }) => places[id]).map((landmark) => ({ ...landmark, place: places[landmark.id] }));
    const box = [0, 0, page.picture.width, page.picture.height];
    const added = drafts.addLandmark(page.draft, group ?? proposeGroup([x, y], placed, box), [x, y]);
    page.current = group === null ? added.id : null;
    page.apply(group === null ? added.draft : drafts.setGroup(added.draft, added.id, group));
  }

  /** One end of a connection was chosen; null: neither. */
  joined(id) {
    const { page, from } = this;
    const { join, chain } = CONNECTIONS[this.mode];
    const whole = id !== null && from !== null && id !== from;
    this.from = (whole && !chain) || id === from ? null : id;
    page.current = id;
    if (whole) page.apply(join(page.draft, from, id));
    else page.show(page.draft);
  }

  draggedTo(id, place) {
    const { page } = this;
    if (page.mirrored) return;
    if (this.mode === "points") return page.show(drafts.setPlace(page.draft, id, place));
    Object.assign(this, { from: id, dragged: place });
    page.current = id;
    page.show(page.draft);
  }

  /** The drag has ended at `place`; `id` null: it was broken off. */
  dropped(id, place) {
    const { page } = this;
    const wasJoining = this.dragged !== null;
    this.dragged = null;
    if (page.mirrored) return;
    if (this.mode === "points")
      return id === null ? page.show(page.history.draft) : page.apply(drafts.setPlace(page.draft, id, place));
    this.from = null;
    const { canvas } = page;
    const other = id !== null && wasJoining ? canvas.hit(...canvas.viewport.toScreen(...place)) : null;
    if (!other || other.landmark.id === id) return page.show(page.draft);
    page.current = other.landmark.id;
    page.apply(CONNECTIONS[this.mode].join(page.draft, id, other.landmark.id));
  }

  // --- by keys --------------------------------------------------------------------------------------------------

  /** Arrow keys: move the current landmark, or the cross where the next one is put. */
  nudge(dx, dy) {
    const { page } = this;
    if (page.mirrored || this.mode !== "points") return;
    const { width, height } = page.picture;
    const within = ([x, y]) => [Math.min(Math.max(x + dx, 0), width), Math.min(Math.max(y + dy, 0), height)];
    const place = page.draft.places[page.current];
    if (place) return this.nudgePlaced(drafts.setPlace(page.draft, page.current, within(place)));
    this.cursor = within(this.cursor ?? page.canvas.pointer ?? [width / 2, height / 2]);
    page.show(page.draft);
  }

  // Steps of one landmark in a row are one step for Undo.
  nudgePlaced(draft) {
    const { page } = this;
    const { current } = page;
    if (this.nudged === current) {
      page.history.keep(draft);
      page.settle(draft);
    } else page.apply(draft);
    this.nudged = current;
  }

  /** Enter: put a landmark at the cross, or choose the current one as an end. */
  enter() {
    const { page, cursor } = this;
    if (page.mirrored) return;
    if (this.mode !== "points") return this.joined(page.current);
    if (!cursor) return page.current !== null && page.table.focusName(page.current);
    if (page.current === null) this.add(...cursor);
    else this.placed(page.current, ...cursor);
    // The arrow keys go on from here to the next landmark.
    if (page.draft.places[page.current]) page.current = null;
    this.cursor = cursor;
    page.show(page.draft);
  }
}
