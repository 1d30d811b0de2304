// Reordering the rows of a list with the pointer: press on a row's grip, drag, let go.

const EDGE = 28; // pixels from the list's ends where it scrolls by itself
const SPEED = 9;

/** Makes `grip` drag `row` of `list`; `onDrop(index)` gets the place that it has among the others. */
export function dragRow(list, row, grip, onDrop) {
  let target = null;
  let scroller = null;

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

  const end = (event, drop) => {
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
  grip.addEventListener("pointerup", (event) => end(event, true));
  grip.addEventListener("pointercancel", (event) => end(event, false));
}
