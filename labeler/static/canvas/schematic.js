// Where each landmark lies on a face, as a small drawing: from the reference picture where there is one, else at a plausible
// place from its group, its mirror partner and its order.

import { COLORS } from "../shell/definition.js";
import { el } from "../shell/dom.js";

/** @import { Definition, Landmark, LoadedReference, Place, Places } from "../shell/types.js" */

/** @typedef {(t: number) => Place} Curve  From t = 0 to 1, in the unit square of the drawing. */

/**
 * A piece of an ellipse, between two angles in degrees.
 * @param {number} x
 * @param {number} y
 * @param {number} rx
 * @param {number} ry
 * @param {number} from
 * @param {number} to
 * @returns {Curve}
 */
const arc = (x, y, rx, ry, from, to) => (t) => {
  const angle = (from + (to - from) * t) * (Math.PI / 180);
  return [x + rx * Math.cos(angle), y + ry * Math.sin(angle)];
};
/** By group: the curve on which its landmarks lie. @type {(Curve | null)[]} */
const CURVES = [
  arc(0.5, 0.4, 0.42, 0.52, 190, 160),
  arc(0.5, 0.4, 0.42, 0.52, 150, 118),
  arc(0.5, 0.4, 0.42, 0.52, 106, 74),
  arc(0.5, 0.4, 0.42, 0.52, 62, 30),
  arc(0.5, 0.4, 0.42, 0.52, 20, -10),
  null,
  null,
  arc(0.31, 0.32, 0.15, 0.1, 195, 345),
  arc(0.69, 0.32, 0.15, 0.1, 195, 345),
  null,
  null,
  null,
];
/** @type {Record<number, Place>} */
const EYES = { 5: [0.31, 0.38], 6: [0.69, 0.38] };
/** @typedef {{ top: number, bottom: number, spread: number, y: number }} Midline */

/** @type {Record<number, Midline>} */
const MIDLINE = {
  9: { top: 0.42, bottom: 0.59, spread: 0.09, y: 0.61 },
  10: { top: 0.69, bottom: 0.74, spread: 0.19, y: 0.74 },
  11: { top: 0.79, bottom: 0.83, spread: 0.15, y: 0.78 },
};

/**
 * Places in the unit square for every landmark of a definition.
 * @param {Definition} definition
 * @returns {Places}
 */
export function unitPlaces(definition) {
  /** @type {Places} */
  const places = {};
  /** @type {Map<number, Landmark[]>} */
  const byGroup = new Map();
  for (const landmark of definition.landmarks) {
    byGroup.set(landmark.group, [...(byGroup.get(landmark.group) ?? []), landmark]);
  }
  for (const [group, members] of byGroup) {
    if (MIDLINE[group]) placeMidline(MIDLINE[group], members, places);
    else members.forEach((landmark, k) => (places[landmark.id] = placeAside(group, k, members.length)));
  }
  return places;
}

/**
 * The place of the k-th of `count` landmarks of a group beside the midline.
 * @param {number} group
 * @param {number} k
 * @param {number} count
 * @returns {Place}
 */
function placeAside(group, k, count) {
  const curve = CURVES[group];
  if (curve) return curve(count === 1 ? 0.5 : k / (count - 1));
  const [x, y] = EYES[group];
  if (count === 1) return [x, y];
  const angle = Math.PI + (2 * Math.PI * k) / count;
  return [x + 0.1 * Math.cos(angle), y + 0.045 * Math.sin(angle)];
}

/**
 * On the midline, mirror pairs lie left and right of it; the others follow it downwards in their order.
 * @param {Midline} midline
 * @param {Landmark[]} members
 * @param {Places} places
 */
function placeMidline({ top, bottom, spread, y }, members, places) {
  const ids = new Set(members.map((landmark) => landmark.id));
  const single = members.filter((landmark) => landmark.mirror === null || !ids.has(landmark.mirror));
  const pairs = members.filter((landmark, k) => members.slice(k + 1).some((other) => other.id === landmark.mirror));
  pairs.forEach((landmark, k) => {
    const width = spread * (1 - 0.6 * (k / Math.max(pairs.length, 1)));
    places[landmark.id] = [0.5 - width, y - 0.03 * (k / Math.max(pairs.length, 1))];
    if (landmark.mirror) places[landmark.mirror] = [0.5 + width, y - 0.03 * (k / Math.max(pairs.length, 1))];
  });
  single.forEach((landmark, k) => {
    places[landmark.id] = [0.5, single.length === 1 ? bottom : top + ((bottom - top) * k) / (single.length - 1)];
  });
}

/**
 * For each of the twelve groups, points of the unit square where its landmarks usually lie.
 * @returns {Place[][]}
 */
