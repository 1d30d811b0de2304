// Keeps the current row of a list whole while what is around or in the list changes, unless the person has scrolled away.

/** Events by which a person scrolls. */
const SIGNS = ["wheel", "touchmove", "pointerup", "keyup"];

export class RowFollower {
  /** @param {HTMLElement} list  Its current row has `aria-current`. */
  constructor(list) {
    this.list = list;
    this.inView = true;
    new ResizeObserver(() => this.follow()).observe(list);
    for (const sign of SIGNS) list.addEventListener(sign, () => requestAnimationFrame(() => this.look()), { passive: true });
  }

  /** Another row is the current one. */
  cameUp() {
    this.inView = true;
    this.follow();
    // Rows that come into view for the first time get their height only then.
    requestAnimationFrame(() => this.follow());
  }

  follow() {
    const row = this.current();
    if (row && this.inView && !this.isWhole(row)) row.scrollIntoView({ block: "nearest" });
  }

  look() {
    const row = this.current();
    this.inView = !row || this.isWhole(row);
  }

  current() {
    return this.list.querySelector('[aria-current="true"]');
  }

  /** @param {Element} row */
  isWhole(row) {
    const [list, own] = [this.list.getBoundingClientRect(), row.getBoundingClientRect()];
    return own.top >= list.top - 1 && own.bottom <= list.bottom + 1;
  }
}
