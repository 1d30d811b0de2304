// How far a person's minutes reach in the queue, at their own pace, and what would be wrong after them.

import { el } from "../shell/dom.js";
import { remember } from "../shell/memory.js";
import { timeLeft } from "../shell/pace.js";

const KEY = "mdmd.review.minutes";

/** A face takes one look, and one more for each doubtful point: what the pace is measured by. */
export const looksOf = ({ flagged }) => flagged + 1;

/** How far `looks` reach in `items` ({looks, flagged, expected_wrong, done}, in the order of the queue): up to item
 * `end`, over so many faces, doubtful points and looks that wait; `wrong` points are expected in all that wait, `left` beyond. */
export function reach(items, looks) {
  let end = 0;
  for (let rest = looks; items[end]?.looks <= rest; end++) rest -= items[end].looks;
  const waiting = items.filter(({ done }) => !done);
  const within = items.slice(0, end).filter(({ done }) => !done);
  const sum = (list, name) => list.reduce((total, item) => total + item[name], 0);
  const wrong = sum(waiting, "expected_wrong");
  return {
    end,
    faces: within.length,
    points: sum(within, "flagged"),
    looks: sum(within, "looks"),
    wrong,
    left: wrong - sum(within, "expected_wrong"),
  };
}

const plural = (count, noun) => `${count} ${noun}${count === 1 ? "" : "s"}`;
const about = (wrong) => wrong.toFixed(1);

export class Budget {
  /** `leave()`: the keys go back to the canvas. */
  constructor(column, session, strip, { leave, storage = localStorage }) {
    Object.assign(this, { session, strip, storage, items: [], spent: 0, pace: null });
    const set = () => this.set(Number(this.field.value));
    this.field = el("input.field", {
      type: "number",
      min: 1,
      max: 999,
      value: Number(storage.getItem(KEY)) || 15,
      "aria-describedby": "review-reach",
      onchange: set,
      onkeydown: ({ key }) => {
        if (key === "Enter") set(); // the same number again: from here on
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

  /** Begin to count `minutes` from now. */
  set(minutes) {
    this.field.value = Math.min(Math.max(Math.round(minutes) || 1, 1), 999);
    remember(this.storage, KEY, this.field.value);
    this.spent = -looks(this.items.filter(({ done }) => done));
    this.show();
  }

  /** The queue was read anew: what was done leaves it, its time stays spent. */
  begin(items) {
    this.spent += looks(this.items.filter(({ done }) => done));
    this.items = items;
    this.measure();
  }

  /** A face of the queue changed. */
  update(items) {
    this.items = items;
    this.show();
  }

  /** Ask how fast this person is. */
  async measure() {
    const { annotator } = this.session;
    const query = annotator ? `?annotator=${encodeURIComponent(annotator)}` : "";
    const found = await this.session.get(`/review/pace${query}`).catch(() => null);
    if (found) this.pace = found.seconds_a_look;
    this.show();
  }

  show() {
    const { items, pace, minutes, spent } = this;
    const waiting = items.filter(({ done }) => !done).length;
    const there = reach(items, pace ? (60 * minutes) / pace - spent : 0);
    this.element.title = pace
      ? `A look takes you ${pace.toFixed(1)} s, the median of your newest faces: one look for a face and one for each doubtful point.`
      : "";
    if (!pace) {
      this.covers.textContent = waiting ? "How far that reaches is known after three reviewed faces." : "";
      this.remains.textContent = waiting ? `About ${about(there.wrong)} wrong points in ${plural(waiting, "face")}.` : "";
      return this.strip.drawLine(null);
    }
    const all = there.end >= items.length;
    this.covers.textContent = !waiting
      ? ""
      : !there.faces
        ? "That time is used up. Enter begins anew."
        : `${all ? "All " : ""}${plural(there.faces, "face")}, ${plural(there.points, "doubtful point")}${all ? `, ${timeLeft(pace * there.looks)}` : ""}.`;
    this.remains.textContent =
      !waiting || all ? "" : `About ${about(there.left)} of ${about(there.wrong)} wrong points would be left.`;
    this.strip.drawLine(all ? null : there.end, `${minutes} min`);
  }

  command() {
    return { keys: ["M"], title: "Say how many minutes you have", run: () => (this.field.focus(), this.field.select()) };
  }
}

const looks = (items) => items.reduce((sum, item) => sum + item.looks, 0);
