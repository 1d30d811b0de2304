// The landmark canvas: shows a picture with a face's points and turns pointer gestures into events.
//
// It holds no labels of its own and never fetches: a page hands it a scene and listens.
//   place  {x, y, id}    a click on free ground while landmark `current` is unlabeled (or its prediction was clicked)
//   drag   {id, x, y}    while a point is dragged          dragend {id, x, y, from: "label" | "prediction" | "ghost"}
//   select {id}          a point was clicked; id null: free ground was clicked and nothing is to be placed
//   box    {box}         a box was drawn or resized        hover   {id, x, y}      view  the viewport changed
// Coordinates are image pixels, (0, 0) the top-left corner of the top-left pixel.

import { drawScene, ghostMarks, markers, pointRadius } from "./drawing.js";
import { Viewport } from "./viewport.js";

const DRAG_THRESHOLD = { mouse: 4, pen: 6, touch: 10 };
const HIT_RADIUS = { mouse: 8, pen: 12, touch: 18 };

export class LandmarkCanvas extends EventTarget {
  constructor(container, { label = "Picture with landmarks" } = {}) {
    super();
    this.element = document.createElement("canvas");
    this.element.className = "landmark-canvas";
    this.element.tabIndex = 0;
    this.element.setAttribute("role", "application");
    this.element.setAttribute("aria-label", label);
    container.append(this.element);
    this.viewport = new Viewport();
    this.scene = {
      definition: null,
      image: null,
      points: {},
      predictions: {},
      ghosts: {},
      box: null,
      current: null,
      hover: null,
      cursor: null,
      cursorName: "",
      mode: "place",
      showEdges: true,
      showNames: false,
      showBox: false,
      dimCertain: false,
    };
    this.touched = false;
    this.pointers = new Map();
    this.gesture = null;
    this.spaceHeld = false;
    this.listen();
  }

  /** Change what is shown: any part of `scene`. */
  show(change) {
    Object.assign(this.scene, change);
    this.draw();
  }

  /** Show another picture (`width`, `height`: the upright original's, whatever the copy's size); the view fits it. */
  setImage(image, width, height, { keepView = false } = {}) {
    this.scene.image = image;
    const same = width === this.viewport.imageWidth && height === this.viewport.imageHeight;
    Object.assign(this.viewport, { imageWidth: width, imageHeight: height });
    if (!(keepView && same)) this.frame(null);
    this.draw();
  }

  /** Frame a rectangle of the picture, or all of it; repeated when the canvas is resized until the user zooms. */
  frame(box, margin) {
    this.framed = { box, margin };
    this.touched = false;
    if (!this.viewport.width || !this.viewport.imageWidth) return;
    if (box) this.viewport.frame(box, margin);
    else this.viewport.fit();
    this.viewChanged();
  }

  zoom(factor, x = this.viewport.width / 2, y = this.viewport.height / 2) {
    this.touched = true;
    this.viewport.zoomAt(factor, x, y);
    this.viewChanged();
  }

  /** Centre on an image point, enlarged to at least `scale` times the fitting size. */
  zoomTo(x, y, scale = 4) {
    this.touched = true;
    this.viewport.scale = this.viewport.clamp(Math.max(this.viewport.scale, this.viewport.fitScale() * scale));
    this.viewport.centre(x, y);
    this.viewChanged();
  }

  draw() {
    this.frameRequest ??= requestAnimationFrame(() => {
      this.frameRequest = null;
      if (!this.viewport.width) return;
      const context = this.element.getContext("2d");
      const ratio = window.devicePixelRatio || 1;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      drawScene(context, this.viewport, this.scene);
    });
  }

  destroy() {
    this.resizing.disconnect();
    this.listeners.abort();
    cancelAnimationFrame(this.frameRequest);
    this.element.remove();
  }

