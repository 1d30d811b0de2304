// Draws proposed places, which are neither labels nor predictions: hollow dashed marks, dotted edges. Only the ghost of the
// current landmark can be clicked or dragged.

import { COLORS } from "../shell/definition.js";

/** @import { Landmark, Marker, Position, Scene } from "../shell/types.js" */
/** @import { Viewport } from "./viewport.js" */

/**
 * Where the ghosts are drawn, in CSS pixels, by landmark id. Ghosts of hidden groups are left out.
 * @param {Scene} scene
 * @param {Viewport} viewport
 * @returns {Map<string, Position & { landmark: Landmark }>}
 */
function placesOf(scene, viewport) {
  const found = new Map();
  for (const landmark of scene.definition?.landmarks ?? []) {
    const ghost = scene.ghosts[landmark.id];
    if (!ghost || scene.hiddenGroups.has(landmark.group)) continue;
    const [x, y] = viewport.toScreen(ghost.x, ghost.y);
    found.set(landmark.id, { landmark, x, y });
  }
  return found;
}

/**
 * The ghost of the current landmark, which can be dragged, or null.
 * @param {Scene} scene
 * @param {Viewport} viewport
 * @returns {Marker | null}
 */
export function currentGhost(scene, viewport) {
  const { current, ghosts } = scene;
  return current !== null && ghosts[current] ? (placesOf(scene, viewport).get(current) ?? null) : null;
}

/**
 * `marks`: what `markers` gave, the other ends of the edges.
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {Scene} scene
 * @param {Marker[]} marks of `markers`: the other ends of the edges
 * @param {number} radius
 */
export function drawGhosts(context, viewport, scene, marks, radius) {
  if (!scene.definition || !Object.keys(scene.ghosts).length) return;
  const ghosts = placesOf(scene, viewport);
  context.save();
  if (scene.showEdges) drawEdges(context, scene, ghosts, marks);
  /** @type {Map<number, Path2D>} */
  const outlines = new Map();
  for (const { landmark, x, y } of ghosts.values()) {
    const outline = outlines.get(landmark.group) ?? new Path2D();
    outlines.set(landmark.group, outline);
    outline.moveTo(x + radius + 1.5, y);
    outline.arc(x, y, radius + 1.5, 0, 2 * Math.PI);
  }
  for (const [group, outline] of outlines) {
    context.setLineDash([4, 3]);
    context.lineWidth = 3.4;
    context.strokeStyle = "rgb(0 0 0 / 65%)";
    context.stroke(outline);
    context.lineWidth = 2;
    context.strokeStyle = COLORS[group];
    context.stroke(outline);
  }
  context.restore();
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {Map<string, Position>} ghosts
 * @param {Marker[]} marks
 */
function drawEdges(context, scene, ghosts, marks) {
  const places = new Map(marks.map((mark) => [mark.landmark.id, mark]));
  const lines = new Path2D();
  for (const [a, b] of scene.definition?.edges ?? []) {
    if (places.has(a) && places.has(b)) continue; // drawn as a full line already
    /** @type {(Position | undefined)[]} */
    const [from, to] = [places.get(a) ?? ghosts.get(a), places.get(b) ?? ghosts.get(b)];
    if (!from || !to) continue;
    lines.moveTo(from.x, from.y);
    lines.lineTo(to.x, to.y);
  }
  context.setLineDash([1.5, 4]);
  context.lineWidth = 3;
  context.strokeStyle = "rgb(0 0 0 / 45%)";
  context.stroke(lines);
  context.lineWidth = 1.3;
  context.strokeStyle = "rgb(255 255 255 / 80%)";
  context.stroke(lines);
}
