// How a face looks on the canvas. Pure drawing: a context, a viewport, a scene; no state, no events.

import { COLOURS, DOUBT } from "../shell/definition.js";
import { drawGhosts } from "./ghosts.js";
import { drawCross, drawTag, strokeOnDark } from "./marks.js";

/** Semi-axes in pixels and rotation of the ellipse that reaches `radius` standard deviations of [sxx, sxy, syy]. */
export function ellipseOf([sxx, sxy, syy], radius) {
  const mean = (sxx + syy) / 2;
  const spread = Math.hypot((sxx - syy) / 2, sxy);
  return {
    major: radius * Math.sqrt(Math.max(mean + spread, 0)),
    minor: radius * Math.sqrt(Math.max(mean - spread, 0)),
    angle: Math.atan2(2 * sxy, sxx - syy) / 2,
  };
}

export function pointRadius(landmarks) {
  return landmarks <= 30 ? 5 : landmarks <= 80 ? 4 : 3;
}

/** Where each landmark is drawn, in CSS pixels: its label, else its prediction; those of hidden groups are not. */
export function markers(scene, viewport) {
  const found = [];
  for (const landmark of scene.definition?.landmarks ?? []) {
    if (scene.hiddenGroups.has(landmark.group)) continue;
    const point = scene.points[landmark.id];
    const prediction = scene.predictions[landmark.id];
    const place = point ?? prediction;
    if (!place || place.x === null || place.x === undefined || point?.v === 0) continue;
    const [x, y] = viewport.toScreen(place.x, place.y);
    found.push({ landmark, x, y, point, prediction: point ? null : prediction });
  }
  return found;
}

/** What lies over the picture. */
export function drawScene(context, viewport, scene) {
  drawBox(context, viewport, scene);
  const marks = markers(scene, viewport);
  const radius = pointRadius(scene.definition?.landmarks.length ?? 0);
  if (scene.showEdges) drawEdges(context, scene, marks);
  if (scene.showPoints) {
    drawGhosts(context, viewport, scene, marks, radius);
    drawMarks(context, viewport, scene, marks, radius);
  }
  drawCursor(context, viewport, scene);
  drawNames(context, viewport, scene, marks, radius);
}

function drawMarks(context, viewport, scene, marks, radius) {
  for (const mark of marks) if (mark.prediction) drawEllipse(context, viewport, mark, scene);
  // Doubtful points last, so that nothing hides them.
  const doubtful = (mark) => Number(Boolean(mark.prediction?.flagged));
  for (const mark of [...marks].sort((a, b) => doubtful(a) - doubtful(b))) {
    if (mark.prediction) drawPrediction(context, mark, radius, scene);
    else drawPoint(context, mark, radius);
  }
  drawRing(context, scene, marks, radius);
}

function drawBox(context, viewport, scene) {
  if (!scene.box || !(scene.mode === "box" || scene.showBox)) return;
  const [x, y, w, h] = scene.box;
  const [left, top] = viewport.toScreen(x, y);
  const [width, height] = [w * viewport.scale, h * viewport.scale];
  context.save();
  if (scene.mode === "box") {
    context.fillStyle = "rgb(0 0 0 / 45%)";
    context.beginPath();
    context.rect(0, 0, viewport.width, viewport.height);
    context.rect(left, top, width, height);
    context.fill("evenodd");
  }
  for (const [style, thickness] of [
    ["rgb(0 0 0 / 60%)", 3],
    ["#fff", 1],
  ]) {
    context.strokeStyle = style;
    context.lineWidth = thickness;
    context.setLineDash(scene.mode === "box" ? [] : [6, 5]);
    context.strokeRect(left, top, width, height);
  }
  if (scene.mode === "box") {
    context.fillStyle = "#fff";
    context.strokeStyle = "#000";
    for (const [hx, hy] of [
      [left, top],
      [left + width, top],
      [left, top + height],
      [left + width, top + height],
    ]) {
      context.fillRect(hx - 4, hy - 4, 8, 8);
      context.strokeRect(hx - 4, hy - 4, 8, 8);
    }
  }
  context.restore();
}

function drawEdges(context, scene, marks) {
  const places = new Map(marks.map((mark) => [mark.landmark.id, mark]));
  context.lineCap = "round";
  for (const [style, thickness] of [
    ["rgb(0 0 0 / 40%)", 3],
    ["rgb(255 255 255 / 75%)", 1.2],
  ]) {
    context.strokeStyle = style;
    context.lineWidth = thickness;
    context.beginPath();
    for (const [a, b] of scene.definition.edges) {
      const [from, to] = [places.get(a), places.get(b)];
      if (!from || !to) continue;
      context.moveTo(from.x, from.y);
      context.lineTo(to.x, to.y);
    }
    context.stroke();
  }
}

