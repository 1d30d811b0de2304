// The landmark canvas: shows a picture with a face's points and turns pointer gestures into events.
//
// It holds no labels of its own and never fetches: a page hands it a scene and listens.
//   place  {x, y, id}    a click on free ground while landmark `current` is unlabeled (or its prediction was clicked)
//   drag   {id, x, y, from}  while a point is dragged; from: "label", "prediction" or "ghost"    dragend  the same
//   transform {places}   while several points are moved, scaled or turned as one   transformend {places}
//   dragcancel           what `drag` and `transform` showed did not happen
//   select {id}          a point was clicked; id null: free ground was clicked and nothing is to be placed
//   box    {box}         a box was drawn or resized        hover   {id, x, y}      view  the viewport changed
//   layers {}            something was hidden or shown
// Coordinates are image pixels, (0, 0) the top-left corner of the top-left pixel.

import { Backdrop } from "./backdrop.js";
import { COLOURS } from "../shell/definition.js";
import { drawScene, markers, pointRadius } from "./drawing.js";
import { drawFrame, gripAt } from "./frame.js";
import { Gestures } from "./gestures.js";
import { Glide } from "./view_animation.js";
import { currentGhost } from "./ghosts.js";
import { Look } from "./image_filter.js";
import { Loupe, loupeScale } from "./loupe.js";
import { rem } from "../shell/dom.js";
import { Viewport } from "./viewport.js";

const HIT_RADIUS = { mouse: 8, pen: 12, touch: 18 };

export class LandmarkCanvas extends EventTarget {
  constructor(container, { label = "Picture with landmarks", look = new Look() } = {}) {
    super();
    this.element = document.createElement("canvas");
    this.element.className = "landmark-canvas";
    this.element.tabIndex = 0;
    this.element.style.touchAction = "none"; // fingers are for the canvas, not for the browser's scrolling
    this.element.setAttribute("role", "application");
    this.element.setAttribute("aria-label", label);
    container.append(this.element);
    this.viewport = new Viewport();
    this.glide = new Glide(this);
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
      selection: null,
      showPoints: true,
      showEdges: true,
      showNames: false,
      showBox: false,
      showLoupe: false,
      hiddenGroups: new Set(),
      dimCertain: false,
    };
    this.touched = false;
    this.pointer = null;
    this.keysLead = false;
    this.loupe = new Loupe();
    this.look = look;
    this.backdrop = new Backdrop();
    this.gestures = new Gestures(this);
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
  frame(box, margin, { glide = false } = {}) {
    this.glide.stop();
    this.framed = { box, margin };
    this.touched = false;
    const { viewport } = this;
    if (!viewport.width || !viewport.imageWidth) return;
    const whole = box ?? [0, 0, viewport.imageWidth, viewport.imageHeight];
    if (glide) return this.glide.to((target) => target.frame(whole, margin));
    viewport.frame(whole, margin);
    this.viewChanged();
  }

  /** Move the picture by CSS pixels. */
  pan(dx, dy) {
    this.glide.stop();
    this.touched = true;
    this.viewport.pan(dx, dy);
    this.viewChanged();
  }

  zoom(factor, x = this.viewport.width / 2, y = this.viewport.height / 2) {
    this.glide.stop();
    this.touched = true;
    this.viewport.zoomAt(factor, x, y);
    this.viewChanged();
  }

  /** Centre on an image point, enlarged to at least `scale` times the fitting size. */
  zoomTo(x, y, scale = 4) {
    this.glide.stop();
    this.touched = true;
    this.viewport.scale = this.viewport.clamp(Math.max(this.viewport.scale, this.viewport.fitScale() * scale));
    this.viewport.centre(x, y);
    this.viewChanged();
  }

  /** Bring an image point to where the picture still fills the view, at `scale` CSS pixels a pixel, visibly moving. */
  glideTo(x, y, scale) {
    this.touched = true;
    this.glide.to((target) => target.bring(x, y, scale));
  }

  draw() {
    this.frameRequest ??= requestAnimationFrame(() => {
      this.frameRequest = null;
      if (!this.viewport.width) return;
      const context = this.element.getContext("2d");
      const ratio = window.devicePixelRatio || 1;
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      const shown = this.look.of(this.scene.image);
      context.clearRect(0, 0, this.viewport.width, this.viewport.height);
      this.backdrop.draw(context, this.viewport, shown);
      drawScene(context, this.viewport, this.scene);
      drawFrame(context, this.viewport, this.scene, this.gestures.active?.kind === "shape");
      this.drawLoupe(context, shown);
    });
  }

  drawLoupe(context, shown) {
    const place = this.scene.showLoupe || this.gestures.at ? this.lookedAt() : null;
    const opened = place && !this.loupeOpen;
    this.loupeOpen = Boolean(place);
    if (!place) return;
    const { current, points, definition } = this.scene;
    const point = points[current]?.v ? points[current] : null;
    const landmark = definition?.landmarks.find(({ id }) => id === current);
    const mark = point && landmark ? { x: point.x, y: point.y, colour: COLOURS[landmark.group] } : null;
    const finger = this.gestures.finger && Boolean(this.gestures.at);
    this.loupe.draw(context, this.viewport, shown, place, { mark, finger });
    if (opened) this.emit("view", {}); // it may ask for more pixels than the view does
  }

