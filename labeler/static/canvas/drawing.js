// Draws a face on the canvas: a context, a viewport and a scene. No state, no events.

import { COLORS, DOUBT } from "../shell/definition.js";
import { drawGhosts } from "./ghosts.js";
import { drawCross, drawTag, strokeOnDark } from "./marks.js";

/** @import { Covariance, Marker, Point, Prediction, Scene } from "../shell/types.js" */
/** @import { Viewport } from "./viewport.js" */

/**
 * The semi-axes in pixels and the rotation of the ellipse at `radius` standard deviations.
 * @param {Covariance} covariance
 * @param {number} radius
 */
export function ellipseOf([sxx, sxy, syy], radius) {
  const mean = (sxx + syy) / 2;
  const spread = Math.hypot((sxx - syy) / 2, sxy);
  return {
    major: radius * Math.sqrt(Math.max(mean + spread, 0)),
    minor: radius * Math.sqrt(Math.max(mean - spread, 0)),
    angle: Math.atan2(2 * sxy, sxx - syy) / 2,
  };
}

/**
 * The radius of a point in CSS pixels, by the number of landmarks.
 * @param {number} landmarks
 */
export function pointRadius(landmarks) {
  return landmarks <= 30 ? 5 : landmarks <= 80 ? 4 : 3;
}

/**
 * Where each landmark is drawn, in CSS pixels: at its label, else at its prediction. Landmarks of hidden groups are
 * left out.
 * @param {Scene} scene
 * @param {Viewport} viewport
 * @returns {Marker[]}
 */
export function markers(scene, viewport) {
  /** @type {Marker[]} */
  const found = [];
  for (const landmark of scene.definition?.landmarks ?? []) {
    if (scene.hiddenGroups.has(landmark.group)) continue;
    /** @type {Point | undefined} */
    const point = scene.points[landmark.id];
    /** @type {Prediction | undefined} */
    const prediction = scene.predictions[landmark.id];
    const place = point ?? prediction;
    if (!place || place.x === null) continue;
    const [x, y] = viewport.toScreen(place.x, place.y);
    found.push({ landmark, x, y, point, prediction: point ? undefined : prediction });
  }
  return found;
}

/**
 * Draws everything over the picture.
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {Scene} scene
 */
