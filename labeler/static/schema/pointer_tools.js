// What the pointer and the keys do to the draft: placing and moving landmarks, and connecting them to edges, pairs or the normalizer.

import { CONNECTIONS } from "./connect.js";
import * as drafts from "./draft.js";
import { proposeGroup } from "../canvas/group_proposal.js";

/** @import { Draft, Landmark, Place } from "../shell/types.js" */
/** @import { SchemaPage } from "./schema.js" */
/** @import { Connection } from "./connect.js" */

export class PointerTools {
  /** @param {SchemaPage} page */
  constructor(page) {
    this.page = page;
    /** Chosen on the drawn face for the next landmarks. @type {number | null} */
    this.group = null;
    /** @type {"points" | Connection} */
    this.mode = "points";
    /** The first end of a new connection. @type {string | null} */
    this.from = null;
    /** Where the pointer drags the new connection to. @type {Place | null} */
    this.dragged = null;
    /** The keyboard's cross. @type {Place | null} */
    this.cursor = null;
    /** The landmark that the arrow keys are moving. @type {string | null} */
    this.nudged = null;
  }

  /**
   * What to do next, with the page's current landmark.
   * @param {Landmark | undefined} current
   * @returns {string}
   */
  hint(current) {
    const { draft } = this.page;
    if (this.mode !== "points") {
      const { first, second } = CONNECTIONS[this.mode];
      const from = draft.landmarks.find(({ id }) => id === this.from);
      return from ? second(from.name) : first;
    }
    if (current && !draft.places[current.id]) return `Click ${current.name}, or Esc to add another`;
    if (current) return `Enter to name ${current.name}, or click to add another`;
    return "Click to add a landmark, drag to move one";
  }

  /**
   * Another draft counts: landmarks that it does not have are no longer held.
   * @param {Draft} draft
   */
  letGo({ landmarks }) {
    this.nudged = null;
    if (!landmarks.some(({ id }) => id === this.from)) this.from = null;
  }

  /**
   * Switches a mode on or off.
   * @param {Connection} mode
   */
  setMode(mode) {
    const { page } = this;
    this.mode = this.mode === mode ? "points" : mode;
    this.from = null;
    this.cursor = null;
    page.canvas.show({ showEdges: true });
    page.show(page.draft);
    page.check();
  }

  /**
   * A region of the drawn face: the group of the current landmark, or of the next ones.
   * @param {number} group
   */
  chooseGroup(group) {
    const { page } = this;
    if (page.current !== null) return page.apply(drafts.setGroup(page.draft, page.current, group));
    this.group = this.group === group ? null : group;
    page.show(page.draft);
  }

  /** Esc: ends a connection, its mode, the cross, the current landmark, the chosen group; one at each press. */
  leave() {
    const { page } = this;
    if (this.from !== null) this.from = null;
    else if (this.mode !== "points") return this.setMode(this.mode);
    else if (this.cursor) this.cursor = null;
    else if (page.current !== null) page.current = null;
    else this.group = null;
    page.show(page.draft);
  }

  // --- by pointer -----------------------------------------------------------------------------------------------

  /**
   * @param {string} id
   * @param {number} x
   * @param {number} y
   */
  placed(id, x, y) {
    const { page } = this;
    if (page.mirrored || this.mode !== "points") return;
    this.cursor = null;
    page.apply(drafts.setPlace(page.draft, id, [x, y]));
    page.select(page.nextUnplaced());
  }

  /**
   * @param {string | null} id
   * @param {number} [x]
   * @param {number} [y]
   */
  clicked(id, x, y) {
    const { page } = this;
    if (page.mirrored) return page.select(id);
    if (this.mode !== "points") return this.joined(id);
    if (id !== null) return page.select(id);
    if (x !== undefined && y !== undefined) this.add(x, y);
    else if (page.current === null) this.outside();
    else page.select(null);
  }

  outside() {
    this.page.say("Outside the picture: nothing was placed.");
  }

