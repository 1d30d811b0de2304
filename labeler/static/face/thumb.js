// A picture in a strip: a canvas, whose pixels are freed with its row. Browsers keep those of an <img> for as long as they like:
// 47 MB after 300 pictures.

import { load } from "../canvas/pictures.js";
import { el } from "../shell/dom.js";

/** @param {string} url */
export function thumb(url) {
  const canvas = el("canvas.thumb", { width: 0, height: 0 });
  draw(canvas, url);
  return canvas;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {string} url
 */
async function draw(canvas, url) {
  // Rows that quick scrolling passes are removed by the next frame, so their pictures are not loaded.
  await new Promise(requestAnimationFrame);
  const bitmap = canvas.isConnected && (await load(url).catch(() => null)); // the main canvas shows the reason
  if (!bitmap) return;
  const { width, height } = bitmap;
  if (canvas.isConnected) {
    Object.assign(canvas, { width, height });
    canvas.getContext("2d")?.drawImage(bitmap, 0, 0);
  }
  bitmap.close();
}
