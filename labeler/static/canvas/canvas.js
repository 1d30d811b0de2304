// The landmark canvas: shows a picture with a face's points and turns pointer gestures into events.
//
// It holds no labels and fetches nothing: a page gives it a scene and listens. Coordinates are image pixels; (0, 0) is the
// top-left corner of the top-left pixel.

import { Backdrop } from "./backdrop.js";
import { Emitter } from "../shell/emitter.js";
import { COLORS } from "../shell/definition.js";
import { drawScene, markers, pointRadius } from "./drawing.js";
import { drawFrame, gripAt } from "./frame.js";
import { Gestures } from "./gestures.js";
import { ViewAnimation } from "./view_animation.js";
import { currentGhost } from "./ghosts.js";
import { ImageFilter } from "./image_filter.js";
import { Loupe, loupeScale } from "./loupe.js";
import { rem } from "../shell/dom.js";
import { Viewport } from "./viewport.js";

/** @import { Box, CanvasImage, DragOrigin, Marker, Place, Position, Positions, Scene, Shown } from "../shell/types.js" */

/** @type {Record<string, number>} */
const HIT_RADIUS = { mouse: 8, pen: 12, touch: 18 };
/** A click this near to the picture, in CSS pixels, means its edge. @type {Record<string, number>} */
const EDGE = { mouse: 8, pen: 10, touch: 14 };
/** A click this near to a prediction chooses it where no landmark waits to be placed. */
const NEAR = 30;

/** @typedef {Position & { id: string, from: DragOrigin }} Drag  A landmark that is dragged to an image point. */

/**
 * Events. `place`: a click beside the points while landmark `id` has no label, or on its prediction; `outside`: such a
 * click beside the picture, which places nothing. `drag` while a point
 * is dragged, `dragend` when it is released; `transform` and `transformend` for several points moved as one. `dragcancel`:
 * what `drag` and `transform` showed does not count. `select`: a click on a point, or near a prediction with nothing to
 * place; id null: any other click with nothing to place, without a place beside the picture. `box`: a box was drawn or resized. `view`: zoom or position changed. `layers`: something was hidden or
 * shown.
 * @typedef {object} CanvasEvents
 * @property {Position & { id: string }} place
 * @property {{ id: string }} outside
 * @property {Drag} drag
 * @property {Drag} dragend
 * @property {{ places: Positions }} transform
 * @property {{ places: Positions }} transformend
 * @property {{}} dragcancel
 * @property {{ id: string | null, x?: number, y?: number }} select
 * @property {{ box: Box }} box
 * @property {{ id: string | null, x: number | null, y: number | null }} hover
 * @property {{}} view
 * @property {{}} layers
 */

/** @extends {Emitter<CanvasEvents>} */
export class LandmarkCanvas extends Emitter {
  /**
   * @param {HTMLElement} container
   * @param {{ label?: string, imageFilter?: ImageFilter }} [options]
   */
  constructor(container, { label = "Picture with landmarks", imageFilter = new ImageFilter() } = {}) {
    super();
    this.container = container;
    this.element = document.createElement("canvas");
    this.element.className = "landmark-canvas";
    this.element.tabIndex = 0;
    this.element.style.touchAction = "none"; // fingers draw; the browser does not scroll
    this.element.setAttribute("role", "application");
    this.element.setAttribute("aria-label", label);
    container.append(this.element);
    this.viewport = new Viewport();
    this.animation = new ViewAnimation(this);
    /** @type {Scene} */
    this.scene = {
      definition: null,
      image: null,
      points: {},
      predictions: {},
      ghosts: {},
      beside: [],
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
      wrongRadius: null,
      dimCertain: false,
      certainEllipses: true,
    };
    /** Whether the user moved or zoomed the view since it was framed. */
    this.touched = false;
    /** What `frame` was called with. @type {{ box: Box | null, margin?: number } | null} */
    this.framed = null;
    /** The image point under the pointer. @type {Place | null} */
    this.pointer = null;
    /** Where the pointer was last, in CSS pixels. @type {(number | null)[] | null} */
    this.rest = null;
    /** Whether the arrow keys were used after the pointer moved. */
    this.keysLead = false;
    this.loupeOpen = false;
    /** @type {number | null} */
    this.frameRequest = null;
    this.listeners = new AbortController();
    this.resizing = new ResizeObserver(() => this.resize());
    this.loupe = new Loupe();
    this.imageFilter = imageFilter;
    this.backdrop = new Backdrop();
    this.gestures = new Gestures(this);
    this.listen();
  }