  /** The image point [x, y] of attention: in hand, under the keyboard's cross, at the pointer, or the current point. */
  lookedAt() {
    const { scene, gestures } = this;
    const point = scene.points[scene.current];
    const own = point?.v ? [point.x, point.y] : null;
    return gestures.at ?? scene.cursor ?? (this.keysLead ? own : null) ?? this.pointer ?? own;
  }

  /** CSS pixels to an image pixel, where the picture is shown largest. */
  get finestScale() {
    const { scale } = this.viewport;
    return this.loupeOpen ? loupeScale(scale) : scale;
  }

  // --- what is shown and hidden ---------------------------------------------------------------------------------

  /** Show or hide points, edges, names, the loupe: `name` as in the scene. */
  toggle(name) {
    this.show({ [name]: !this.scene[name] });
    this.emit("layers", {});
  }

  toggleGroup(group) {
    const hiddenGroups = new Set(this.scene.hiddenGroups);
    if (!hiddenGroups.delete(group)) hiddenGroups.add(group);
    this.show({ hiddenGroups });
    this.emit("layers", {});
  }

  /** Show the points of all groups again. */
  showAll() {
    this.show({ showPoints: true, hiddenGroups: new Set() });
    this.emit("layers", {});
  }

  /** What is placed is seen: show the points, and the group of landmark `id`. */
  reveal(id) {
    const group = this.scene.definition?.landmarks.find((landmark) => landmark.id === id)?.group;
    if (!this.scene.showPoints) this.toggle("showPoints");
    if (this.scene.hiddenGroups.has(group)) this.toggleGroup(group);
  }

  destroy() {
    this.resizing.disconnect();
    this.listeners.abort();
    this.glide.stop();
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
    const { signal } = this.listeners;
    const on = (name, handle, options) => this.element.addEventListener(name, handle, { signal, ...options });
    this.gestures.listen(on);
    on("pointerleave", () => this.hover(null, null));
    on("wheel", (event) => this.wheel(event), { passive: false });
    on("keydown", (event) => this.followKeys(event));
    this.look.addEventListener("changed", () => this.draw(), { signal });
    this.resizing = new ResizeObserver(() => this.resize());
    this.resizing.observe(this.element.parentElement);
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.element.parentElement;
    if (!width || !height) return; // a hidden tab
    this.glide.stop();
    const ratio = window.devicePixelRatio || 1;
    const { viewport } = this;
    const middle = viewport.width ? viewport.toImage(viewport.width / 2, viewport.height / 2) : null;
    Object.assign(viewport, { width, height, rem: rem() });
    this.element.width = Math.round(width * ratio);
    this.element.height = Math.round(height * ratio);
    if (!viewport.imageWidth) return;
    if (this.touched && middle) viewport.centre(...middle);
    else this.frame(this.framed?.box ?? null, this.framed?.margin);
    this.draw();
  }

  // --- pointer and keys -----------------------------------------------------------------------------------------

  /** Where an event is on the canvas, in CSS pixels. */
  placeOf(event) {
    const bounds = this.element.getBoundingClientRect();
    return [event.clientX - bounds.left, event.clientY - bounds.top];
  }

  /** The marker nearest to a place on the canvas, if it is near enough to be meant. */
  hit(x, y, pointerType = "mouse") {
    const { scene, viewport } = this;
    if (!scene.showPoints) return null;
    const reach = Math.max(HIT_RADIUS[pointerType] ?? 8, pointRadius(scene.definition?.landmarks.length ?? 0) + 2);
    let best = null;
    const consider = (mark) => {
      const distance = Math.hypot(mark.x - x, mark.y - y);
      if (distance <= reach && (!best || distance < best.distance)) best = { ...mark, distance };
    };
    markers(scene, viewport).forEach(consider);
    const ghost = currentGhost(scene, viewport);
    if (ghost && !best) consider(ghost);
    return best;
  }

  inside(x, y) {
    return {
      x: Math.min(Math.max(x, 0), this.viewport.imageWidth),
      y: Math.min(Math.max(y, 0), this.viewport.imageHeight),
    };
  }

  wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 30 : event.deltaMode === 2 ? 300 : 1;
    const delta = Math.max(-240, Math.min(240, event.deltaY * lines));
    this.zoom(Math.exp(-delta * (event.ctrlKey ? 0.01 : 0.0022)), ...this.placeOf(event));
  }

  followKeys(event) {
    if (!event.key.startsWith("Arrow") || this.keysLead) return;
    this.keysLead = true;
    this.draw();
  }

  hover(x, y, pointerType) {
    const { scene, viewport } = this;
    const mark = x === null ? null : this.hit(x, y, pointerType);
    const id = mark?.landmark.id ?? null;
    const place = x === null ? null : viewport.toImage(x, y);
    this.pointer = place && viewport.contains(...place) ? place : null;
    const grip = x !== null && scene.mode === "place" ? gripAt(scene, viewport, x, y, pointerType) : null;
    this.element.style.cursor = grip?.cursor ?? "";
    this.element.classList.toggle("on-point", Boolean(mark) && scene.mode === "place");
    if (id !== scene.hover) this.show({ hover: id });
    // Browsers report moves of a resting mouse when the page changes under it.
    if (this.rest?.[0] === x && this.rest[1] === y) return;
    this.rest = [x, y];
    this.keysLead = false;
    if (scene.showLoupe) this.draw();
    this.emit("hover", { id, x: this.pointer?.[0] ?? null, y: this.pointer?.[1] ?? null });
  }
}