  viewChanged() {
    this.draw();
    this.emit("view", {});
  }

  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  listen() {
    this.listeners = new AbortController();
    const on = (name, handle, options) =>
      this.element.addEventListener(name, handle, { signal: this.listeners.signal, ...options });
    on("pointerdown", (event) => this.down(event));
    on("pointermove", (event) => this.move(event));
    on("pointerup", (event) => this.up(event));
    on("pointercancel", (event) => this.cancel(event));
    on("pointerleave", () => this.hover(null, null));
    on("contextmenu", (event) => event.preventDefault());
    on("auxclick", (event) => event.preventDefault());
    on("wheel", (event) => this.wheel(event), { passive: false });
    on("keydown", (event) => this.space(event, true));
    on("keyup", (event) => this.space(event, false));
    on("blur", () => (this.spaceHeld = false));
    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(this.element.parentElement);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.element.parentElement;
    if (!width || !height) return; // a hidden tab
    const ratio = window.devicePixelRatio || 1;
    const { viewport } = this;
    const middle = viewport.width ? viewport.toImage(viewport.width / 2, viewport.height / 2) : null;
    Object.assign(viewport, { width, height });
    this.element.width = Math.round(width * ratio);
    this.element.height = Math.round(height * ratio);
    if (!viewport.imageWidth) return;
    if (this.touched && middle) viewport.centre(...middle);
    else this.frame(this.framed?.box ?? null, this.framed?.margin);
    this.draw();
  }

  // --- gestures -------------------------------------------------------------------------------------------------

  at(event) {
    const bounds = this.element.getBoundingClientRect();
    return [event.clientX - bounds.left, event.clientY - bounds.top];
  }

  /** The marker nearest to a place on the canvas, if it is near enough to be meant. */
  hit(x, y, pointerType = "mouse") {
    const reach = Math.max(HIT_RADIUS[pointerType] ?? 8, pointRadius(this.scene.definition?.landmarks.length ?? 0) + 2);
    let best = null;
    // Of the ghosts only the one whose turn it is can be taken hold of: a click beside another is for the current one.
    const ghosts = ghostMarks(this.scene, this.viewport).filter(({ landmark }) => landmark.id === this.scene.current);
    for (const mark of [...markers(this.scene, this.viewport), ...ghosts]) {
      const distance = Math.hypot(mark.x - x, mark.y - y);
      if (distance <= reach && (!best || distance < best.distance)) best = { ...mark, distance };
    }
    return best;
  }

  down(event) {
    this.element.focus({ preventScroll: true });
    const [x, y] = this.at(event);
    this.pointers.set(event.pointerId, [x, y]);
    this.element.setPointerCapture(event.pointerId);
    if (this.pointers.size === 2) return this.startPinch();
    const start = { x, y, pointerType: event.pointerType, moved: false, shift: event.shiftKey };
    const panning = event.button === 1 || event.button === 2 || this.spaceHeld || !this.viewport.imageWidth;
    if (panning) this.gesture = { kind: "pan", ...start, moved: true };
    else if (this.scene.mode === "box") this.gesture = this.startBox(start);
    else {
      const mark = event.shiftKey ? null : this.hit(x, y, event.pointerType);
      this.gesture = { kind: mark ? "point" : "ground", mark, ...start };
    }
    event.preventDefault();
  }

  move(event) {
    const [x, y] = this.at(event);
    const before = this.pointers.get(event.pointerId);
    if (!before) return this.hover(x, y, event.pointerType);
    this.pointers.set(event.pointerId, [x, y]);
    const { gesture } = this;
    if (!gesture) return;
    if (gesture.kind === "pinch") return this.pinch();
    if (!gesture.moved) {
      if (Math.hypot(x - gesture.x, y - gesture.y) < DRAG_THRESHOLD[gesture.pointerType]) return;
      gesture.moved = true;
      // What the hand travelled before the threshold is not part of the pan.
      if (gesture.kind === "ground") return;
    }
    if (gesture.kind === "point") this.dragPoint(gesture, x, y);
    else if (gesture.kind === "box") this.dragBox(gesture, x, y);
    else {
      this.touched = true;
      this.viewport.pan(x - before[0], y - before[1]);
      this.viewChanged();
    }
  }

  up(event) {
    if (!this.pointers.delete(event.pointerId)) return;
    const { gesture } = this;
    this.gesture = null;
    if (!gesture || gesture.kind === "pan" || gesture.kind === "pinch") return;
    const [x, y] = this.at(event);
    if (gesture.kind === "box") {
      if (gesture.moved) this.emit("box", { box: this.scene.box });
    } else if (gesture.kind === "point" && gesture.moved) {
      const place = this.dragPoint(gesture, x, y);
      this.emit("dragend", {
        id: gesture.mark.landmark.id,
        ...place,
        from: gesture.mark.point ? "label" : gesture.mark.ghost ? "ghost" : "prediction",
      });
    } else if (!gesture.moved) this.click(gesture);
  }