  /**
   * Changes what is shown: any part of the scene.
   * @param {Partial<Scene>} change
   */
  show(change) {
    Object.assign(this.scene, change);
    this.draw();
  }

  /**
   * Shows another picture and fits it into the view. `width` and `height` are those of the upright original, whatever
   * the size of the copy.
   * @param {CanvasImage | null} image
   * @param {number} width
   * @param {number} height
   * @param {{ keepView?: boolean }} [options]
   */
  setImage(image, width, height, { keepView = false } = {}) {
    this.scene.image = image;
    const same = width === this.viewport.imageWidth && height === this.viewport.imageHeight;
    Object.assign(this.viewport, { imageWidth: width, imageHeight: height });
    if (!(keepView && same)) this.frame(null);
    this.draw();
  }

  /**
   * Frames a rectangle of the picture, or all of it. A resized canvas frames it again until the user zooms or pans.
   * @param {Box | null} box
   * @param {number} [margin]
   * @param {{ animate?: boolean }} [options]
   */
  frame(box, margin, { animate = false } = {}) {
    this.animation.stop();
    this.framed = { box, margin };
    this.touched = false;
    const { viewport } = this;
    if (!viewport.width || !viewport.imageWidth) return;
    const whole = box ?? [0, 0, viewport.imageWidth, viewport.imageHeight];
    if (animate) return this.animation.to((target) => target.frame(whole, margin));
    viewport.frame(whole, margin);
    this.viewChanged();
  }

  /**
   * Moves the picture by CSS pixels.
   * @param {number} dx
   * @param {number} dy
   */
  pan(dx, dy) {
    this.animation.stop();
    this.touched = true;
    this.viewport.pan(dx, dy);
    this.viewChanged();
  }

  /**
   * @param {number} factor
   * @param {number} [x]
   * @param {number} [y]
   */
  zoom(factor, x = this.viewport.width / 2, y = this.viewport.height / 2) {
    this.animation.stop();
    this.touched = true;
    this.viewport.zoomAt(factor, x, y);
    this.viewChanged();
  }

  /**
   * Centers an image point and enlarges to at least `scale` times the fitting size.
   * @param {number} x
   * @param {number} y
   * @param {number} [scale]
   */
  zoomTo(x, y, scale = 4) {
    this.animation.stop();
    this.touched = true;
    this.viewport.scale = this.viewport.clamp(Math.max(this.viewport.scale, this.viewport.fitScale() * scale));
    this.viewport.center(x, y);
    this.viewChanged();
  }

  /**
   * Moves the view in an animation to an image point, at `scale` CSS pixels a pixel. The picture still fills the
   * view.
   * @param {number} x
   * @param {number} y
   * @param {number} scale
   */
  animateTo(x, y, scale) {
    this.touched = true;
    this.animation.to((target) => target.bring(x, y, scale));
  }

  draw() {
    this.frameRequest ??= requestAnimationFrame(() => {
      this.frameRequest = null;
      if (!this.viewport.width) return;
      const context = /** @type {CanvasRenderingContext2D} */ (this.element.getContext("2d"));
      const ratio = this.fitScreen();
      context.setTransform(ratio, 0, 0, ratio, 0, 0);
      const shown = this.imageFilter.of(this.scene.image);
      context.clearRect(0, 0, this.viewport.width, this.viewport.height);
      this.backdrop.draw(context, this.viewport, shown);
      drawScene(context, this.viewport, this.scene);
      drawFrame(context, this.viewport, this.scene, this.gestures.active?.kind === "shape");
      this.drawLoupe(context, shown);
    });
  }

