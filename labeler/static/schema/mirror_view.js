// The reference picture as a mirror shows it: flipped, with every landmark at the place of its partner.

/** @import { CanvasImage, Draft, Places } from "../shell/types.js" */

/** @param {CanvasImage | null} image */
export function mirroredImage(image) {
  if (!image) return null;
  const turned = document.createElement("canvas");
  turned.width = image.width;
  turned.height = image.height;
  const context = /** @type {CanvasRenderingContext2D} */ (turned.getContext("2d"));
  context.translate(turned.width, 0);
  context.scale(-1, 1);
  context.drawImage(image, 0, 0);
  return turned;
}

/**
 * Places in the mirrored picture, which is `width` pixels wide: a landmark lies where its partner was.
 * @param {Draft} draft
 * @param {number} width
 * @returns {Places}
 */
export function mirroredPlaces({ landmarks, places }, width) {
  /** @type {Places} */
  const turned = {};
  for (const { id, mirror } of landmarks) {
    const place = places[mirror ?? id];
    if (place) turned[id] = [width - place[0], place[1]];
  }
  return turned;
}