export function drawScene(context, viewport, scene) {
  drawBox(context, viewport, scene);
  if (scene.showPoints) drawBeside(context, viewport, scene);
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

/**
 * Small faint dots that nothing can take hold of.
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {Scene} scene
 */
function drawBeside(context, viewport, { beside }) {
  const dots = new Path2D();
  for (const place of beside) {
    const [x, y] = viewport.toScreen(...place);
    dots.moveTo(x + 2.5, y);
    dots.arc(x, y, 2.5, 0, 2 * Math.PI);
  }
  context.globalAlpha = 0.6;
  context.lineWidth = 2;
  context.strokeStyle = "#000";
  context.stroke(dots);
  context.fillStyle = "#fff";
  context.fill(dots);
  context.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {Scene} scene
 * @param {Marker[]} marks
 * @param {number} radius
 */
function drawMarks(context, viewport, scene, marks, radius) {
  for (const mark of marks) if (mark.prediction && spreads(mark, scene)) drawEllipse(context, viewport, mark, scene);
  drawWrongFrom(context, viewport, scene, marks);
  // Doubtful points last, so that nothing hides them.
  /** @param {Marker} mark */
  const doubtful = (mark) => Number(Boolean(mark.prediction?.flagged));
  for (const mark of [...marks].sort((a, b) => doubtful(a) - doubtful(b))) {
    if (mark.prediction) drawPrediction(context, mark, radius, scene);
    else drawPoint(context, mark, radius);
  }
  drawRing(context, scene, marks, radius);
}

/**
 * Whether the ellipse of a prediction is drawn. The ellipses of 189 points without a flag would hide the face.
 * @param {Marker} mark
 * @param {Scene} scene
 */
function spreads({ landmark: { id }, prediction }, { certainEllipses, current, hover }) {
  return certainEllipses || Boolean(prediction?.flagged) || id === current || id === hover;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {Scene} scene
 */
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
  for (const [style, thickness] of /** @type {const} */ ([
    ["rgb(0 0 0 / 60%)", 3],
    ["#fff", 1],
  ])) {
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

/**
 * Draws edges: full lines between labels, dashed ones where an end is a prediction.
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {Marker[]} marks
 */
function drawEdges(context, scene, marks) {
  const places = new Map(marks.map((mark) => [mark.landmark.id, mark]));
  const [full, dashed] = [new Path2D(), new Path2D()];
  for (const [a, b] of scene.definition?.edges ?? []) {
    const [from, to] = [places.get(a), places.get(b)];
    if (!from || !to) continue;
    const lines = from.prediction || to.prediction ? dashed : full;
    lines.moveTo(from.x, from.y);
    lines.lineTo(to.x, to.y);
  }
  context.save();
  context.lineCap = "round";
  for (const lines of [full, dashed]) {
    context.setLineDash(lines === dashed ? [3, 5] : []);
    for (const [style, thickness] of /** @type {const} */ ([
      ["rgb(0 0 0 / 40%)", 3],
      ["rgb(255 255 255 / 75%)", 1.2],
    ])) {
      context.strokeStyle = style;
      context.lineWidth = thickness;
      context.stroke(lines);
    }
  }
  context.restore();
}

/**
 * Strokes a glyph in dark, then in white, so that it shows on any picture.
 * @param {CanvasRenderingContext2D} context
 * @param {Path2D} path
 * @param {string} color
 * @param {{ fill?: boolean, width?: number }} [options]
 */
function halo(context, path, color, { fill = true, width = 2 } = {}) {
  const dark = "rgb(0 0 0 / 70%)";
  /** @type {[number, string][]} */
  const strokes = fill
    ? [
        [width + 3, dark],
        [width, "#fff"],
      ]
    : [
        [width + 3.5, dark],
        [width + 1.5, "#fff"],
        [width, color],
      ];
  for (const [thickness, style] of strokes) {
    context.lineWidth = thickness;
    context.strokeStyle = style;
    context.stroke(path);
  }
  if (!fill) return;
  context.fillStyle = color;
  context.fill(path);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Marker} mark
 * @param {number} radius
 */
function drawPoint(context, { landmark, x, y, point }, radius) {
  const path = new Path2D();
  // A hidden landmark is a ring, through which the picture can be seen.
  const hidden = point?.v === 1;
  path.arc(x, y, hidden ? radius : radius - 0.5, 0, 2 * Math.PI);
  halo(context, path, COLORS[landmark.group], { fill: !hidden, width: hidden ? 2 : 1.5 });
}

/**
 * @param {number} x
 * @param {number} y
 * @param {number} r
 */
function diamond(x, y, r) {
  const path = new Path2D();
  path.moveTo(x, y - r);
  path.lineTo(x + r, y);
  path.lineTo(x, y + r);
  path.lineTo(x - r, y);
  path.closePath();
  return path;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Marker} mark
 * @param {number} radius
 * @param {Scene} scene
 */
function drawPrediction(context, { landmark, x, y, prediction }, radius, scene) {
  if (prediction?.flagged) {
    halo(context, diamond(x, y, radius + 4), DOUBT);
    context.fillStyle = "#000";
    context.fillRect(x - 1, y - 4, 2, 5);
    context.fillRect(x - 1, y + 2, 2, 2);
    return;
  }
  context.globalAlpha = scene.dimCertain ? 0.5 : 1;
  halo(context, diamond(x, y, radius + 0.5), COLORS[landmark.group], { fill: false, width: 1.5 });
  context.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {Marker} mark
 * @param {Scene} scene
 */
function drawEllipse(context, viewport, { landmark, x, y, prediction }, scene) {
  if (!prediction) return;
  const { major, minor, angle } = ellipseOf(prediction.cov, prediction.radius90);
  const path = new Path2D();
  path.ellipse(x, y, Math.max(major * viewport.scale, 1), Math.max(minor * viewport.scale, 1), angle, 0, 2 * Math.PI);
  // Only the current doubtful point is filled: nine filled ellipses would hide the face.
  const filled = prediction.flagged && landmark.id === scene.current;
  context.globalAlpha = filled ? 1 : prediction.flagged ? 0.6 : scene.dimCertain ? 0.35 : 0.8;
  context.lineWidth = filled ? 4 : 2.5;
  context.strokeStyle = "rgb(0 0 0 / 55%)";
  context.stroke(path);
  context.lineWidth = filled ? 2 : 1;
  context.strokeStyle = prediction.flagged ? DOUBT : COLORS[landmark.group];
  context.stroke(path);
  if (filled) {
    context.globalAlpha = 0.16;
    context.fillStyle = DOUBT;
    context.fill(path);
  }
  context.globalAlpha = 1;
}

/**
 * Draws how far off the current prediction is wrong: a dotted circle, unlike the ellipses and the ring.
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {Scene} scene
 * @param {Marker[]} marks
 */
function drawWrongFrom(context, viewport, { wrongRadius, current }, marks) {
  const mark = marks.find(({ landmark, prediction }) => landmark.id === current && prediction);
  if (!mark || !wrongRadius) return;
  const circle = new Path2D();
  circle.arc(mark.x, mark.y, wrongRadius * viewport.scale, 0, 2 * Math.PI);
  context.save();
  context.lineCap = "round";
  context.setLineDash([0.1, 6]);
  strokeOnDark(context, circle, { width: 1.5, halo: 2 });
  context.restore();
}

/**
 * Draws a ring around the current point.
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {Marker[]} marks
 * @param {number} radius
 */
function drawRing(context, scene, marks, radius) {
  const current = marks.find((mark) => mark.landmark.id === scene.current);
  if (!current) return;
  const ring = new Path2D();
  ring.arc(current.x, current.y, radius + (current.prediction?.flagged ? 9 : 5), 0, 2 * Math.PI);
  strokeOnDark(context, ring);
}

/**
 * Draws the keyboard's cross.
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {Scene} scene
 */
function drawCursor(context, viewport, scene) {
  if (scene.cursor) drawCross(context, ...viewport.toScreen(...scene.cursor), 4, 14, { halo: 2.5 });
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {Scene} scene
 * @param {Marker[]} marks
 * @param {number} radius
 */
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

/**
 * Writes a name to the right of (x, y), or to the left where there is no room.
 * @param {CanvasRenderingContext2D} context
 * @param {Viewport} viewport
 * @param {string} name
 * @param {number} x
 * @param {number} y
 */
function drawName(context, { width, rem }, name, x, y) {
  drawTag(context, name, (wide) => [x + wide > width ? x - wide - 26 : x, y], { rem });
}
