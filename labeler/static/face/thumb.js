// A picture in a strip: a canvas, whose pixels go with its row. Those of an <img> stay for as long as the browser likes:
// 47 MB after 300 pictures.

import { load } from "../canvas/pictures.js";
import { el } from "../shell/dom.js";

export function thumb(url) {
  const canvas = el("canvas.thumb", { width: 0, height: 0 });
  draw(canvas, url);
  return canvas;
}

async function draw(canvas, url) {
  // Rows that a quick scroll passes by are gone by the next frame, and nothing is asked for.
  await new Promise(requestAnimationFrame);
  const bitmap = canvas.isConnected && (await load(url).catch(() => null)); // the canvas says what is wrong with a picture
  if (!bitmap) return;
  const { width, height } = bitmap;
  if (canvas.isConnected) {
    Object.assign(canvas, { width, height });
    canvas.getContext("2d").drawImage(bitmap, 0, 0);
  }
  bitmap.close();
}
