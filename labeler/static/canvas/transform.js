// Moving, scaling and turning a shape as a whole: pure geometry on places {id: {x, y}} in image pixels.
//
// Every function returns new places and keeps the form of the shape: where the picture ends, the whole shape stops.
// `size` is [width, height] of the picture.

/** The upright rectangle [x, y, w, h] around the places; null when there is none. */
export function bounds(places) {
  const all = Object.values(places);
  if (!all.length) return null;
  const [xs, ys] = [all.map(({ x }) => x), all.map(({ y }) => y)];
  const [left, top] = [Math.min(...xs), Math.min(...ys)];
  return [left, top, Math.max(...xs) - left, Math.max(...ys) - top];
}

/** Every place moved by (dx, dy), or by as much of it as the picture allows. */
export function move(places, dx, dy, [width, height]) {
  const around = bounds(places);
  if (!around) return places;
  const [x, y, w, h] = around;
  const sx = limit(dx, -x, width - x - w);
  const sy = limit(dy, -y, height - y - h);
  return mapped(places, (place) => [place.x + sx, place.y + sy]);
}

/** Scaled by `factor` about the point [cx, cy], which stays; by less where the picture ends. */
export function scale(places, factor, [cx, cy], [width, height]) {
  let most = Infinity;
  for (const { x, y } of Object.values(places)) most = Math.min(most, reach(x, cx, width), reach(y, cy, height));
  const by = Math.min(factor, Math.max(most, 1));
  return mapped(places, ({ x, y }) => [cx + (x - cx) * by, cy + (y - cy) * by]);
}

/** Turned by `angle` (radians, clockwise on the screen) about [cx, cy], then pushed back into the picture. */
export function turn(places, angle, [cx, cy], size) {
  const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
  const turned = mapped(places, ({ x, y }) => [
    cx + (x - cx) * cos - (y - cy) * sin,
    cy + (x - cx) * sin + (y - cy) * cos,
  ]);
  return pushedBack(turned, size);
}

// The least move that brings into the picture what fits into it; what is larger than the picture is centred on it.
function pushedBack(places, [width, height]) {
  const around = bounds(places);
  if (!around) return places;
  const back = (from, extent, whole) =>
    extent > whole ? (whole - extent) / 2 - from : Math.max(-from, 0) + Math.min(whole - from - extent, 0);
  const [x, y, w, h] = around;
  const [dx, dy] = [back(x, w, width), back(y, h, height)];
  return mapped(places, (place) => [place.x + dx, place.y + dy]);
}

// `value` between the bounds, each of which is widened to allow standing still.
function limit(value, least, most) {
  return Math.min(Math.max(value, Math.min(least, 0)), Math.max(most, 0));
}

// By how much the distance of `at` from `centre` may grow until it meets 0 or `end`.
function reach(at, centre, end) {
  if (at > centre) return (end - centre) / (at - centre);
  if (at < centre) return centre / (centre - at);
  return Infinity;
}

function mapped(places, to) {
  return Object.fromEntries(
    Object.entries(places).map(([id, place]) => {
      const [x, y] = to(place);
      return [id, { x, y }];
    }),
  );
}
