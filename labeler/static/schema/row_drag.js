// Reordering the rows of a list with the pointer: press on a row's grip, drag, release.

const EDGE = 28; // pixels from the ends of the list where it scrolls
const SPEED = 9;

/**
 * Makes `grip` drag `row` of `list`. `onDrop(index)` gets the new index of the row.
 * @param {HTMLElement} list
 * @param {HTMLElement} row
 * @param {HTMLElement} grip
 * @param {(index: number) => void} onDrop
 */
export function dragRow(list, row, grip, onDrop) {
  /** The new index of the row while it is dragged. @type {number | null} */
  let target = null;
  /** @type {number | undefined} */
  let scroller;

  /** @param {PointerEvent} event */
  const mark = (event) => {
    const others = [...list.children].filter((other) => other !== row);
    const below = others.findIndex((other) => {
      const { top, height } = other.getBoundingClientRect();
      return event.clientY < top + height / 2;
    });
    target = below < 0 ? others.length : below;
    list.querySelector(".drop-before, .drop-after")?.classList.remove("drop-before", "drop-after");
    if (below < 0) others.at(-1)?.classList.add("drop-after");
    else others[below].classList.add("drop-before");
  };

  /** @param {PointerEvent} event */
  const scroll = (event) => {
    const { top, bottom } = list.getBoundingClientRect();
    const step = event.clientY < top + EDGE ? -SPEED : event.clientY > bottom - EDGE ? SPEED : 0;
    clearInterval(scroller);
    if (step)
      scroller = setInterval(() => {
        list.scrollTop += step;
        mark(event);
      }, 16);
  };

  /** @param {boolean} drop */
  const end = (drop) => {
    if (target === null) return;
    clearInterval(scroller);
    row.classList.remove("dragged");
    list.querySelector(".drop-before, .drop-after")?.classList.remove("drop-before", "drop-after");
    const index = target;
    target = null;
    if (drop) onDrop(index);
  };

  grip.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    grip.setPointerCapture(event.pointerId);
    row.classList.add("dragged");
    mark(event);
  });
  grip.addEventListener("pointermove", (event) => {
    if (target === null) return;
    mark(event);
    scroll(event);
  });
  grip.addEventListener("pointerup", () => end(true));
  grip.addEventListener("pointercancel", () => end(false));
}