// Dark, then white, around every glyph: it must show on any picture.
function halo(context, path, colour, { fill = true, width = 2 } = {}) {
  const dark = "rgb(0 0 0 / 70%)";
  const strokes = fill
    ? [
        [width + 3, dark],
        [width, "#fff"],
      ]
    : [
        [width + 3.5, dark],
        [width + 1.5, "#fff"],
        [width, colour],
      ];
  for (const [thickness, style] of strokes) {
    context.lineWidth = thickness;
    context.strokeStyle = style;
    context.stroke(path);
  }
  if (!fill) return;
  context.fillStyle = colour;
  context.fill(path);
}

function drawPoint(context, { landmark, x, y, point }, radius) {
  const path = new Path2D();
  // A hidden landmark is a hollow ring: its middle must stay see-through.
  path.arc(x, y, point.v === 1 ? radius : radius - 0.5, 0, 2 * Math.PI);
  halo(context, path, COLOURS[landmark.group], { fill: point.v !== 1, width: point.v === 1 ? 2 : 1.5 });
}

function diamond(x, y, r) {
  const path = new Path2D();
  path.moveTo(x, y - r);
  path.lineTo(x + r, y);
  path.lineTo(x, y + r);
  path.lineTo(x - r, y);
  path.closePath();
  return path;
}

function drawPrediction(context, { landmark, x, y, prediction }, radius, scene) {
  if (prediction.flagged) {
    halo(context, diamond(x, y, radius + 4), DOUBT);
    context.fillStyle = "#000";
    context.fillRect(x - 1, y - 4, 2, 5);
    context.fillRect(x - 1, y + 2, 2, 2);
    return;
  }
  context.globalAlpha = scene.dimCertain ? 0.5 : 1;
  halo(context, diamond(x, y, radius + 0.5), COLOURS[landmark.group], { fill: false, width: 1.5 });
  context.globalAlpha = 1;
}

function drawEllipse(context, viewport, { landmark, x, y, prediction }, scene) {
  if (!prediction.cov) return;
  const { major, minor, angle } = ellipseOf(prediction.cov, prediction.radius90);
  const path = new Path2D();
  path.ellipse(x, y, Math.max(major * viewport.scale, 1), Math.max(minor * viewport.scale, 1), angle, 0, 2 * Math.PI);
  // Only the doubtful point that is being looked at is loud: nine filled ellipses would hide the face.
  const loud = prediction.flagged && landmark.id === scene.current;
  context.globalAlpha = loud ? 1 : prediction.flagged ? 0.6 : scene.dimCertain ? 0.35 : 0.8;
  context.lineWidth = loud ? 4 : 2.5;
  context.strokeStyle = "rgb(0 0 0 / 55%)";
  context.stroke(path);
  context.lineWidth = loud ? 2 : 1;
  context.strokeStyle = prediction.flagged ? DOUBT : COLOURS[landmark.group];
  context.stroke(path);
  if (loud) {
    context.globalAlpha = 0.16;
    context.fillStyle = DOUBT;
    context.fill(path);
  }
  context.globalAlpha = 1;
}

// Around the current point.
function drawRing(context, scene, marks, radius) {
  const current = marks.find((mark) => mark.landmark.id === scene.current);
  if (!current) return;
  const ring = new Path2D();
  ring.arc(current.x, current.y, radius + (current.prediction?.flagged ? 9 : 5), 0, 2 * Math.PI);
  strokeOnDark(context, ring);
}

// The keyboard's cross.
function drawCursor(context, viewport, scene) {
  if (scene.cursor) drawCross(context, ...viewport.toScreen(...scene.cursor), 4, 14, { halo: 2.5 });
}

function drawNames(context, viewport, scene, marks, radius) {
  for (const mark of scene.showPoints || scene.showNames ? marks : []) {
    const id = mark.landmark.id;
    if (scene.showNames || id === scene.hover || id === scene.current) {
      drawName(context, viewport, mark.landmark.name, mark.x + radius + 6, mark.y);
    }
  }
  if (scene.cursor && scene.cursorName) {
    const [x, y] = viewport.toScreen(...scene.cursor);
    drawName(context, viewport, scene.cursorName, x + 18, y);
  }
}

// Right of (x, y), or left of it where there is no room.
function drawName(context, { width, rem }, name, x, y) {
  drawTag(context, name, (wide) => [x + wide > width ? x - wide - 26 : x, y], { rem });
}
