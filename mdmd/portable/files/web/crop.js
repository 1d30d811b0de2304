// How a face is cut from a picture: the pixels that the model learned from, as Pillow and mdmd compute them. A canvas
// would resize otherwise, and move points.

/** @typedef {{ x: number, y: number, w: number, h: number }} Box in pixels of the picture */
/** @typedef {{ x: number, y: number, side: number, size: number }} Square its corner and side, and its pixels a side */
/** @typedef {{ width: number, height: number, data: Uint8ClampedArray }} Pixels RGBA, row by row, such as ImageData */

// The picture is first averaged over whole pixels, down to at most twice what is needed. Pillow: reducing_gap.
const GAP = 2;

/**
 * The square around the middle of a box whose side is `scale` times the box's longer side.
 * @param {Box} box @param {number} scale @param {number} size
 * @returns {Square}
 */
export function faceSquare(box, scale, size) {
  const side = scale * Math.max(box.w, box.h);
  return { x: box.x + (box.w - side) / 2, y: box.y + (box.h - side) / 2, side, size };
}

/**
 * The pixels in a square, black outside the picture: all red ones row by row, then the green and the blue ones.
 * @param {Pixels} picture @param {Square} square
 * @returns {Uint8Array} of length 3 * size * size
 */
export function cut(picture, square) {
  const { x, y, size } = square;
  const pixel = square.side / size;
  const [first, last] = reached(x, pixel, size, picture.width);
  const [top, bottom] = reached(y, pixel, size, picture.height);
  const out = new Uint8Array(3 * size * size);
  const columns = last - first;
  const rows = bottom - top;
  if (columns <= 0 || rows <= 0) return out;
  const shown = resize(
    picture,
    [x + first * pixel, y + top * pixel, x + last * pixel, y + bottom * pixel],
    columns,
    rows,
  );
  for (let channel = 0; channel < 3; channel++) {
    for (let row = 0; row < rows; row++) {
      const start = (channel * size + top + row) * size + first;
      for (let column = 0; column < columns; column++) {
        out[start + column] = shown[3 * (row * columns + column) + channel];
      }
    }
  }
  return out;
}

/**
 * Which of `size` crop pixels, each `pixel` long, overlap a picture from 0 to `extent`, and one more on either side.
 * @param {number} start @param {number} pixel @param {number} size @param {number} extent
 * @returns {[number, number]} the first one, and the one after the last
 */
function reached(start, pixel, size, extent) {
  /** @param {number} k */
  const within = (k) => Math.max(0, Math.min(k, size));
  return [within(Math.floor(-start / pixel) - 1), within(Math.ceil((extent - start) / pixel) + 1)];
}

/**
 * The part [left, top, right, bottom] of a picture as RGB, `columns` times `rows` pixels. Pillow: crop, then
 * resize(BILINEAR, box, reducing_gap=2).
 * @param {Pixels} picture @param {[number, number, number, number]} part @param {number} columns @param {number} rows
 */
function resize(picture, part, columns, rows) {
  const across = reducedAxis(part[0], part[2], columns);
  const down = reducedAxis(part[1], part[3], rows);
  const reduced = reduce(picture, across, down);
  const wide = weights(across.from, across.to, across.count, columns);
  const high = weights(down.from, down.to, down.count, rows);
  const between = new Uint8ClampedArray(3 * columns * down.count);
  for (let row = 0; row < down.count; row++) {
    for (let column = 0; column < columns; column++) {
      const { start, shares } = wide[column];
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let k = 0; k < shares.length; k++) {
        const at = 3 * (row * across.count + start + k);
        red += shares[k] * reduced[at];
        green += shares[k] * reduced[at + 1];
        blue += shares[k] * reduced[at + 2];
      }
      const at = 3 * (row * columns + column);
      between[at] = red;
      between[at + 1] = green;
      between[at + 2] = blue;
    }
  }
  const out = new Uint8ClampedArray(3 * columns * rows);
  for (let row = 0; row < rows; row++) {
    const { start, shares } = high[row];
    for (let column = 0; column < 3 * columns; column++) {
      let sum = 0;
      for (let k = 0; k < shares.length; k++) sum += shares[k] * between[3 * columns * (start + k) + column];
      out[3 * columns * row + column] = sum;
    }
  }
  return out;
}

/**
 * One axis of the reduced part: `count` averages of `step` picture pixels from `first` on, and where the part begins
 * and ends among them.
 * @typedef {{ first: number, length: number, step: number, count: number, from: number, to: number }} Axis
 */

/**
 * @param {number} start @param {number} end @param {number} count
 * @returns {Axis}
 */
function reducedAxis(start, end, count) {
  const left = Math.floor(start);
  const extent = Math.max(Math.ceil(end), left + 1) - left;
  const from = start - left;
  const to = end - left;
  const scale = (to - from) / count;
  const step = Math.max(1, Math.floor(scale / GAP));
  if (step === 1) return { first: left, length: extent, step, count: extent, from, to };
  const safe = Math.max(0, Math.trunc(from - scale / 2));
  const length = Math.min(extent, Math.ceil(to + scale / 2)) - safe;
  const whole = Math.ceil(length / step);
  return { first: left + safe, length, step, count: whole, from: (from - safe) / step, to: (to - safe) / step };
}

/**
 * Averages over blocks of a part of a picture, as RGB; black outside the picture.
 * @param {Pixels} picture @param {Axis} across @param {Axis} down
 */
function reduce(picture, across, down) {
  const { width, height, data } = picture;
  const out = new Uint8Array(3 * across.count * down.count);
  const sums = new Float64Array(3 * across.count);
  for (let row = 0; row < down.count; row++) {
    sums.fill(0);
    const above = row * down.step;
    const below = Math.min(above + down.step, down.length);
    for (let y = Math.max(above, -down.first); y < below && down.first + y < height; y++) {
      const line = (down.first + y) * width;
      const most = Math.min(across.length, width - across.first);
      for (let x = Math.max(0, -across.first); x < most; x++) {
        const from = 4 * (line + across.first + x);
        const to = 3 * (across.step === 1 ? x : Math.floor(x / across.step));
        sums[to] += data[from];
        sums[to + 1] += data[from + 1];
        sums[to + 2] += data[from + 2];
      }
    }
    for (let column = 0; column < across.count; column++) {
      const averaged = (below - above) * Math.min(across.step, across.length - column * across.step);
      for (let k = 0; k < 3; k++) {
        out[3 * (row * across.count + column) + k] = Math.floor(sums[3 * column + k] / averaged + 0.5);
      }
    }
  }
  return out;
}

/**
 * What each of `count` pixels is made of, if those from `from` to `to` of `length` are resized: a triangle, whose half
 * width is a pixel of the result, and at least one of the source.
 * @param {number} from @param {number} to @param {number} length @param {number} count
 */
function weights(from, to, length, count) {
  const scale = (to - from) / count;
  const reach = Math.max(scale, 1);
  const found = [];
  for (let k = 0; k < count; k++) {
    const center = from + (k + 0.5) * scale;
    const start = Math.max(0, Math.trunc(center - reach + 0.5));
    const end = Math.min(length, Math.trunc(center + reach + 0.5));
    const shares = new Float64Array(Math.max(0, end - start));
    let sum = 0;
    for (let n = 0; n < shares.length; n++) {
      shares[n] = Math.max(0, 1 - Math.abs((start + n + 0.5 - center) / reach));
      sum += shares[n];
    }
    if (sum > 0) for (let n = 0; n < shares.length; n++) shares[n] /= sum;
    found.push({ start, shares });
  }
  return found;
}