export function usualPlaces() {
  return CURVES.map((curve, group) => {
    if (EYES[group]) return [0, 1, 2, 3].map((k) => placeAside(group, k, 4));
    if (curve) return [0, 0.25, 0.5, 0.75, 1].map(curve);
    const { top, bottom, spread, y } = MIDLINE[group];
    return [
      [0.5, top],
      [0.5, bottom],
      [0.5 - spread, y],
      [0.5 + spread, y],
    ];
  });
}

/**
 * @typedef {object} Content
 * @property {Definition} definition
 * @property {string | null} current
 * @property {Set<string>} labeled
 * @property {LoadedReference | null} reference
 * @property {string} caption
 */

/** A small face that shows where the current landmark belongs. */
export class Schematic {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.canvas = el("canvas.schematic", { "aria-hidden": "true" });
    this.caption = el("div.schematic-caption", { "aria-live": "polite" });
    root.append(this.canvas, this.caption);
    /** @type {Content | null} */
    this.content = null;
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  /** @param {Content} content */
  show(content) {
    this.content = content;
    this.caption.textContent = content.caption;
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !this.content) return;
    const { definition, current, labeled, reference } = this.content;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    const context = /** @type {CanvasRenderingContext2D} */ (this.canvas.getContext("2d"));
    context.scale(ratio, ratio);
    const ink = getComputedStyle(this.canvas).color;
    const places = reference
      ? referencePlaces(context, reference, width, height)
      : drawnPlaces(context, definition, ink, width, height);
    const radius = definition.landmarks.length > 60 ? 1.7 : 2.6;
    for (const { id, group } of definition.landmarks) {
      if (!places[id] || id === current) continue;
      context.globalAlpha = labeled.has(id) ? 1 : 0.55;
      dot(context, places[id], radius, COLORS[group], reference ? "#000" : ink);
    }
    context.globalAlpha = 1;
    const landmark = definition.landmarks.find(({ id }) => id === current);
    if (!landmark || !places[landmark.id]) return;
    dot(context, places[landmark.id], 5.5, COLORS[landmark.group], "#000");
    context.beginPath();
    context.arc(...places[landmark.id], 9.5, 0, 2 * Math.PI);
    context.lineWidth = 2;
    context.strokeStyle = getComputedStyle(this.canvas).getPropertyValue("--accent");
    context.stroke();
  }
}

/**
 * Draws a face and gives the places of the landmarks on it.
 * @param {CanvasRenderingContext2D} context
 * @param {Definition} definition
 * @param {string} ink
 * @param {number} width
 * @param {number} height
 * @returns {Places}
 */
function drawnPlaces(context, definition, ink, width, height) {
  const size = Math.min(width, (height - 12) / 1.04); // the outline reaches from -0.12 to 0.92
  /** @type {(place: Place) => Place} */
  const at = ([x, y]) => [(width - size) / 2 + x * size, 6 + (y + 0.12) * size];
  context.strokeStyle = ink;
  context.globalAlpha = 0.25;
  context.lineWidth = 1.2;
  for (const outline of [
    arc(0.5, 0.4, 0.42, 0.52, 0, 360),
    arc(0.31, 0.38, 0.1, 0.045, 0, 360),
    arc(0.69, 0.38, 0.1, 0.045, 0, 360),
    arc(0.5, 0.74, 0.19, 0.06, 0, 360),
    arc(0.5, 0.58, 0.07, 0.04, 0, 180),
  ]) {
    context.beginPath();
    for (let t = 0; t <= 1.001; t += 0.02) context.lineTo(...at(outline(t)));
    context.stroke();
  }
  context.globalAlpha = 1;
  return Object.fromEntries(Object.entries(unitPlaces(definition)).map(([id, place]) => [id, at(place)]));
}

/**
 * Draws the reference picture and gives the places of the landmarks on it.
 * @param {CanvasRenderingContext2D} context
 * @param {LoadedReference} reference
 * @param {number} width
 * @param {number} height
 * @returns {Places}
 */
function referencePlaces(context, { image, points, size }, width, height) {
  const shown = Object.values(points);
  const [xs, ys] = [shown.map(([x]) => x), shown.map(([, y]) => y)];
  const reach = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys), 8) * 1.35;
  const scale = Math.min(width, height) / reach;
  const [cx, cy] = [(Math.max(...xs) + Math.min(...xs)) / 2, (Math.max(...ys) + Math.min(...ys)) / 2];
  /** @type {(place: Place) => Place} */
  const at = ([x, y]) => [width / 2 + (x - cx) * scale, height / 2 + (y - cy) * scale];
  context.globalAlpha = 0.8;
  const [left, top] = at([0, 0]);
  context.drawImage(image, left, top, size[0] * scale, size[1] * scale);
  context.globalAlpha = 1;
  return Object.fromEntries(Object.entries(points).map(([id, point]) => [id, at(point)]));
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Place} place
 * @param {number} radius
 * @param {string} color
 * @param {string} ink
 */
function dot(context, [x, y], radius, color, ink) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = color;
  context.strokeStyle = ink;
  context.lineWidth = 1;
  context.fill();
  context.stroke();
}
