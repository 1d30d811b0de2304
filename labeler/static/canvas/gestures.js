// What mouse, pen and fingers do on the landmark canvas. One gesture is active at a time. A movement below the threshold is
// a click, beyond it a drag. A second finger makes it a pinch.

import { gripAt, movable, moveBy } from "./frame.js";

/** @import { Box, DragOrigin, Marker, Place, Position, Positions } from "../shell/types.js" */
/** @import { LandmarkCanvas } from "./canvas.js" */
/** @import { Change } from "./frame.js" */
/** @import { Viewport } from "./viewport.js" */

/** @type {Record<string, number>} */
const DRAG_THRESHOLD = { mouse: 4, pen: 6, touch: 10 };
const LONG_PRESS_MS = 350;
const PALM_WIDTH = 70;
const PEN_REST_MS = 600;

/** @typedef {{ x: number, y: number, pointerType: string }} Start  Where a gesture began, in CSS pixels. */

/**
 * What a gesture does; all coordinates are CSS pixels. `aims`: a click would place a point, so a resting finger aims with
 * the loupe. `skipsFirst`: the way up to the threshold is not part of the drag.
 * @typedef {object} Gesture
 * @property {boolean} [moved]
 * @property {"shape"} [kind]
 * @property {boolean} [aims]
 * @property {boolean} [skipsFirst]
 * @property {(x: number, y: number, dx: number, dy: number) => void} [drag]
 * @property {(x: number, y: number) => void} [drop]
 * @property {() => void} [click]
 * @property {() => void} [cancel]
 */

