// The reference picture as a mirror shows it: turned around, every landmark in the place of its partner.

export function mirroredImage(image) {
  if (!image) return null;
  const turned = document.createElement("canvas");
  turned.width = image.width;
  turned.height = image.height;
  const context = turned.getContext("2d");
  context.translate(turned.width, 0);
  context.scale(-1, 1);
  context.drawImage(image, 0, 0);
  return turned;
}

/** Places {id: [x, y]} in the mirrored picture, `width` pixels wide: a landmark lies where its partner was. */
export function mirroredPlaces({ landmarks, places }, width) {
  const turned = {};
  for (const { id, mirror } of landmarks) {
    const place = places[mirror ?? id];
    if (place) turned[id] = [width - place[0], place[1]];
  }
  return turned;
}
