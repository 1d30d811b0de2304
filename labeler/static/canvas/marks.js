// Small marks that several drawings share. All show on any picture: light on dark.

/** `halo`: CSS pixels of dark on both sides of the line together. */
export function strokeOnDark(context, path, { colour = "#fff", width = 1.5, halo = 2 } = {}) {
  context.lineWidth = width + halo;
  context.strokeStyle = "rgb(0 0 0 / 70%)";
  context.stroke(path);
  context.lineWidth = width;
  context.strokeStyle = colour;
  context.stroke(path);
}

/** A cross with a free middle: its four arms reach from `inner` to `outer`. */
export function drawCross(context, x, y, inner, outer, style) {
  const cross = new Path2D();
  for (const [dx, dy] of [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ]) {
    cross.moveTo(x + inner * dx, y + inner * dy);
    cross.lineTo(x + outer * dx, y + outer * dy);
  }
  strokeOnDark(context, cross, style);
}

/** `words` on a dark plate. `place(width)` gives its left end and its middle's height; `rem`: the browser's text size. */
export function drawTag(context, words, place, { rem, colour = "#fff" }) {
  context.font = `${0.75 * rem}px system-ui, sans-serif`;
  const width = context.measureText(words).width + 10;
  const height = 1.125 * rem;
  const [left, middle] = place(width);
  context.fillStyle = "rgb(15 18 24 / 82%)";
  context.beginPath();
  context.roundRect(left, middle - height / 2, width, height, 4);
  context.fill();
  context.fillStyle = colour;
  context.textBaseline = "middle";
  context.fillText(words, left + 5, middle + 0.5);
}