export class Gestures {
  /** @param {LandmarkCanvas} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    /** Where the pointers that are down are. @type {Map<number, Position & { touch: boolean }>} */
    this.pointers = new Map();
    /** @type {(Gesture & Start & { moved: boolean }) | null} */
    this.active = null;
    /** @type {number | undefined} */
    this.pressing = undefined;
    /** When a pen was last seen. */
    this.penSeen = -Infinity;
    this.spaceHeld = false;
    /** The image point that is dragged or aimed at. @type {Place | null} */
    this.at = null;
    /** Whether the gesture is a finger's, which covers the point. */
    this.finger = false;
    /** What waits for the end of the gesture. @type {(() => void)[]} */
    this.waiting = [];
  }

  /** Promises that no gesture is at work, and that what the last one did is done. */
  async ended() {
    while (this.active) await new Promise((resolve) => this.waiting.push(() => resolve(null)));
  }

  get dragging() {
    return Boolean(this.active?.moved);
  }

  /** @param {AbortSignal} signal  Ends the listening. */
  listen(signal) {
    const { element } = this.canvas;
    element.addEventListener("pointerdown", (event) => this.down(event), { signal });
    element.addEventListener("pointermove", (event) => this.move(event), { signal });
    element.addEventListener("pointerup", (event) => this.up(event), { signal });
    element.addEventListener("pointercancel", (event) => this.lost(event), { signal });
    element.addEventListener("lostpointercapture", (event) => this.lost(event), { signal });
    element.addEventListener("contextmenu", (event) => event.preventDefault(), { signal });
    element.addEventListener("auxclick", (event) => event.preventDefault(), { signal });
    element.addEventListener("keydown", (event) => this.space(event, true), { signal });
    element.addEventListener("keyup", (event) => this.space(event, false), { signal });
    element.addEventListener("blur", () => (this.spaceHeld = false), { signal });
  }

  /** @param {PointerEvent} event */
  down(event) {
    const { canvas } = this;
    canvas.element.focus({ preventScroll: true });
    event.preventDefault();
    if (this.isPalm(event)) return;
    canvas.animation.stop();
    if (event.pointerType === "pen") this.liftFingers();
    const [x, y] = canvas.placeOf(event);
    this.pointers.set(event.pointerId, { x, y, touch: event.pointerType === "touch" });
    canvas.element.setPointerCapture(event.pointerId);
    if (this.pointers.size > 1) {
      return this.begin({ ...this.pinch(), moved: true }, { x, y, pointerType: event.pointerType });
    }
    const start = { x, y, pointerType: event.pointerType };
    this.finger = event.pointerType === "touch";
    const gesture = this.choose(event, start);
    this.begin(gesture, start);
    if (this.finger && gesture.aims) this.pressing = setTimeout(() => this.aim(start), LONG_PRESS_MS);
  }

  /**
   * @param {PointerEvent} event
   * @param {Start} start
   * @returns {Gesture}
   */
  choose(event, start) {
    const { canvas } = this;
    const { scene, viewport } = canvas;
    const { x, y, pointerType } = start;
    if (event.button === 1 || event.button === 2 || this.spaceHeld || !viewport.imageWidth) return this.pan(true);
    if (scene.mode === "box") return this.box(start);
    const grip = gripAt(scene, viewport, x, y, pointerType);
    if (grip && scene.selection) return this.shape(movable(scene, scene.selection, scene.current), grip.change, start);
    const whole = event.ctrlKey || event.metaKey;
    const mark = event.shiftKey && !whole ? null : canvas.hit(x, y, pointerType);
    if (mark && whole) {
      return this.shape(movable(scene, event.shiftKey ? "face" : "group", mark.landmark.id), moveBy, start);
    }
    return mark ? this.point(mark, start) : this.ground(start, event.shiftKey);
  }

  /**
   * @param {Gesture} gesture
   * @param {Start} start
   */
  begin(gesture, start) {
    this.end("cancel");
    this.active = { moved: false, ...start, ...gesture };
  }

  /**
   * Ends the active gesture: it was dropped, clicked or canceled, at `place` on the canvas.
   * @param {"drop" | "click" | "cancel"} how
   * @param {Place} [place]
   */
  end(how, place = [0, 0]) {
    clearTimeout(this.pressing);
    const { active } = this;
    this.active = null;
    this.at = null;
    if (!active) return;
    this.canvas.draw();
    // They go on after what follows here.
    for (const goOn of this.waiting.splice(0)) goOn();
    if (how === "cancel" && !active.moved) return;
    if (how === "drop") active.drop?.(...place);
    else active[how]?.();
  }

  /** @param {PointerEvent} event */
  move(event) {
    const { canvas, active } = this;
    const [x, y] = canvas.placeOf(event);
    const before = this.pointers.get(event.pointerId);
    if (event.pointerType === "pen") this.penSeen = event.timeStamp;
    if (!before) return event.pointerType === "touch" ? undefined : canvas.hover([x, y], event.pointerType);
    this.pointers.set(event.pointerId, { ...before, x, y });
    if (!active) return;
    if (!active.moved) {
      if (Math.hypot(x - active.x, y - active.y) < DRAG_THRESHOLD[active.pointerType]) return;
      clearTimeout(this.pressing);
      active.moved = true;
      // The way to the threshold is not part of a pan.
      if (active.skipsFirst) return;
    }
    active.drag?.(x, y, x - before.x, y - before.y);
  }

  /** @param {PointerEvent} event */
  up(event) {
    if (event.pointerType === "pen") this.penSeen = event.timeStamp;
    if (!this.pointers.delete(event.pointerId) || !this.active) return;
    const place = this.canvas.placeOf(event);
    this.end(this.active.moved ? "drop" : "click", place);
  }

  /** @param {PointerEvent} event */
  lost(event) {
    if (this.pointers.delete(event.pointerId)) this.end("cancel");
  }

  // --- pen and fingers ------------------------------------------------------------------------------------------

  /**
   * Whether a touch is the palm: beside a pen, or wider than a finger.
   * @param {PointerEvent} event
   */
  isPalm(event) {
    if (event.pointerType !== "touch") return false;
    const penAtWork = [...this.pointers.values()].some(({ touch }) => !touch);
    const justWrote = event.timeStamp - this.penSeen < PEN_REST_MS;
    return penAtWork || justWrote || Math.max(event.width, event.height) > PALM_WIDTH;
  }

  liftFingers() {
    this.end("cancel");
    for (const [id, { touch }] of this.pointers) if (touch) this.pointers.delete(id);
  }

  /**
   * A resting finger places where it is lifted, and the loupe shows where that is.
   * @param {Start} start
   */
  aim({ x, y, pointerType }) {
    const { canvas } = this;
    /**
     * @param {number} px
     * @param {number} py
     */
    const show = (px, py) => {
      const place = canvas.inside(...canvas.viewport.toImage(px, py));
      this.at = [place.x, place.y];
      canvas.show({ cursor: this.at });
      return place;
    };
    const cancel = () => canvas.show({ cursor: null });
    /**
     * @param {number} px
     * @param {number} py
     */
    const drop = (px, py) => {
      const place = show(px, py);
      cancel();
      this.at = null;
      const { current } = canvas.scene;
      if (current !== null) canvas.emit("place", { id: current, ...place });
    };
    this.begin({ drag: show, drop, cancel, moved: true }, { x, y, pointerType });
    show(x, y);
  }

  /** @returns {Gesture} */
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

  /**
   * @param {boolean} [moved]
   * @returns {Gesture}
   */
  pan(moved = false) {
    return { moved, drag: (x, y, dx, dy) => this.canvas.pan(dx, dy) };
  }

  /**
   * Beside the points: a drag pans, a click places the current landmark, or chooses a prediction near to it. `onTop`: places
   * even where the landmark has a label.
   * @param {Start} start
   * @param {boolean} [onTop]
   * @returns {Gesture}
   */
  ground({ x, y, pointerType }, onTop = false) {
    const { canvas } = this;
    const { current, points, selection } = canvas.scene;
    const place = canvas.meant(x, y, pointerType);
    const waits = current !== null && !selection && (!points[current]?.v || onTop);
    // A click is where the button went down: a movement below the threshold shifts nothing.
    const click = () => {
      if (!waits || current === null) {
        if (!selection) canvas.emit("select", { id: canvas.nearPrediction(x, y)?.landmark.id ?? null, ...place });
      } else if (place) canvas.emit("place", { id: current, ...place });
      else canvas.emit("outside", { id: current });
    };
    return { ...this.pan(), click, aims: waits && place !== null, skipsFirst: true };
  }

  /**
   * On a point: a drag moves it, a click selects it.
   * @param {Marker} mark
   * @param {Start} start
   * @returns {Gesture}
   */
  point(mark, start) {
    const { canvas } = this;
    const { x: startX, y: startY } = start;
    const { id } = mark.landmark;
    /** @type {DragOrigin} */
    const from = mark.point ? "label" : mark.prediction ? "prediction" : "ghost";
    // Keep the offset between pointer and point, so that the point does not jump when the drag begins.
    /**
     * @param {number} x
     * @param {number} y
     */
    const at = (x, y) => canvas.inside(...canvas.viewport.toImage(mark.x + x - startX, mark.y + y - startY));
    /** @type {Gesture["drag"]} */
    const drag = (x, y) => {
      const place = at(x, y);
      this.at = [place.x, place.y];
      canvas.draw();
      canvas.emit("drag", { id, ...place, from });
    };
    /** @type {Gesture["drop"]} */
    const drop = (x, y) => {
      const place = at(x, y);
      canvas.emit("drag", { id, ...place, from });
      canvas.emit("dragend", { id, ...place, from });
    };
    const cancel = () => canvas.emit("dragcancel", {});
    const own = !mark.point && id === canvas.scene.current;
    const click = own
      ? this.ground(start).click
      : () => canvas.emit("select", { id });
    return { drag, drop, cancel, click };
  }

  /**
   * Moves several points as one.
   * @param {Positions} places
   * @param {Change} change
   * @param {Start} start
   * @returns {Gesture}
   */
  shape(places, change, { x, y, pointerType }) {
    const { canvas } = this;
    const { imageWidth, imageHeight } = canvas.viewport;
    const from = canvas.viewport.toImage(x, y);
    /**
     * @param {number} px
     * @param {number} py
     */
    const at = (px, py) => change(places, from, canvas.viewport.toImage(px, py), [imageWidth, imageHeight]);
    const mark = canvas.hit(x, y, pointerType);
    const click = () => {
      if (mark) canvas.emit("select", { id: mark.landmark.id });
    };
    if (!Object.keys(places).length) return { click };
    /** @type {Gesture["drag"]} */
    const drag = (px, py) => canvas.emit("transform", { places: at(px, py) });
    /** @type {Gesture["drop"]} */
    const drop = (px, py) => canvas.emit("transformend", { places: at(px, py) });
    const cancel = () => canvas.emit("dragcancel", {});
    return { kind: "shape", drag, drop, cancel, click };
  }

  /**
   * Draws the box, or drags a corner of it.
   * @param {Start} start
   * @returns {Gesture}
   */
  box(start) {
    const { canvas } = this;
    const { viewport } = canvas;
    const before = canvas.scene.box;
    const anchor = canvas.inside(...boxAnchor(viewport, before, start));
    /** @type {Gesture["drag"]} */
    const drag = (x, y) => {
      const to = canvas.inside(...viewport.toImage(x, y));
      const [left, top] = [Math.min(anchor.x, to.x), Math.min(anchor.y, to.y)];
      /** @type {Box} */
      const box = [left, top, Math.abs(anchor.x - to.x), Math.abs(anchor.y - to.y)];
      if (box[2] >= 1 && box[3] >= 1) canvas.show({ box });
    };
    const drop = () => {
      const { box } = canvas.scene;
      if (box) canvas.emit("box", { box });
    };
    const cancel = () => canvas.show({ box: before });
    return { drag, drop, cancel };
  }

  /**
   * @param {KeyboardEvent} event
   * @param {boolean} held
   */
  space(event, held) {
    if (event.code !== "Space") return;
    event.preventDefault();
    this.spaceHeld = held;
    this.canvas.element.classList.toggle("panning", held);
  }
}

/**
 * The corner that stays, in image pixels: opposite to the one under the pointer, else where the pointer went down.
 * @param {Viewport} viewport
 * @param {Box | null} box
 * @param {Start} start
 * @returns {Place}
 */
function boxAnchor(viewport, box, { x, y, pointerType }) {
  if (box) {
    /**
     * @param {number} a
     * @param {number} b
     */
    const near = (a, b) => Math.abs(a - b) <= (pointerType === "mouse" ? 7 : 14);
    const [left, top] = viewport.toScreen(box[0], box[1]);
    const [right, bottom] = viewport.toScreen(box[0] + box[2], box[1] + box[3]);
    const side = near(x, left) ? box[0] + box[2] : near(x, right) ? box[0] : null;
    const level = near(y, top) ? box[1] + box[3] : near(y, bottom) ? box[1] : null;
    if (side !== null && level !== null) return [side, level];
  }
  return viewport.toImage(x, y);
}
