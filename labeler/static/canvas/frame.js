// The frame around what is moved and scaled as a whole: the whole face, or the group of one landmark.
// A drag inside it moves, a corner scales about the opposite corner, the handle above it turns.

import { bounds, move, scale, turn } from "./transform.js";

const AIR = 12;
const STALK = 26;
const REACH = { mouse: 10, pen: 12, touch: 20 };

/** {id: {x, y}} of the labels with coordinates in sight that `scope` ("group" of landmark `id`, or "face") moves. */
export function movable({ definition, points, showPoints, hiddenGroups }, scope, id) {
  const group = definition?.landmarks.find((landmark) => landmark.id === id)?.group;
  const places = {};
  for (const landmark of definition?.landmarks ?? []) {
    const point = points[landmark.id];
    if (!point?.v || !showPoints || hiddenGroups.has(landmark.group)) continue;
    if (scope === "face" || landmark.group === group) places[landmark.id] = { x: point.x, y: point.y };
  }
  return places;
}

/** On the screen: {left, top, right, bottom, corners, handle}, or null where nothing is selected. */
function frameOf(scene, viewport) {
  const around = scene.selection && bounds(movable(scene, scene.selection, scene.current));
  if (!around) return null;
  const [x, y, w, h] = around;
  const [left, top] = viewport.toScreen(x, y).map((value) => value - AIR);
  const [right, bottom] = viewport.toScreen(x + w, y + h).map((value) => value + AIR);
  const corners = [
    [left, top],
    [right, top],
    [right, bottom],
    [left, bottom],
  ];
  // Near the upper edge of the canvas the handle hangs below.
  const handle = [(left + right) / 2, top - STALK > 8 ? top - STALK : bottom + STALK];
  return { left, top, right, bottom, corners, handle };
}

/**
 * What a hand at (x, y) on the screen has hold of: {cursor, change(places, from, to, size)}, null outside the frame.
 * `change` gives the new places when the hand went from one image point to another.
 */
export function gripAt(scene, viewport, x, y, pointerType) {
  const frame = frameOf(scene, viewport);
  if (!frame) return null;
  const reach = REACH[pointerType] ?? REACH.mouse;
  const near = ([hx, hy]) => Math.hypot(hx - x, hy - y) <= reach;
  if (near(frame.handle)) return { cursor: "grab", change: turnBy };
  const corner = frame.corners.findIndex(near);
  if (corner >= 0) return { cursor: corner % 2 ? "nesw-resize" : "nwse-resize", change: scaleBy(corner) };
  const inside = x >= frame.left && x <= frame.right && y >= frame.top && y <= frame.bottom;
  return inside ? { cursor: "move", change: moveBy } : null;
}

export function moveBy(places, from, to, size) {
  return move(places, to[0] - from[0], to[1] - from[1], size);
}

function scaleBy(corner) {
  return (places, from, to, size) => {
    const [x, y, w, h] = bounds(places);
    const [signX, signY] = [corner === 1 || corner === 2 ? 1 : -1, corner >= 2 ? 1 : -1];
    const still = [signX > 0 ? x : x + w, signY > 0 ? y : y + h];
    // How far the hand went along the diagonal, in diagonals.
    const gone = ((to[0] - from[0]) * signX * w + (to[1] - from[1]) * signY * h) / Math.max(w * w + h * h, 1e-9);
    return scale(places, w + h > 0 ? Math.max(1 + gone, 0.05) : 1, still, size);
  };
}

function turnBy(places, from, to, size) {
  const [cx, cy] = middle(places);
  return turn(
    places,
    Math.atan2(to[1] - cy, to[0] - cx) - Math.atan2(from[1] - cy, from[0] - cx),
    [cx, cy],
    size,
  );
}

export function middle(places) {
  const [x, y, w, h] = bounds(places);
  return [x + w / 2, y + h / 2];
}

/** `held`: while a hand has hold of it, its handles would only be in the way. */
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
