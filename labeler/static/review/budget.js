// How far a user's minutes reach in the queue, at their own pace, and how many points would still be wrong.

import { el } from "../shell/dom.js";
import { remember } from "../shell/memory.js";
import { timeLeft } from "../shell/pace.js";

/** @import { Command, ReviewItem } from "../shell/types.js" */
/** @import { Session } from "../shell/session.js" */
/** @import { Filmstrip } from "../face/filmstrip.js" */

const KEY = "mdmd.review.minutes";
/** Reviewed faces from which on the pace is measured. */
const MEASURED_FROM = 3;

/**
 * The number of looks that a face takes: one, and one more for each doubtful point. The pace is measured in the same
 * looks.
 * @param {{ flagged: number }} item
 */
export const looksOf = ({ flagged }) => flagged + 1;

/** @typedef {Pick<ReviewItem, "looks" | "flagged" | "expected_wrong" | "measured" | "done">} Waiting */

/**
 * How far `looks` reach: up to item `end`, over the faces, doubtful points and looks that are not done. `wrong`
 * points are expected in all faces that are not done, `left` of them after `end`, unless doubt is not `measured` on all.
 * @param {Waiting[]} items in the order of the queue
 * @param {number} looks
 */
export function reach(items, looks) {
  let end = 0;
  for (let rest = looks; items[end]?.looks <= rest; end++) rest -= items[end].looks;
  const waiting = items.filter(({ done }) => !done);
  const within = items.slice(0, end).filter(({ done }) => !done);
  /** @type {(list: Waiting[], name: "flagged" | "looks" | "expected_wrong") => number} */
  const sum = (list, name) => list.reduce((total, item) => total + item[name], 0);
  const wrong = sum(waiting, "expected_wrong");
  return {
    end,
    faces: within.length,
    points: sum(within, "flagged"),
    looks: sum(within, "looks"),
    wrong,
    left: wrong - sum(within, "expected_wrong"),
    measured: waiting.every(({ measured }) => measured),
  };
}

/**
 * @param {number} count
 * @param {string} noun
 */
const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
/** @param {number} wrong */
const about = (wrong) => wrong.toFixed(1);

export class Budget {
  /**
   * `leave()`: the canvas takes the keys again.
   * @param {HTMLElement} column
   * @param {Session} session
   * @param {Filmstrip<ReviewItem>} strip
   * @param {{ leave: () => void, storage?: Storage }} options
   */
  constructor(column, session, strip, { leave, storage = localStorage }) {
    this.session = session;
    this.strip = strip;
    this.storage = storage;
    /** @type {ReviewItem[]} */
    this.items = [];
    /** Looks since the minutes were set. */
    this.spent = 0;
    /** Faces that must be reviewed before it can be known how long a look takes. */
    this.missing = 0;
    /** Seconds per look; null while it is not known. @type {number | null} */
    this.pace = null;
    /** Starts to count `minutes` from now. */
    const set = () => this.set(Number(this.field.value));
    /** @type {HTMLInputElement} */
    this.field = el("input.field", {
      type: "number",
      min: 1,
      max: 999,
      value: Number(storage.getItem(KEY)) || 15,
      "aria-describedby": "review-reach",
      onchange: set,
      onkeydown: ({ key }) => {
        if (key === "Enter") set(); // also when the number stayed the same
        if (key === "Enter" || key === "Escape") leave();
      },
    });
    this.covers = el("p.covers");
    this.remains = el("p.remains");
    this.element = el(
      "section.budget",
      { "aria-label": "Your time" },
      el("label", {}, "I have ", this.field, " minutes"),
      el("div", { id: "review-reach" }, this.covers, this.remains),
    );
    column.prepend(this.element);
  }

  get minutes() {
    return Math.max(Number(this.field.value) || 1, 1);
  }

  /**
   * Starts to count `minutes` from now.
   * @param {number} minutes
   */
  set(minutes) {
    this.field.value = String(Math.min(Math.max(Math.round(minutes) || 1, 1), 999));
    remember(this.storage, KEY, this.field.value);
    this.spent = -looks(this.items.filter(({ done }) => done));
    this.show();
  }

  /**
   * The queue was loaded again: finished faces leave it, and their time stays spent.
   * @param {ReviewItem[]} items
   */
  begin(items) {
    this.spent += looks(this.items.filter(({ done }) => done));
    this.items = items;
    this.measure();
  }

  /**
   * A face of the queue changed.
   * @param {ReviewItem[]} items
   */
  update(items) {
    this.items = items;
    this.show();
  }

  /** Asks the server for this user's pace. */
  async measure() {
    const { annotator } = this.session;
    const query = annotator ? `?annotator=${encodeURIComponent(annotator)}` : "";
    const found = await this.session.get(`/review/pace${query}`).catch(() => null);
    if (found) Object.assign(this, { pace: found.seconds_a_look, missing: found.missing });
    this.show();
  }

  show() {
    const { items, pace, minutes, spent } = this;
    const waiting = items.filter(({ done }) => !done).length;
    const there = reach(items, pace ? (60 * minutes) / pace - spent : 0);
    this.element.title = pace
      ? `You take ${pace.toFixed(1)} s per look, the median of your newest faces. A face takes one look, and one more for each doubtful point.`
      : "";
    if (!pace) {
      const { missing } = this;
      const faces = `${missing} ${missing < MEASURED_FROM ? "more " : ""}reviewed ${missing === 1 ? "face" : "faces"}`;
      this.covers.textContent = waiting && missing ? `How far that reaches is known after ${faces}.` : "";
      this.remains.textContent = waiting && there.measured ? `About ${about(there.wrong)} wrong points in ${plural(waiting, "face")}.` : "";
      return this.strip.drawLine(null);
    }
    const all = there.end >= items.length;
    this.covers.textContent = !waiting
      ? ""
      : !there.faces
        ? "This time is used up. Press Enter to start again."
        : `${all ? "All " : ""}${plural(there.faces, "face")}, ${plural(there.points, "doubtful point")}${all ? `, ${timeLeft(pace * there.looks)}` : ""}.`;
    this.remains.textContent =
      !waiting || all || !there.measured ? "" : `About ${about(there.left)} of ${about(there.wrong)} wrong points would be left.`;
    this.strip.drawLine(all ? null : there.end, `${minutes} min`);
  }

  /** @returns {Command} */
  command() {
    return { keys: ["M"], title: "Enter how many minutes you have", run: () => (this.field.focus(), this.field.select()) };
  }
}

/** @param {{ looks: number }[]} items */
const looks = (items) => items.reduce((sum, item) => sum + item.looks, 0);
