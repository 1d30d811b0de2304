// A face drawn of the twelve groups: each region shows how many landmarks it has, and gives the group to one.

import { COLOURS, groupTitle } from "../shell/definition.js";

const SVG = "http://www.w3.org/2000/svg";

function polar(x, y, rx, ry, degrees) {
  const angle = (degrees * Math.PI) / 180;
  return `${(x + rx * Math.cos(angle)).toFixed(1)} ${(y + ry * Math.sin(angle)).toFixed(1)}`;
}

/** A piece of a ring between two ellipses around (x, y), clockwise from one angle to another. */
function band(x, y, [rx, ry], thickness, from, to) {
  const [ix, iy] = [rx - thickness, ry - thickness];
  return (
    `M${polar(x, y, rx, ry, from)}A${rx} ${ry} 0 0 1 ${polar(x, y, rx, ry, to)}` +
    `L${polar(x, y, ix, iy, to)}A${ix} ${iy} 0 0 0 ${polar(x, y, ix, iy, from)}Z`
  );
}

const ellipse = (x, y, rx, ry) => `M${x - rx} ${y}a${rx} ${ry} 0 1 0 ${2 * rx} 0a${rx} ${ry} 0 1 0 ${-2 * rx} 0Z`;

const contour = (from, to) => band(60, 56, [52, 54], 13, from, to);

// In the order of the groups: the region, and where its number stands.
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

const made = (tag, attributes) => {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
};

export class GroupFace {
  /** `onChoose(group)`: a region was clicked, or chosen with Enter or Space. */
  constructor(onChoose) {
    this.element = made("svg", { viewBox: "6 22 108 90", role: "group", "aria-label": "Semantic groups" });
    this.element.classList.add("group-face");
    this.regions = REGIONS.map(([path, x, y], group) => {
      const region = made("g", { role: "button", tabindex: group ? "-1" : "0", "aria-pressed": "false" });
      region.style.setProperty("--colour", COLOURS[group]);
      region.title = made("title", {});
      region.count = made("text", { x, y });
      region.append(region.title, made("path", { d: path }), region.count);
      region.addEventListener("click", () => onChoose(group));
      region.addEventListener("keydown", (event) => this.key(event, group, onChoose));
      return region;
    });
    this.element.append(...this.regions);
  }

  /** `chosen`: the group that is marked, or null. */
  show(landmarks, chosen) {
    this.regions.forEach((region, group) => {
      const members = landmarks.filter((landmark) => landmark.group === group).length;
      const title = `${groupTitle(group)}: ${members || "no"} landmark${members === 1 ? "" : "s"}`;
      region.classList.toggle("lit", members > 0);
      region.count.textContent = members || "";
      region.title.textContent = title;
      region.setAttribute("aria-label", title);
      region.setAttribute("aria-pressed", String(group === chosen));
    });
  }

  // One stop for Tab; the arrow keys go from region to region.
  key(event, group, onChoose) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step && event.key !== "Enter" && event.key !== " ") return;
    event.preventDefault();
    event.stopPropagation();
    if (!step) return onChoose(group);
    const next = (group + step + this.regions.length) % this.regions.length;
    this.regions.forEach((region, k) => region.setAttribute("tabindex", k === next ? "0" : "-1"));
    this.regions[next].focus();
  }
}