  cancel(event) {
    this.pointers.delete(event.pointerId);
    const { gesture } = this;
    this.gesture = null;
    if (gesture?.kind === "box") this.show({ box: gesture.before });
    if (gesture?.kind === "point" && gesture.moved) this.emit("dragcancel", { id: gesture.mark.landmark.id });
  }

  // A click is where the button went down: a hand that slips below the threshold moves nothing.
  click({ mark, x, y, shift }) {
    const { current, points } = this.scene;
    const ownPrediction = mark && !mark.point && mark.landmark.id === current;
    if (mark && !ownPrediction) return this.emit("select", { id: mark.landmark.id });
    const [imageX, imageY] = this.viewport.toImage(x, y);
    const free = current !== null && (!points[current] || points[current].v === 0 || shift);
    if (free && this.viewport.contains(imageX, imageY))
      return this.emit("place", { id: current, x: imageX, y: imageY });
    return this.emit("select", { id: null, x: imageX, y: imageY });
  }

  dragPoint({ mark, x: startX, y: startY }, x, y) {
    // Keep the offset between hand and point, so that the point does not jump when it is picked up.
    const [imageX, imageY] = this.viewport.toImage(mark.x + x - startX, mark.y + y - startY);
    const place = this.inside(imageX, imageY);
    this.emit("drag", { id: mark.landmark.id, ...place });
    return place;
  }

  inside(x, y) {
    return {
      x: Math.min(Math.max(x, 0), this.viewport.imageWidth),
      y: Math.min(Math.max(y, 0), this.viewport.imageHeight),
    };
  }

  startBox(start) {
    const before = this.scene.box;
    const near = (a, b) => Math.abs(a - b) <= (start.pointerType === "mouse" ? 7 : 14);
    let anchor = this.viewport.toImage(start.x, start.y);
    if (before) {
      const [x, y, w, h] = before;
      const [left, top] = this.viewport.toScreen(x, y);
      const [right, bottom] = this.viewport.toScreen(x + w, y + h);
      const side = near(start.x, left) ? x + w : near(start.x, right) ? x : null;
      const level = near(start.y, top) ? y + h : near(start.y, bottom) ? y : null;
      if (side !== null && level !== null) anchor = [side, level];
    }
    return { kind: "box", anchor, before, ...start };
  }

  dragBox(gesture, x, y) {
    const from = this.inside(...gesture.anchor);
    const to = this.inside(...this.viewport.toImage(x, y));
    const box = [Math.min(from.x, to.x), Math.min(from.y, to.y), Math.abs(from.x - to.x), Math.abs(from.y - to.y)];
    if (box[2] >= 1 && box[3] >= 1) this.show({ box });
  }

  startPinch() {
    this.gesture = { kind: "pinch", ...this.pinchState() };
  }

  pinchState() {
    const [[ax, ay], [bx, by]] = this.pointers.values();
    return { x: (ax + bx) / 2, y: (ay + by) / 2, span: Math.max(Math.hypot(ax - bx, ay - by), 1) };
  }

  pinch() {
    if (this.pointers.size !== 2) return;
    const now = this.pinchState();
    this.viewport.pan(now.x - this.gesture.x, now.y - this.gesture.y);
    this.zoom(now.span / this.gesture.span, now.x, now.y);
    Object.assign(this.gesture, now);
  }

  wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 30 : event.deltaMode === 2 ? 300 : 1;
    const delta = Math.max(-240, Math.min(240, event.deltaY * lines));
    this.zoom(Math.exp(-delta * (event.ctrlKey ? 0.01 : 0.0022)), ...this.at(event));
  }

  space(event, held) {
    if (event.code !== "Space") return;
    event.preventDefault();
    this.spaceHeld = held;
    this.element.classList.toggle("panning", held);
  }

  hover(x, y, pointerType) {
    const mark = x === null ? null : this.hit(x, y, pointerType);
    const id = mark?.landmark.id ?? null;
    const place = x === null ? null : this.viewport.toImage(x, y);
    this.pointer = place && this.viewport.contains(...place) ? place : null;
    this.element.classList.toggle("on-point", Boolean(mark) && this.scene.mode === "place");
    if (id !== this.scene.hover) this.show({ hover: id });
    // Browsers report moves of a resting mouse when the page changes under it.
    if (this.rest?.[0] === x && this.rest[1] === y) return;
    this.rest = [x, y];
    this.emit("hover", { id, x: this.pointer?.[0] ?? null, y: this.pointer?.[1] ?? null });
  }
}