  /**
   * @param {number} x
   * @param {number} y
   */
  add(x, y) {
    const { page, group } = this;
    if (!page.picture) return;
    const { landmarks, places } = page.draft;
    const placed = landmarks.filter(({ id }) => places[id]).map((landmark) => ({ ...landmark, place: places[landmark.id] }));
    const { width, height } = page.picture;
    const proposed = group ?? proposeGroup([x, y], placed, [0, 0, width, height]);
    const added = drafts.addLandmark(page.draft, proposed, [x, y]);
    page.current = group === null ? added.id : null;
    page.apply(group === null ? added.draft : drafts.setGroup(added.draft, added.id, group));
  }

  /**
   * One end of a connection was chosen; null: neither.
   * @param {string | null} id
   */
  joined(id) {
    const { page, from } = this;
    if (this.mode === "points") return;
    const { join, chain } = CONNECTIONS[this.mode];
    page.current = id;
    if (id !== null && from !== null && id !== from) {
      this.from = chain ? id : null;
      page.apply(join(page.draft, from, id));
    } else {
      this.from = id === from ? null : id;
      page.show(page.draft);
    }
  }

  /**
   * @param {string} id
   * @param {Place} place
   */
  draggedTo(id, place) {
    const { page } = this;
    if (page.mirrored) return;
    if (this.mode === "points") return page.show(drafts.setPlace(page.draft, id, place));
    this.from = id;
    this.dragged = place;
    page.current = id;
    page.show(page.draft);
  }

  /**
   * The drag ended at `place`; `id` null: it was canceled.
   * @param {string | null} id
   * @param {Place} [place]
   */
  dropped(id, place) {
    const { page } = this;
    const wasJoining = this.dragged !== null;
    this.dragged = null;
    if (page.mirrored) return;
    const end = id !== null && place ? { id, place } : null;
    if (this.mode === "points")
      return end ? page.apply(drafts.setPlace(page.draft, end.id, end.place)) : page.show(page.history.draft);
    this.from = null;
    const { canvas } = page;
    const other = end && wasJoining ? canvas.hit(...canvas.viewport.toScreen(...end.place)) : null;
    if (!end || !other || other.landmark.id === end.id) return page.show(page.draft);
    page.current = other.landmark.id;
    page.apply(CONNECTIONS[this.mode].join(page.draft, end.id, other.landmark.id));
  }

  // --- by keys --------------------------------------------------------------------------------------------------

  /**
   * Arrow keys: move the current landmark, or the cross where the next one is placed.
   * @param {number} dx
   * @param {number} dy
   */
  nudge(dx, dy) {
    const { page } = this;
    if (page.mirrored || this.mode !== "points" || !page.picture) return;
    const { width, height } = page.picture;
    /** @type {(place: Place) => Place} */
    const within = ([x, y]) => [Math.min(Math.max(x + dx, 0), width), Math.min(Math.max(y + dy, 0), height)];
    const { current } = page;
    const place = current !== null && page.draft.places[current];
    if (place) return this.nudgePlaced(drafts.setPlace(page.draft, current, within(place)));
    this.cursor = within(this.cursor ?? page.canvas.pointer ?? [width / 2, height / 2]);
    page.show(page.draft);
  }

  /**
   * Successive steps of one landmark are one step for undo.
   * @param {Draft} draft
   */
  nudgePlaced(draft) {
    const { page } = this;
    const { current } = page;
    if (this.nudged === current) {
      page.history.keep(draft);
      page.settle(draft);
    } else page.apply(draft);
    this.nudged = current;
  }

  /** Enter: places a landmark at the cross, or chooses the current one as an end. */
  enter() {
    const { page, cursor } = this;
    if (page.mirrored) return;
    if (this.mode !== "points") return this.joined(page.current);
    if (!cursor) return page.current !== null && page.table.focusName(page.current);
    if (page.current === null) this.add(...cursor);
    else this.placed(page.current, ...cursor);
    // The arrow keys go on from here to the next landmark.
    if (page.current !== null && page.draft.places[page.current]) page.current = null;
    this.cursor = cursor;
    page.show(page.draft);
  }
}
