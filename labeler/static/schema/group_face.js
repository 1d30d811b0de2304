// A drawn face of the twelve groups: each region shows the number of its landmarks, and a click assigns its group.

import { COLORS, groupTitle } from "../shell/definition.js";

/** @import { Landmark, Size } from "../shell/types.js" */

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {number} x
 * @param {number} y
 * @param {number} rx
 * @param {number} ry
 * @param {number} degrees
 */
function polar(x, y, rx, ry, degrees) {
  const angle = (degrees * Math.PI) / 180;
  return `${(x + rx * Math.cos(angle)).toFixed(1)} ${(y + ry * Math.sin(angle)).toFixed(1)}`;
}

/**
 * A piece of a ring between two ellipses around (x, y), clockwise from one angle to another.
 * @param {number} x
 * @param {number} y
 * @param {Size} radii
 * @param {number} thickness
 * @param {number} from
 * @param {number} to
 */
function band(x, y, [rx, ry], thickness, from, to) {
  const [ix, iy] = [rx - thickness, ry - thickness];
  return (
    `M${polar(x, y, rx, ry, from)}A${rx} ${ry} 0 0 1 ${polar(x, y, rx, ry, to)}` +
    `L${polar(x, y, ix, iy, to)}A${ix} ${iy} 0 0 0 ${polar(x, y, ix, iy, from)}Z`
  );
}

/**
 * @param {number} x
 * @param {number} y
 * @param {number} rx
 * @param {number} ry
 */
const ellipse = (x, y, rx, ry) => `M${x - rx} ${y}a${rx} ${ry} 0 1 0 ${2 * rx} 0a${rx} ${ry} 0 1 0 ${-2 * rx} 0Z`;

/**
 * @param {number} from
 * @param {number} to
 */
const contour = (from, to) => band(60, 56, [52, 54], 13, from, to);

/**
 * In the order of the groups: the region, and where its number stands.
 * @type {[path: string, x: number, y: number][]}
 */
const REGIONS = [
  [contour(158, 205), 14.5, 56],
  [contour(114, 156), 26, 90],
  [contour(68, 112), 60, 107],
  [contour(24, 66), 94, 90],
  [contour(-25, 22), 105.5, 56],
  [ellipse(40, 50, 13, 8), 40, 53.5],
  [ellipse(80, 50, 13, 8), 80, 53.5],
  [band(40, 44, [17, 16], 9, 200, 340), 40, 36],
  [band(80, 44, [17, 16], 9, 200, 340), 80, 36],
  ["M60 45 70 70Q60 77 50 70Z", 60, 68],
  ["M38 84Q50 74 60 78Q70 74 82 84Z", 60, 84],
  ["M38 86H82Q70 98 60 98Q50 98 38 86Z", 60, 94.5],
];

/**
 * @template {keyof SVGElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {Record<string, string | number>} attributes
 * @returns {SVGElementTagNameMap[Tag]}
 */
const made = (tag, attributes) => {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, String(value));
  return element;
};

export class GroupFace {
  /**
   * `onChoose(group)`: a region was clicked, or chosen with Enter or Space.
   * @param {(group: number) => unknown} onChoose
   */
  constructor(onChoose) {
    this.element = made("svg", { viewBox: "6 22 108 90", role: "group", "aria-label": "The twelve groups of a face" });
    this.element.classList.add("group-face");
    this.regions = REGIONS.map(([path, x, y], group) => {
      const region = made("g", { role: "button", tabindex: group ? "-1" : "0", "aria-pressed": "false" });
      region.style.setProperty("--color", COLORS[group]);
      const title = made("title", {});
      const count = made("text", { x, y });
      region.append(title, made("path", { d: path }), count);
      region.addEventListener("click", () => onChoose(group));
      region.addEventListener("keydown", (event) => this.key(event, group, onChoose));
      return { region, title, count };
    });
    this.element.append(...this.regions.map(({ region }) => region));
  }

  /**
   * `chosen`: the group that is marked, or null.
   * @param {Landmark[]} landmarks
   * @param {number | null} chosen
   */
  show(landmarks, chosen) {
    this.regions.forEach(({ region, title: tip, count }, group) => {
      const members = landmarks.filter((landmark) => landmark.group === group).length;
      const title = `${groupTitle(group)}: ${members || "no"} landmark${members === 1 ? "" : "s"}`;
      region.classList.toggle("lit", members > 0);
      count.textContent = members ? String(members) : "";
      tip.textContent = title;
      region.setAttribute("aria-label", title);
      region.setAttribute("aria-pressed", String(group === chosen));
    });
  }

  /**
   * The face is one stop for Tab; the arrow keys move from region to region.
   * @param {KeyboardEvent} event
   * @param {number} group
   * @param {(group: number) => unknown} onChoose
   */
  key(event, group, onChoose) {
    const step = /^Arrow(Right|Down)$/.test(event.key) ? 1 : /^Arrow(Left|Up)$/.test(event.key) ? -1 : 0;
    if (!step && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    if (!step) return onChoose(group);
    const next = (group + step + this.regions.length) % this.regions.length;
    this.regions.forEach(({ region }, k) => region.setAttribute("tabindex", k === next ? "0" : "-1"));
    this.regions[next].region.focus();
  }
}
