// Where each landmark lies on a face, as a small drawing: from the reference picture where there is one, else a
// plausible place from its group, its mirror partner and its order.

import { COLOURS } from "../shell/definition.js";
import { el } from "../shell/dom.js";

// Per group: the curve on which its landmarks lie, t from 0 to 1 in the unit square of the drawing.
const arc = (x, y, rx, ry, from, to) => (t) => {
  const angle = (from + (to - from) * t) * (Math.PI / 180);
  return [x + rx * Math.cos(angle), y + ry * Math.sin(angle)];
};
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
const EYES = { 5: [0.31, 0.38], 6: [0.69, 0.38] };
const MIDLINE = {
  9: { top: 0.42, bottom: 0.59, spread: 0.09, y: 0.61 },
  10: { top: 0.69, bottom: 0.74, spread: 0.19, y: 0.74 },
  11: { top: 0.79, bottom: 0.83, spread: 0.15, y: 0.78 },
};

/** Unit-square places {id: [x, y]} for every landmark of a definition. */
export function unitPlaces(definition) {
  const places = {};
  const byGroup = new Map();
  for (const landmark of definition.landmarks) {
    if (!byGroup.has(landmark.group)) byGroup.set(landmark.group, []);
    byGroup.get(landmark.group).push(landmark);
  }
  for (const [group, members] of byGroup) {
    if (MIDLINE[group]) placeMidline(MIDLINE[group], members, places);
    else members.forEach((landmark, k) => (places[landmark.id] = placeAside(group, k, members.length)));
  }
  return places;
}

function placeAside(group, k, count) {
  if (!EYES[group]) return CURVES[group](count === 1 ? 0.5 : k / (count - 1));
  const [x, y] = EYES[group];
  if (count === 1) return [x, y];
  const angle = Math.PI + (2 * Math.PI * k) / count;
  return [x + 0.1 * Math.cos(angle), y + 0.045 * Math.sin(angle)];
}

// On the midline, a mirror pair lies left and right of it and the unpaired ones go down it in order.
function placeMidline({ top, bottom, spread, y }, members, places) {
  const ids = new Set(members.map((landmark) => landmark.id));
  const single = members.filter((landmark) => !ids.has(landmark.mirror));
  const pairs = members.filter((landmark, k) => members.slice(k + 1).some((other) => other.id === landmark.mirror));
  pairs.forEach((landmark, k) => {
    const width = spread * (1 - 0.6 * (k / Math.max(pairs.length, 1)));
    places[landmark.id] = [0.5 - width, y - 0.03 * (k / Math.max(pairs.length, 1))];
    places[landmark.mirror] = [0.5 + width, y - 0.03 * (k / Math.max(pairs.length, 1))];
  });
  single.forEach((landmark, k) => {
    places[landmark.id] = [0.5, single.length === 1 ? bottom : top + ((bottom - top) * k) / (single.length - 1)];
  });
}

/** Of each of the twelve groups, points of the unit square that lie where its landmarks usually do. */
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

/** A small face that shows where `current` belongs. */
export class Schematic {
  constructor(root) {
    this.canvas = el("canvas.schematic", { "aria-hidden": "true" });
    this.caption = el("div.schematic-caption", { "aria-live": "polite" });
    root.append(this.canvas, this.caption);
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  /** `reference`: {image, points: {id: [x, y]}} or null. */
  show({ definition, current, labeled, reference, caption }) {
    Object.assign(this, { definition, current, labeled, reference });
    this.caption.textContent = caption;
    this.draw();
  }

  draw() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (!width || !this.definition) return;
    const ratio = window.devicePixelRatio || 1;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    const context = this.canvas.getContext("2d");
    context.scale(ratio, ratio);
    const places = this.reference
      ? this.referencePlaces(context, width, height)
      : this.drawnPlaces(context, width, height);
    const ink = getComputedStyle(this.canvas).color;
    const radius = this.definition.landmarks.length > 60 ? 1.7 : 2.6;
    for (const { id, group } of this.definition.landmarks) {
      if (!places[id] || id === this.current) continue;
      context.globalAlpha = this.labeled.has(id) ? 1 : 0.55;
      dot(context, places[id], radius, COLOURS[group], this.reference ? "#000" : ink);
    }
    context.globalAlpha = 1;
    const landmark = this.definition.landmarks.find(({ id }) => id === this.current);
    if (!landmark || !places[landmark.id]) return;
    dot(context, places[landmark.id], 5.5, COLOURS[landmark.group], "#000");
    context.beginPath();
    context.arc(...places[landmark.id], 9.5, 0, 2 * Math.PI);
    context.lineWidth = 2;
    context.strokeStyle = getComputedStyle(this.canvas).getPropertyValue("--accent");
    context.stroke();
  }

  drawnPlaces(context, width, height) {
    const size = Math.min(width, (height - 12) / 1.04); // the outline reaches from -0.12 to 0.92
    const at = ([x, y]) => [(width - size) / 2 + x * size, 6 + (y + 0.12) * size];
    context.strokeStyle = getComputedStyle(this.canvas).color;
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
    return Object.fromEntries(Object.entries(unitPlaces(this.definition)).map(([id, place]) => [id, at(place)]));
  }

  referencePlaces(context, width, height) {
    const { image, points, size } = this.reference;
    const shown = Object.values(points);
    const [xs, ys] = [shown.map(([x]) => x), shown.map(([, y]) => y)];
    const reach = Math.max(Math.max(...xs) - Math.min(...xs), Math.max(...ys) - Math.min(...ys), 8) * 1.35;
    const scale = Math.min(width, height) / reach;
    const [cx, cy] = [(Math.max(...xs) + Math.min(...xs)) / 2, (Math.max(...ys) + Math.min(...ys)) / 2];
    const at = ([x, y]) => [width / 2 + (x - cx) * scale, height / 2 + (y - cy) * scale];
    context.globalAlpha = 0.8;
    const [left, top] = at([0, 0]);
    context.drawImage(image, left, top, size[0] * scale, size[1] * scale);
    context.globalAlpha = 1;
    return Object.fromEntries(Object.entries(points).map(([id, point]) => [id, at(point)]));
  }
}

function dot(context, [x, y], radius, colour, ink) {
  context.beginPath();
  context.arc(x, y, radius, 0, 2 * Math.PI);
  context.fillStyle = colour;
  context.strokeStyle = ink;
  context.lineWidth = 1;
  context.fill();
  context.stroke();
}
