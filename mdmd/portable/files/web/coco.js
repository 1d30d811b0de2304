// Points as COCO JSON, as example.py of an exported model prints them.

/** @import { Face, ModelRecord } from "./model.js" */

const DIGITS = 4;

/**
 * @param {ModelRecord} record @param {Face} face
 * @param {{ name: string, width: number, height: number }} picture
 */
export function toCoco(record, face, picture) {
  const mean = face.off.reduce((sum, one) => sum + one, 0) / face.off.length;
  const { x, y, w, h } = face.box;
  return {
    images: [{ id: 1, file_name: picture.name, width: picture.width, height: picture.height }],
    annotations: [
      {
        id: 1,
        image_id: 1,
        category_id: 1,
        bbox: [x, y, w, h],
        attributes: {
          source: "predicted",
          covariance: face.covariances.map((one) => one.map(rounded)),
          p_off: face.off.map(rounded),
        },
        keypoints: face.points.flatMap(([left, top]) => [rounded(left), rounded(top), 2]),
        score: rounded(1 - mean),
      },
    ],
    categories: [record.category],
  };
}

/** @param {number} value */
function rounded(value) {
  return Number(value.toFixed(DIGITS));
}
