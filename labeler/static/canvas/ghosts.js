// Proposed places that are no labels and no predictions: hollow dashed marks, dotted edges. Nothing here is ever hit,
// but for the ghost of the current landmark.

import { COLOURS } from "../shell/definition.js";

/** Where the ghosts are drawn, in CSS pixels: {id: {landmark, x, y}}; a hidden group has none. */
function placesOf(scene, viewport) {
  const found = new Map();
  for (const landmark of scene.definition.landmarks) {
    const ghost = scene.ghosts[landmark.id];
    if (!ghost || scene.hiddenGroups.has(landmark.group)) continue;
    const [x, y] = viewport.toScreen(ghost.x, ghost.y);
    found.set(landmark.id, { landmark, x, y });
  }
  return found;
}

/** The ghost of the current landmark as something a hand can take hold of, or null. */
export function currentGhost(scene, viewport) {
  if (!scene.definition || !scene.ghosts[scene.current]) return null;
  return placesOf(scene, viewport).get(scene.current) ?? null;
}

/** `marks`: what `markers` gave, the other ends of the edges. */
export function drawGhosts(context, viewport, scene, marks, radius) {
  if (!scene.definition || !Object.keys(scene.ghosts).length) return;
  const ghosts = placesOf(scene, viewport);
  context.save();
  if (scene.showEdges) drawEdges(context, scene, ghosts, marks);
  const outlines = new Map();
  for (const { landmark, x, y } of ghosts.values()) {
    if (!outlines.has(landmark.group)) outlines.set(landmark.group, new Path2D());
    const outline = outlines.get(landmark.group);
    outline.moveTo(x + radius + 1.5, y);
    outline.arc(x, y, radius + 1.5, 0, 2 * Math.PI);
  }
  for (const [group, outline] of outlines) {
    context.setLineDash([4, 3]);
    context.lineWidth = 3.4;
    context.strokeStyle = "rgb(0 0 0 / 65%)";
    context.stroke(outline);
    context.lineWidth = 2;
    context.strokeStyle = COLOURS[group];
    context.stroke(outline);
  }
  context.restore();
}

function drawEdges(context, scene, ghosts, marks) {
  const places = new Map(marks.map((mark) => [mark.landmark.id, mark]));
  const lines = new Path2D();
  for (const [a, b] of scene.definition.edges) {
    if (places.has(a) && places.has(b)) continue; // drawn whole already
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
