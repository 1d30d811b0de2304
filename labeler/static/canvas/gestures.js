// What mouse, pen and fingers do on the landmark canvas. One gesture at a time is active:
//   {drag(x, y, dx, dy), drop(x, y), click(), cancel()} in CSS pixels, each of them optional.
// Below the threshold a hand that trembles has clicked; beyond it, it drags. A second finger makes it a pinch.

import { gripAt, movable, moveBy } from "./frame.js";

const DRAG_THRESHOLD = { mouse: 4, pen: 6, touch: 10 };
const LONG_PRESS_MS = 350;
const PALM_WIDTH = 70;
const PEN_REST_MS = 600;

export class Gestures {
  constructor(canvas) {
    this.canvas = canvas;
    this.pointers = new Map();
    this.active = null;
    this.spaceHeld = false;
    /** The image point in hand, while there is one, and whether a finger covers it. */
    this.at = null;
    this.finger = false;
  }

  get dragging() {
    return Boolean(this.active?.moved);
  }

  listen(on) {
    on("pointerdown", (event) => this.down(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.up(event));
    on("pointercancel", (event) => this.lost(event));
    on("contextmenu", (event) => event.preventDefault());
    on("auxclick", (event) => event.preventDefault());
    on("keydown", (event) => this.space(event, true));
    on("keyup", (event) => this.space(event, false));
    on("blur", () => (this.spaceHeld = false));
  }

  down(event) {
    const { canvas } = this;
    canvas.element.focus({ preventScroll: true });
    event.preventDefault();
    if (this.isPalm(event)) return;
    canvas.glide.stop();
    if (event.pointerType === "pen") this.liftFingers();
    const [x, y] = canvas.placeOf(event);
    this.pointers.set(event.pointerId, { x, y, touch: event.pointerType === "touch" });
    canvas.element.setPointerCapture(event.pointerId);
    if (this.pointers.size > 1) return this.begin(this.pinch(), { moved: true });
    const start = { x, y, pointerType: event.pointerType };
    this.finger = event.pointerType === "touch";
    this.begin(this.choose(event, start), start);
    if (this.finger && this.active.aims) this.pressing = setTimeout(() => this.aim(start), LONG_PRESS_MS);
  }

  choose(event, start) {
    const { canvas } = this;
    const { scene, viewport } = canvas;
    const { x, y, pointerType } = start;
    if (event.button === 1 || event.button === 2 || this.spaceHeld || !viewport.imageWidth) return this.pan(true);
    if (scene.mode === "box") return this.box(start);
    const grip = gripAt(scene, viewport, x, y, pointerType);
    if (grip) return this.shape(movable(scene, scene.selection, scene.current), grip.change, start);
    const whole = event.ctrlKey || event.metaKey;
    const mark = event.shiftKey && !whole ? null : canvas.hit(x, y, pointerType);
    if (mark && whole) {
      return this.shape(movable(scene, event.shiftKey ? "face" : "group", mark.landmark.id), moveBy, start);
    }
    return mark ? this.point(mark, start) : this.ground(start, event.shiftKey);
  }

  begin(gesture, start) {
    this.end("cancel");
    this.active = { moved: false, ...start, ...gesture };
  }

  /** The active gesture is over: it was dropped, clicked or cancelled. */
  end(how, ...place) {
    clearTimeout(this.pressing);
    const { active } = this;
    this.active = null;
    this.at = null;
    if (active) this.canvas.draw();
    if (active && (how !== "cancel" || active.moved)) active[how]?.(...place);
  }

  move(event) {
    const { canvas, active } = this;
    const [x, y] = canvas.placeOf(event);
    const before = this.pointers.get(event.pointerId);
    if (event.pointerType === "pen") this.penSeen = event.timeStamp;
    if (!before) return event.pointerType === "touch" ? undefined : canvas.hover(x, y, event.pointerType);
    this.pointers.set(event.pointerId, { ...before, x, y });
    if (!active) return;
    if (!active.moved) {
      if (Math.hypot(x - active.x, y - active.y) < DRAG_THRESHOLD[active.pointerType]) return;
      clearTimeout(this.pressing);
      active.moved = true;
      // What the hand travelled before the threshold is not part of a pan.
      if (active.skipsFirst) return;
    }
    active.drag?.(x, y, x - before.x, y - before.y);
  }

  up(event) {
    if (event.pointerType === "pen") this.penSeen = event.timeStamp;
    if (!this.pointers.delete(event.pointerId) || !this.active) return;
    const place = this.canvas.placeOf(event);
    this.end(this.active.moved ? "drop" : "click", ...place);
  }

  lost(event) {
    if (this.pointers.delete(event.pointerId)) this.end("cancel");
  }

  // --- pen and fingers ------------------------------------------------------------------------------------------

  // A hand that rests beside the pen, or lies flat on the glass, means nothing.
  isPalm(event) {
    if (event.pointerType !== "touch") return false;
    const penAtWork = [...this.pointers.values()].some(({ touch }) => !touch);
    const justWrote = event.timeStamp - (this.penSeen ?? -Infinity) < PEN_REST_MS;
    return penAtWork || justWrote || Math.max(event.width, event.height) > PALM_WIDTH;
  }

  liftFingers() {
    this.end("cancel");
    for (const [id, { touch }] of this.pointers) if (touch) this.pointers.delete(id);
  }

  /** A finger that rests places where it is lifted, and sees in the loupe where that is. */
  aim({ x, y, pointerType }) {
    const { canvas } = this;
    const show = (px, py) => {
      const place = canvas.inside(...canvas.viewport.toImage(px, py));
      this.at = [place.x, place.y];
      canvas.show({ cursor: this.at });
      return place;
    };
    const cancel = () => canvas.show({ cursor: null });
    const drop = (px, py) => {
      const place = show(px, py);
      cancel();
      this.at = null;
      canvas.emit("place", { id: canvas.scene.current, ...place });
    };
    this.begin({ drag: show, drop, cancel }, { x, y, pointerType, moved: true });
    show(x, y);
  }

  pinch() {
    const { canvas } = this;
    const state = () => {
      const [a, b] = this.pointers.values();
      return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, span: Math.max(Math.hypot(a.x - b.x, a.y - b.y), 1) };
    };
    let before = state();
    const drag = () => {
      if (this.pointers.size < 2) return;
      const now = state();
      canvas.viewport.pan(now.x - before.x, now.y - before.y);
      canvas.zoom(now.span / before.span, now.x, now.y);
      before = now;
    };
    return { drag };
  }

