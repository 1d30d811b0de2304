// The model of this folder, run by ONNX Runtime, and what model.json says of it.

import { cut, faceSquare } from "./crop.js";

/** @import { Box, Pixels } from "./crop.js" */

/**
 * What is used of onnxruntime-web.
 * @typedef {{ data: ArrayLike<number>, dims: readonly number[] }} Tensor
 * @typedef {{ run(given: Record<string, Tensor>): Promise<Record<string, Tensor>> }} Session
 * @typedef {object} Runtime
 * @property {{ wasm: { numThreads?: number, wasmPaths?: { wasm: string } } }} env
 * @property {new (type: string, data: Uint8Array | Float32Array, dims: number[]) => Tensor} Tensor
 * @property {{ create(model: Uint8Array, options: { executionProviders: string[] }): Promise<Session> }} InferenceSession
 */

/**
 * A face in pixels of the picture: its box, its points, their covariances (xx, xy, yy) in square pixels, and the
 * probability of each point that it is off by more than the model's tolerance.
 * @typedef {object} Face
 * @property {Box} box
 * @property {[number, number][]} points
 * @property {[number, number, number][]} covariances
 * @property {number[]} off
 */

/**
 * What is used of model.json.
 * @typedef {object} ModelRecord
 * @property {string} name
 * @property {{ size: number, scale: number }} crop
 * @property {number | null} boxScale
 * @property {number} tolerance
 * @property {number} radius90
 * @property {string[]} landmarks
 * @property {unknown} category
 * @property {string[]} origin sentences on what it learned from
 * @property {string[]} figures sentences on how good it is
 * @property {string} limits
 */

const FORMAT = 1;
const RUNTIME = "./onnxruntime-web/ort.js";
const WASM = "./onnxruntime-web/ort-wasm-simd-threaded.wasm";
// More threads gain little, and leave no core for the page.
const MOST_THREADS = 4;

export class Model {
  /** @param {ModelRecord} record @param {Runtime} runtime @param {Session} session */
  constructor(record, runtime, session) {
    this.record = record;
    this.runtime = runtime;
    this.session = session;
  }

  /** How large a face's box is in sizes of the box of its points; null if that is not known. */
  get boxScale() {
    return this.record.boxScale;
  }

  /**
   * The points of the face in a box.
   * @param {Pixels} picture @param {Box} box
   * @returns {Promise<Face>}
   */
  async look(picture, box) {
    const { size, scale } = this.record.crop;
    const square = faceSquare(box, scale, size);
    const pixel = square.side / size;
    const crops = new this.runtime.Tensor("uint8", cut(picture, square), [1, 3, size, size]);
    const boxes = new this.runtime.Tensor("float32", Float32Array.of(box.w / pixel, box.h / pixel), [1, 2]);
    const found = await this.session.run({ crops, boxes });
    const points = found.points.data;
    const spread = found.covariances.data;
    /** @type {Face} */
    const face = { box, points: [], covariances: [], off: [] };
    for (let k = 0; k < this.record.landmarks.length; k++) {
      face.points.push([square.x + pixel * points[2 * k], square.y + pixel * points[2 * k + 1]]);
      face.covariances.push([
        pixel ** 2 * spread[4 * k],
        pixel ** 2 * spread[4 * k + 1],
        pixel ** 2 * spread[4 * k + 3],
      ]);
      face.off.push(found.p_off.data[k]);
    }
    return face;
  }
}

/** What model.json in this folder says. Throws an Error whose message is a sentence. */
export async function readRecord() {
  const content = await fetched("model.json");
  /** @type {unknown} */
  let told;
  try {
    told = JSON.parse(new TextDecoder().decode(content));
  } catch {
    throw new Error("model.json is not JSON: export the model again.");
  }
  const record = object(told);
  if (record.format !== FORMAT) throw new Error(`model.json does not describe a model of format ${FORMAT}.`);
  const crop = object(record.crop);
  const category = object(record.category);
  const landmarks = strings(category.keypoints);
  if (landmarks.length === 0) throw new Error("model.json names no landmarks: export the model again.");
  return {
    file: String(record.file),
    sha256: String(record.sha256),
    name: String(record.name),
    crop: { size: positive(crop, "size"), scale: positive(crop, "scale") },
    boxScale: record.box_scale === null ? null : positive(record, "box_scale"),
    tolerance: positive(record, "tolerance"),
    radius90: positive(object(record.calibration), "radius90"),
    landmarks,
    category,
    origin: strings(record.origin),
    figures: strings(record.quality),
    limits: String(record.limits ?? ""),
  };
}

/**
 * The model of this folder. Throws an Error whose message is a sentence.
 * @param {ModelRecord & { file: string, sha256: string }} record
 */
export async function openModel(record) {
  const content = await fetched("model.onnx");
  if (globalThis.crypto?.subtle && (await sha256(content)) !== record.sha256) {
    throw new Error("model.onnx is not the file that model.json describes: copy the whole folder again.");
  }
  /** @type {Runtime} */
  let runtime;
  try {
    runtime = await import(new URL(RUNTIME, import.meta.url).href);
  } catch {
    throw new Error("onnxruntime-web/ort.js cannot be loaded: copy the whole folder again.");
  }
  // Threads share memory, which a browser allows only where the server isolates the page.
  runtime.env.wasm.numThreads = globalThis.crossOriginIsolated
    ? Math.min(MOST_THREADS, navigator.hardwareConcurrency)
    : 1;
  runtime.env.wasm.wasmPaths = { wasm: new URL(WASM, import.meta.url).href };
  try {
    const session = await runtime.InferenceSession.create(content, { executionProviders: ["wasm"] });
    return new Model(record, runtime, session);
  } catch (error) {
    throw new Error(`ONNX Runtime cannot load model.onnx: ${reason(error)}`);
  }
}

/** @param {unknown} error */
export function reason(error) {
  return error instanceof Error ? error.message : String(error);
}

/** @param {string} name */
async function fetched(name) {
  let response;
  try {
    response = await fetch(new URL(name, import.meta.url));
  } catch {
    throw new Error(`${name} cannot be loaded: the server does not answer.`);
  }
  if (!response.ok) throw new Error(`${name} cannot be loaded: the server says ${response.status}.`);
  return new Uint8Array(await response.arrayBuffer());
}

/** @param {Uint8Array<ArrayBuffer>} content */
async function sha256(content) {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * @param {unknown} found
 * @returns {Record<string, unknown>}
 */
function object(found) {
  return typeof found === "object" && found !== null ? { ...found } : {};
}

/** @param {unknown} found */
function strings(found) {
  return Array.isArray(found) ? found.map(String) : [];
}

/** @param {Record<string, unknown>} within @param {string} key */
function positive(within, key) {
  const found = within[key];
  if (typeof found === "number" && Number.isFinite(found) && found > 0) return found;
  throw new Error(`model.json: ${key} is ${String(found).slice(0, 60)}, wanted a number above 0.`);
}