  /** Gives the canvas as many pixels as the screen has now, and returns how many of them are in a CSS pixel. */
  fitScreen() {
    const { element, viewport } = this;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [Math.round(viewport.width * ratio), Math.round(viewport.height * ratio)];
    if (element.width !== width || element.height !== height) Object.assign(element, { width, height });
    return ratio;
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {Shown | null} shown
   */
  drawLoupe(context, shown) {
    const place = this.scene.showLoupe || this.gestures.at ? this.lookedAt() : null;
    const opened = place && !this.loupeOpen;
    this.loupeOpen = Boolean(place);
    if (!place) return;
    const { current, points, definition } = this.scene;
    const point = current === null ? null : points[current];
    const landmark = definition?.landmarks.find(({ id }) => id === current);
    const mark = point?.v && landmark ? { x: point.x, y: point.y, color: COLORS[landmark.group] } : null;
    const finger = this.gestures.finger && Boolean(this.gestures.at);
    this.loupe.draw(context, this.viewport, shown, place, { mark, finger });
    if (opened) this.emit("view", {}); // it may need more pixels than the view
  }

  /**
   * The image point that the user attends to: the dragged one, the keyboard's cross, the pointer or the current
   * point.
   * @returns {Place | null}
   */
  lookedAt() {
    const { scene, gestures } = this;
    const point = scene.current === null ? null : scene.points[scene.current];
    /** @type {Place | null} */
    const own = point?.v ? [point.x, point.y] : null;
    return gestures.at ?? scene.cursor ?? (this.keysLead ? own : null) ?? this.pointer ?? own;
  }

  /** CSS pixels per image pixel, where the picture is shown largest. */
  get finestScale() {
    const { scale } = this.viewport;
    return this.loupeOpen ? loupeScale(scale) : scale;
  }

  // --- what is shown and hidden ---------------------------------------------------------------------------------

  /**
   * Shows or hides a part of the scene.
   * @param {"showPoints" | "showEdges" | "showNames" | "showBox" | "showLoupe"} name
   */
  toggle(name) {
    this.show({ [name]: !this.scene[name] });
    this.emit("layers", {});
  }

  /** @param {number} group */
  toggleGroup(group) {
    const hiddenGroups = new Set(this.scene.hiddenGroups);
    if (!hiddenGroups.delete(group)) hiddenGroups.add(group);
    this.show({ hiddenGroups });
    this.emit("layers", {});
  }

  /** Shows the points of all groups again. */
  showAll() {
    this.show({ showPoints: true, hiddenGroups: new Set() });
    this.emit("layers", {});
  }

  /**
   * Makes sure that a landmark which is being placed can be seen: shows the points, and its group.
   * @param {string} id
   */
  reveal(id) {
    const group = this.scene.definition?.landmarks.find((landmark) => landmark.id === id)?.group;
    if (!this.scene.showPoints) this.toggle("showPoints");
    if (group !== undefined && this.scene.hiddenGroups.has(group)) this.toggleGroup(group);
  }

  destroy() {
    this.resizing.disconnect();
    this.listeners.abort();
    this.animation.stop();
    if (this.frameRequest !== null) cancelAnimationFrame(this.frameRequest);
    this.element.remove();
  }

  viewChanged() {
    this.draw();
    this.emit("view", {});
  }

  listen() {
    const { signal } = this.listeners;
    this.gestures.listen(signal);
    this.element.addEventListener("pointerleave", () => this.hover(null), { signal });
    this.element.addEventListener("wheel", (event) => this.wheel(event), { signal, passive: false });
    this.element.addEventListener("keydown", (event) => this.followKeys(event), { signal });
    this.imageFilter.on("changed", () => this.draw(), { signal });
    this.resizing.observe(this.container);
    this.watchResolution();
  }

  /** A window on another screen may have another resolution and the same size. */
  watchResolution() {
    const { signal } = this.listeners;
    const changed = () => {
      this.watchResolution();
      this.viewChanged();
    };
    matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`).addEventListener("change", changed, { once: true, signal });
  }

  resize() {
    const { clientWidth: width, clientHeight: height } = this.container;
    if (!width || !height) return; // a hidden tab
    this.animation.stop();
    const { viewport } = this;
    const middle = viewport.width ? viewport.toImage(viewport.width / 2, viewport.height / 2) : null;
    Object.assign(viewport, { width, height, rem: rem() });
    this.fitScreen();
    if (!viewport.imageWidth) return;
    if (this.touched && middle) viewport.center(...middle);
    else this.frame(this.framed?.box ?? null, this.framed?.margin);
    this.draw();
  }

  // --- pointer and keys -----------------------------------------------------------------------------------------

  /**
   * Where an event is on the canvas, in CSS pixels.
   * @param {MouseEvent} event
   * @returns {Place}
   */
  placeOf(event) {
    const bounds = this.element.getBoundingClientRect();
    return [event.clientX - bounds.left, event.clientY - bounds.top];
  }

  /**
   * The marker nearest to a point of the canvas, if it is near enough to be meant.
   * @param {number} x
   * @param {number} y
   * @param {string} [pointerType]
   * @returns {(Marker & { distance: number }) | null}
   */
  hit(x, y, pointerType = "mouse") {
    const { scene, viewport } = this;
    if (!scene.showPoints) return null;
    const reach = Math.max(HIT_RADIUS[pointerType] ?? 8, pointRadius(scene.definition?.landmarks.length ?? 0) + 2);
    const ghost = currentGhost(scene, viewport);
    return nearest(markers(scene, viewport), x, y, reach) ?? nearest(ghost ? [ghost] : [], x, y, reach);
  }

  /**
   * The prediction that is meant by a click beside the points, or null.
   * @param {number} x
   * @param {number} y
   */
  nearPrediction(x, y) {
    const { scene, viewport } = this;
    if (!scene.showPoints) return null;
    const predicted = markers(scene, viewport).filter(({ prediction }) => prediction);
    return nearest(predicted, x, y, NEAR);
  }

  /**
   * The image point that a click means; null beside the picture.
   * @param {number} x
   * @param {number} y
   * @param {string} pointerType
   */
  meant(x, y, pointerType) {
    const place = this.inside(...this.viewport.toImage(x, y));
    const [nearX, nearY] = this.viewport.toScreen(place.x, place.y);
    return Math.hypot(nearX - x, nearY - y) <= (EDGE[pointerType] ?? EDGE.mouse) ? place : null;
  }

  /**
   * The image point nearest to (x, y) that lies in the picture.
   * @param {number} x
   * @param {number} y
   */
  inside(x, y) {
    return {
      x: Math.min(Math.max(x, 0), this.viewport.imageWidth),
      y: Math.min(Math.max(y, 0), this.viewport.imageHeight),
    };
  }

  /** @param {WheelEvent} event */
  wheel(event) {
    event.preventDefault();
    const lines = event.deltaMode === 1 ? 30 : event.deltaMode === 2 ? 300 : 1;
    const delta = Math.max(-240, Math.min(240, event.deltaY * lines));
    this.zoom(Math.exp(-delta * (event.ctrlKey ? 0.01 : 0.0022)), ...this.placeOf(event));
  }

  /** @param {KeyboardEvent} event */
  followKeys(event) {
    if (!event.key.startsWith("Arrow") || this.keysLead) return;
    this.keysLead = true;
    this.draw();
  }

  /**
   * The pointer is at `at` of the canvas, in CSS pixels; null: it has left.
   * @param {Place | null} at
   * @param {string} [pointerType]
   */
  hover(at, pointerType) {
    const { scene, viewport } = this;
    const mark = at && this.hit(...at, pointerType);
    const id = mark?.landmark.id ?? null;
    const place = at && viewport.toImage(...at);
    this.pointer = place && viewport.contains(...place) ? place : null;
    const grip = at && scene.mode === "place" ? gripAt(scene, viewport, ...at, pointerType) : null;
    this.element.style.cursor = grip?.cursor ?? "";
    this.element.classList.toggle("on-point", Boolean(mark) && scene.mode === "place");
    if (id !== scene.hover) this.show({ hover: id });
    // Browsers report moves of a resting mouse when the page changes under it.
    const [x, y] = at ?? [null, null];
    if (this.rest?.[0] === x && this.rest[1] === y) return;
    this.rest = [x, y];
    this.keysLead = false;
    if (scene.showLoupe) this.draw();
    this.emit("hover", { id, x: this.pointer?.[0] ?? null, y: this.pointer?.[1] ?? null });
  }
}

/**
 * The marker nearest to (x, y) within `reach`, or null.
 * @param {Marker[]} marks
 * @param {number} x
 * @param {number} y
 * @param {number} reach
 * @returns {(Marker & { distance: number }) | null}
 */
function nearest(marks, x, y, reach) {
  const near = marks
    .map((mark) => ({ ...mark, distance: Math.hypot(mark.x - x, mark.y - y) }))
    .filter(({ distance }) => distance <= reach);
  return near.length ? near.reduce((best, mark) => (mark.distance < best.distance ? mark : best)) : null;
}
