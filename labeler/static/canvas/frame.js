// The frame around points that are moved and scaled as one: the face, or the group of one landmark. A drag inside moves them,
// a corner scales about the opposite corner, the handle above turns.

import { bounds, move, scale, turn } from "./transform.js";

/** @import { Place, Positions, Scene, Scope, Size } from "../shell/types.js" */
/** @import { Viewport } from "./viewport.js" */

const AIR = 12;
const STALK = 26;
/** @type {Record<string, number>} */
const REACH = { mouse: 10, pen: 12, touch: 20 };

/**
 * The visible labels with coordinates that `scope` moves, for the group of landmark `id` or for the face.
 * @param {Scene} scene
 * @param {Scope} scope
 * @param {string | null} id
 * @returns {Positions}
 */
export function movable({ definition, points, showPoints, hiddenGroups }, scope, id) {
  const group = definition?.landmarks.find((landmark) => landmark.id === id)?.group;
  /** @type {Positions} */
  const places = {};
  for (const landmark of definition?.landmarks ?? []) {
    const point = points[landmark.id];
    if (!point?.v || !showPoints || hiddenGroups.has(landmark.group)) continue;
    if (scope === "face" || landmark.group === group) places[landmark.id] = { x: point.x, y: point.y };
  }
  return places;
}

/**
 * The frame on the screen, or null where nothing is selected.
 * @param {Scene} scene
 * @param {Viewport} viewport
 */
function frameOf(scene, viewport) {
  const around = scene.selection && bounds(movable(scene, scene.selection, scene.current));
  if (!around) return null;
  const [x, y, w, h] = around;
  const [left, top] = viewport.toScreen(x, y).map((value) => value - AIR);
  const [right, bottom] = viewport.toScreen(x + w, y + h).map((value) => value + AIR);
  /** @type {Place[]} */
  const corners = [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ];
  // Near the upper edge of the canvas the handle is below the frame.
  /** @type {Place} */
  const handle = [(left + right) / 2, top - STALK > 8 ? top - STALK : bottom + STALK];
  return { left, top, right, bottom, corners, handle };
}

/**
 * New places for points when the pointer moved from one image point to another.
 * @typedef {(places: Positions, from: Place, to: Place, size: Size) => Positions} Change
 */

/**
 * What the pointer at (x, y) of the screen would drag, null outside the frame.
 * @param {Scene} scene
 * @param {Viewport} viewport
 * @param {number} x
 * @param {number} y
 * @param {string} [pointerType]
 * @returns {{ cursor: string, change: Change } | null}
 */
export function gripAt(scene, viewport, x, y, pointerType) {
  const frame = frameOf(scene, viewport);
  if (!frame) return null;
  const reach = REACH[pointerType ?? "mouse"] ?? REACH.mouse;
  /** @param {Place} place */
  const near = ([hx, hy]) => Math.hypot(hx - x, hy - y) <= reach;
  if (near(frame.handle)) return { cursor: "grab", change: turnBy };
  const corner = frame.corners.findIndex(near);
  if (corner >= 0) return { cursor: corner % 2 ? "nesw-resize" : "nwse-resize", change: scaleBy(corner) };
  const inside = x >= frame.left && x <= frame.right && y >= frame.top && y <= frame.bottom;
  return inside ? { cursor: "move", change: moveBy } : null;
}

/** @type {Change} */
export function moveBy(places, from, to, size) {
  return move(places, to[0] - from[0], to[1] - from[1], size);
}

/**
 * Scaling by the corner with this number.
 * @param {number} corner
 * @returns {Change}
 */
function scaleBy(corner) {
  return (places, from, to, size) => {
    const [x, y, w, h] = boundsOf(places);
    const [signX, signY] = [corner === 1 || corner === 2 ? 1 : -1, corner >= 2 ? 1 : -1];
    /** @type {Place} */
    const still = [signX > 0 ? x : x + w, signY > 0 ? y : y + h];
    // How far the pointer went along the diagonal, in diagonals.
    const gone = ((to[0] - from[0]) * signX * w + (to[1] - from[1]) * signY * h) / Math.max(w * w + h * h, 1e-9);
    return scale(places, w + h > 0 ? Math.max(1 + gone, 0.05) : 1, still, size);
  };
}

/** @type {Change} */
function turnBy(places, from, to, size) {
  const [cx, cy] = middle(places);
  return turn(
    places,
    Math.atan2(to[1] - cy, to[0] - cx) - Math.atan2(from[1] - cy, from[0] - cx),
    [cx, cy],
    size,
  );
}

/**
 * The center of the rectangle around places.
 * @param {Positions} places
 * @returns {Place}
 */
export function middle(places) {
  const [x, y, w, h] = boundsOf(places);
  return [x + w / 2, y + h / 2];
}

/**
 * The rectangle around places, of which there is at least one.
 * @param {Positions} places
 */
function boundsOf(places) {
  return bounds(places) ?? [0, 0, 0, 0];
}

/**
 * Draws the frame; without its handles while it is dragged (`held`).
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {Scene} scene
 * @param {boolean} held
 */
export function drawFrame(context, viewport, scene, held) {
  const frame = frameOf(scene, viewport);
  if (!frame) return;
  const { left, top, right, bottom, corners, handle } = frame;
  const line = new Path2D();
  line.rect(left, top, right - left, bottom - top);
  if (!held) {
    line.moveTo(handle[0], handle[1] < top ? top : bottom);
    line.lineTo(...handle);
  }
  context.save();
  context.setLineDash([]);
  context.lineWidth = 3;
  context.strokeStyle = "rgb(0 0 0 / 60%)";
  context.stroke(line);
  context.setLineDash([6, 4]);
  context.lineWidth = 1.2;
  context.strokeStyle = "#fff";
  context.stroke(line);
  context.setLineDash([]);
  if (!held) {
    const handles = new Path2D();
    for (const [x, y] of corners) handles.rect(x - 5, y - 5, 10, 10);
    handles.moveTo(handle[0] + 6, handle[1]);
    handles.arc(...handle, 6, 0, 2 * Math.PI);
    context.fillStyle = "#fff";
    context.strokeStyle = "#000";
    context.fill(handles);
    context.stroke(handles);
  }
  context.restore();
}