  // --- gestures of one pointer ----------------------------------------------------------------------------------

  pan(moved = false) {
    return { moved, drag: (x, y, dx, dy) => this.canvas.pan(dx, dy) };
  }

  /** Free ground: a drag pans, a click places what waits or lets go of what is selected. */
  ground({ x, y }, onTop) {
    const { canvas } = this;
    const { current, points, selection } = canvas.scene;
    const place = canvas.viewport.toImage(x, y);
    const waits = current !== null && !selection && (!points[current]?.v || onTop) && canvas.viewport.contains(...place);
    // A click is where the button went down: a hand that slips below the threshold moves nothing.
    const click = () => {
      const [imageX, imageY] = place;
      if (waits) canvas.emit("place", { id: current, x: imageX, y: imageY });
      else if (!selection) canvas.emit("select", { id: null, x: imageX, y: imageY });
    };
    return { ...this.pan(), click, aims: waits, skipsFirst: true };
  }

  point(mark, { x: startX, y: startY }) {
    const { canvas } = this;
    const { id } = mark.landmark;
    const from = mark.point ? "label" : mark.prediction ? "prediction" : "ghost";
    // Keep the offset between hand and point, so that the point does not jump when it is picked up.
    const at = (x, y) => canvas.inside(...canvas.viewport.toImage(mark.x + x - startX, mark.y + y - startY));
    const drag = (x, y) => {
      const place = at(x, y);
      this.at = [place.x, place.y];
      canvas.draw();
      canvas.emit("drag", { id, ...place, from });
    };
    const drop = (x, y) => {
      const place = at(x, y);
      canvas.emit("drag", { id, ...place, from });
      canvas.emit("dragend", { id, ...place, from });
    };
    const cancel = () => canvas.emit("dragcancel", { id });
    const own = !mark.point && id === canvas.scene.current;
    const click = own
      ? this.ground({ x: startX, y: startY }).click
      : () => canvas.emit("select", { id });
    return { drag, drop, cancel, click };
  }

  /** Several points as one: `change(places, from, to, size)` as in frame.js. */
  shape(places, change, { x, y, pointerType }) {
    const { canvas } = this;
    const { imageWidth, imageHeight } = canvas.viewport;
    const from = canvas.viewport.toImage(x, y);
    const at = (px, py) => change(places, from, canvas.viewport.toImage(px, py), [imageWidth, imageHeight]);
    const mark = canvas.hit(x, y, pointerType);
    const click = () => mark && canvas.emit("select", { id: mark.landmark.id });
    if (!Object.keys(places).length) return { click };
    const drag = (px, py) => canvas.emit("transform", { places: at(px, py) });
    const drop = (px, py) => canvas.emit("transformend", { places: at(px, py) });
    const cancel = () => canvas.emit("dragcancel", {});
    return { kind: "shape", drag, drop, cancel, click };
  }

  box(start) {
    const { canvas } = this;
    const { viewport } = canvas;
    const before = canvas.scene.box;
    const anchor = canvas.inside(...boxAnchor(viewport, before, start));
    const drag = (x, y) => {
      const to = canvas.inside(...viewport.toImage(x, y));
      const [left, top] = [Math.min(anchor.x, to.x), Math.min(anchor.y, to.y)];
      const box = [left, top, Math.abs(anchor.x - to.x), Math.abs(anchor.y - to.y)];
      if (box[2] >= 1 && box[3] >= 1) canvas.show({ box });
    };
    const drop = () => canvas.emit("box", { box: canvas.scene.box });
    const cancel = () => canvas.show({ box: before });
    return { drag, drop, cancel };
  }

  space(event, held) {
    if (event.code !== "Space") return;
    event.preventDefault();
    this.spaceHeld = held;
    this.canvas.element.classList.toggle("panning", held);
  }
}

// A box grows from where the hand went down; a hand on a corner drags that corner.
function boxAnchor(viewport, box, { x, y, pointerType }) {
  if (box) {
    const near = (a, b) => Math.abs(a - b) <= (pointerType === "mouse" ? 7 : 14);
    const [left, top] = viewport.toScreen(box[0], box[1]);
    const [right, bottom] = viewport.toScreen(box[0] + box[2], box[1] + box[3]);
    const side = near(x, left) ? box[0] + box[2] : near(x, right) ? box[0] : null;
    const level = near(y, top) ? box[1] + box[3] : near(y, bottom) ? box[1] : null;
    if (side !== null && level !== null) return [side, level];
  }
  return viewport.toImage(x, y);
}
