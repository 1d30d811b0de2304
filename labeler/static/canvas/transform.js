// Moving, scaling and turning a shape as a whole: pure geometry in image pixels.
//
// Every function returns new places and keeps the form of the shape: at the edge of the picture the whole shape stops.

/** @import { Box, Place, Position, Positions, Size } from "../shell/types.js" */

/**
 * The upright rectangle around the places; null when there are none.
 * @param {Positions} places
 * @returns {Box | null}
 */
export function bounds(places) {
  const all = Object.values(places);
  if (!all.length) return null;
  const [xs, ys] = [all.map(({ x }) => x), all.map(({ y }) => y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  return [left, top, Math.max(...xs) - left, Math.max(...ys) - top];
}

/**
 * Moves every place by (dx, dy), or by as much of it as the picture allows.
 * @param {Positions} places
 * @param {number} dx
 * @param {number} dy
 * @param {Size} size
 */
export function move(places, dx, dy, [width, height]) {
  const around = bounds(places);
  if (!around) return places;
  const [x, y, w, h] = around;
  const sx = limit(dx, -x, width - x - w);
  const sy = limit(dy, -y, height - y - h);
  return mapped(places, (place) => [place.x + sx, place.y + sy]);
}

/**
 * Scales by `factor` about the fixed point [cx, cy]; by less where the picture ends.
 * @param {Positions} places
 * @param {number} factor
 * @param {Place} center
 * @param {Size} size
 */
export function scale(places, factor, [cx, cy], [width, height]) {
  let most = Infinity;
  for (const { x, y } of Object.values(places)) most = Math.min(most, reach(x, cx, width), reach(y, cy, height));
  const by = Math.min(factor, Math.max(most, 1));
  return mapped(places, ({ x, y }) => [cx + (x - cx) * by, cy + (y - cy) * by]);
}

/**
 * Turns by `angle` (radians, clockwise on the screen) about [cx, cy], then moves the shape back into the picture.
 * @param {Positions} places
 * @param {number} angle
 * @param {Place} center
 * @param {Size} size
 */
export function turn(places, angle, [cx, cy], size) {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const turned = mapped(places, ({ x, y }) => [
    cx + (x - cx) * cos - (y - cy) * sin,
    cy + (x - cx) * sin + (y - cy) * cos,
  ]);
  return pushedBack(turned, size);
}

/**
 * The smallest move that brings the shape into the picture; a shape larger than the picture is centered on it.
 * @param {Positions} places
 * @param {Size} size
 */
function pushedBack(places, [width, height]) {
  const around = bounds(places);
  if (!around) return places;
  /** @type {(from: number, extent: number, whole: number) => number} */
  const back = (from, extent, whole) =>
    extent > whole ? (whole - extent) / 2 - from : Math.max(-from, 0) + Math.min(whole - from - extent, 0);
  const [x, y, w, h] = around;
  const [dx, dy] = [back(x, w, width), back(y, h, height)];
  return mapped(places, (place) => [place.x + dx, place.y + dy]);
}

/**
 * `value` between the bounds, which are widened to include 0: no movement.
 * @param {number} value
 * @param {number} least
 * @param {number} most
 */
function limit(value, least, most) {
  return Math.min(Math.max(value, Math.min(least, 0)), Math.max(most, 0));
}

/**
 * The factor by which the distance of `at` from `center` can grow until `at` meets 0 or `end`.
 * @param {number} at
 * @param {number} center
 * @param {number} end
 */
function reach(at, center, end) {
  if (at > center) return (end - center) / (at - center);
  if (at < center) return center / (center - at);
  return Infinity;
}

/**
 * @param {Positions} places
 * @param {(place: Position) => Place} to
 * @returns {Positions}
 */
function mapped(places, to) {
  return Object.fromEntries(
    Object.entries(places).map(([id, place]) => {
      const [x, y] = to(place);
      return [id, { x, y }];
    }),
  );
}
