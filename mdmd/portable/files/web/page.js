// The page: a picture or the camera goes in, a box may be dragged, and points with ellipses are drawn. Nothing is sent.

import { toCoco } from "./coco.js";
import { DOUBTFUL, draw } from "./drawing.js";
import { Model, openModel, readRecord, reason } from "./model.js";
import { findFace, Follower, isFace } from "./search.js";

/** @import { Box } from "./crop.js" */
/** @import { Shown } from "./drawing.js" */
/** @import { Face, ModelRecord } from "./model.js" */

// A smaller drag, in CSS pixels, is a click.
const CLICK = 6;
// How far from a point, in CSS pixels, the pointer shows its name.
const NEAR = 14;
// Frames over which the rate is averaged.
const RATED = 10;

/**
 * @template {HTMLElement} T
 * @param {string} id @param {new () => T} kind
 * @returns {T}
 */
function element(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`no ${id} on the page`);
  return found;
}

const view = element("view", HTMLCanvasElement);
const stage = element("stage", HTMLDivElement);
const file = element("file", HTMLInputElement);
const camera = element("camera", HTMLButtonElement);
const again = element("again", HTMLButtonElement);
const save = element("save", HTMLButtonElement);
const status = element("status", HTMLParagraphElement);
const rate = element("rate", HTMLParagraphElement);
const table = element("points", HTMLTableElement);
const useBox = element("use-box", HTMLButtonElement);
const fields = ["x", "y", "w", "h"].map((name) => element(`box-${name}`, HTMLInputElement));

class Page {
  /** @param {ModelRecord} record @param {Model} model */
  constructor(record, model) {
    this.record = record;
    this.model = model;
    // The pixels that are looked at, upright and in their full size.
    this.canvas = document.createElement("canvas");
    this.pixels = new ImageData(1, 1);
    this.name = "";
    /** @type {Shown} */
    this.shown = { image: this.canvas, size: { width: 1, height: 1 }, face: null, box: null, pointed: -1 };
    // Raised with each thing that a person asks for; what began before that ends.
    this.turn = 0;
    /** @type {MediaStream | null} */
    this.stream = null;
    this.follower = new Follower(model);
    // The box that the next frame of the camera is looked at in, and whether one is being dragged.
    /** @type {Box | null} */
    this.dragged = null;
    this.dragging = false;
    this.rows = record.landmarks.map((name, k) => this.row(name, k));
  }

  /** @param {string} name @param {number} k */
  row(name, k) {
    const row = document.createElement("tr");
    row.append(document.createElement("td"), document.createElement("td"));
    row.cells[0].textContent = name;
    row.addEventListener("pointerenter", () => this.point(k));
    row.addEventListener("pointerleave", () => this.point(-1));
    table.tBodies[0].append(row);
    return row;
  }

  listen() {
    file.addEventListener("change", () => {
      if (file.files?.[0]) void this.open(file.files[0]);
      file.value = "";
    });
    camera.addEventListener("click", () => void (this.stream ? this.stop() : this.follow()));
    again.addEventListener("click", () => {
      this.follower = new Follower(this.model);
      if (!this.stream) void this.search();
    });
    save.addEventListener("click", () => this.download());
    element("box", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      const [x, y, w, h] = fields.map((field) => field.valueAsNumber);
      void this.use({ x, y, w, h });
    });
    stage.addEventListener("dragover", (event) => {
      event.preventDefault();
      stage.classList.add("over");
    });
    stage.addEventListener("dragleave", () => stage.classList.remove("over"));
    stage.addEventListener("drop", (event) => {
      event.preventDefault();
      stage.classList.remove("over");
      const dropped = event.dataTransfer?.files[0];
      if (dropped) void this.open(dropped);
    });
    view.addEventListener("pointerdown", (event) => this.drag(event));
    view.addEventListener("pointermove", (event) => this.point(this.nearest(event)));
    view.addEventListener("pointerleave", () => this.point(-1));
    view.addEventListener("keydown", (event) => this.step(event));
    new ResizeObserver(() => this.fit()).observe(stage);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.redraw());
    for (const control of [file, camera]) control.disabled = false;
  }

  /** @param {File} chosen */
  async open(chosen) {
    this.stop();
    const turn = ++this.turn;
    say("Opening the picture …");
    let image;
    try {
      image = await createImageBitmap(chosen);
    } catch {
      say(`${chosen.name} is no picture that this browser can open.`, true);
      return;
    }
    if (turn !== this.turn) return;
    try {
      this.take(image, image.width, image.height);
    } catch {
      say(`${chosen.name} has ${image.width} × ${image.height} pixels, more than this browser can hold.`, true);
      return;
    } finally {
      image.close();
    }
    this.name = chosen.name;
    this.show(null, null);
    await this.search();
  }

  /**
   * Make an image the pixels that are looked at. What is transparent is laid over white, as in training.
   * @param {CanvasImageSource} image @param {number} width @param {number} height
   */
  take(image, width, height) {
    const resized = this.canvas.width !== width || this.canvas.height !== height;
    if (resized) Object.assign(this.canvas, { width, height });
    const context = this.canvas.getContext("2d", { willReadFrequently: true });
    if (!context) throw new Error("no canvas");
    context.fillStyle = "white";
    context.fillRect(0, 0, width, height);
    context.drawImage(image, 0, 0);
    this.pixels = context.getImageData(0, 0, width, height);
    this.shown.size = { width, height };
    view.hidden = false;
    element("empty", HTMLParagraphElement).hidden = true;
    useBox.disabled = false;
    if (resized) this.fit();
  }

  /** Look for the face in the whole picture. */
  async search() {
    const turn = ++this.turn;
    say("Looking for the face …");
    await this.working(async () => {
      const face = await findFace(this.model, this.pixels, () => this.breathes(turn));
      if (face === null || turn !== this.turn) return;
      this.show(face, face.box);
      say(isFace(this.model, face) ? "Drag a box if it is not this face." : "No face was found for sure: drag a box around it.");
    });
  }

  /**
   * Look at the face in a box; with the camera, in the next frame.
   * @param {Box} box
   */
  async use(box) {
    this.dragged = box;
    if (this.stream) return;
    const turn = ++this.turn;
    this.show(null, box);
    await this.working(async () => {
      const face = await this.model.look(this.pixels, box);
      if (turn !== this.turn) return;
      this.show(face, box);
      say("These are the points of the face in your box.");
    });
  }

  /** Follow a face with the camera, each frame from the points in the last one, until it is stopped. */
  async follow() {
    const turn = ++this.turn;
    if (!navigator.mediaDevices) {
      say("A browser gives the camera only to pages from https or from this machine (127.0.0.1 or localhost).", true);
      return;
    }
    say("Waiting for the camera …");
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" }, audio: false });
    } catch (error) {
      say(`There is no camera, or it is not allowed: ${reason(error)}`, true);
      return;
    }
    if (turn !== this.turn) {
      for (const track of stream.getTracks()) track.stop();
      return;
    }
    this.stream = stream;
    this.follower = new Follower(this.model);
    this.dragged = null;
    for (const track of stream.getTracks()) track.addEventListener("ended", () => this.stop());
    this.name = "camera";
    camera.textContent = "Stop the camera";
    again.disabled = false;
    await this.working(() => this.frames(stream, turn));
  }

  /** @param {MediaStream} stream @param {number} turn */
  async frames(stream, turn) {
    const video = document.createElement("video");
    Object.assign(video, { muted: true, playsInline: true, srcObject: stream });
    await video.play();
    /** @type {number[]} */
    const times = [];
    while (turn === this.turn) {
      await frame(video);
      if (turn !== this.turn) break;
      this.take(video, video.videoWidth, video.videoHeight);
      if (this.dragging) {
        this.redraw();
        continue;
      }
      const face = await this.follower.next(this.pixels, this.dragged);
      this.dragged = null;
      if (turn !== this.turn) break;
      this.show(face, face?.box ?? null);
      say(face ? "Following the face. Drag a box to follow another one." : "Looking for a face. You can drag a box around it.");
      times.push(performance.now());
      if (times.length > RATED) times.shift();
      if (times.length > 1) {
        const mean = (times[times.length - 1] - times[0]) / (times.length - 1);
        rate.textContent = `${(1000 / mean).toFixed(1)} frames a second`;
        rate.hidden = false;
      }
    }
  }

  stop() {
    this.turn++;
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    if (this.stream) say("The camera is off.");
    this.stream = null;
    rate.hidden = true;
    camera.textContent = "Use the camera";
  }

  /** Whether the turn goes on, after the page had time for what else happened. @param {number} turn */
  async breathes(turn) {
    await new Promise((done) => setTimeout(done));
    return turn === this.turn;
  }

  /** @param {() => Promise<void>} work */
  async working(work) {
    try {
      await work();
    } catch (error) {
      this.stop();
      say(`This did not work: ${reason(error)}`, true);
    }
  }

  /** @param {Face | null} face @param {Box | null} box */
  show(face, box) {
    Object.assign(this.shown, { face, box });
    again.disabled = false;
    save.disabled = face === null;
    table.hidden = face === null;
    if (face) {
      face.off.forEach((off, k) => {
        this.rows[k].cells[1].textContent = `${Math.round(100 * off)} %`;
        this.rows[k].classList.toggle("doubtful", off > DOUBTFUL);
      });
    }
    if (box && !fields.some((field) => field === document.activeElement)) {
      [box.x, box.y, box.w, box.h].forEach((value, k) => {
        fields[k].value = value.toFixed(1);
      });
    }
    this.redraw();
  }

  /** As wide as there is room, and no higher than most of the window. */
  fit() {
    const { width, height } = this.shown.size;
    const wide = Math.min(stage.clientWidth, (0.75 * window.innerHeight * width) / height);
    view.style.width = `${wide}px`;
    view.style.height = `${(wide * height) / width}px`;
    this.redraw();
  }

  redraw() {
    if (!view.hidden) draw(view, this.shown, this.record);
  }

  /** @param {PointerEvent} event @returns {[number, number]} in pixels of the picture */
  place(event) {
    const scale = this.shown.size.width / view.clientWidth;
    return [event.offsetX * scale, event.offsetY * scale];
  }

  /** @param {PointerEvent} event */
  drag(event) {
    if (event.button !== 0) return;
    view.setPointerCapture(event.pointerId);
    const before = this.shown.box;
    const [left, top] = this.place(event);
    const least = (CLICK * this.shown.size.width) / view.clientWidth;
    /** @param {PointerEvent} moved @returns {Box} */
    const box = (moved) => {
      const [x, y] = this.place(moved);
      return { x: Math.min(left, x), y: Math.min(top, y), w: Math.abs(x - left), h: Math.abs(y - top) };
    };
    /** @param {PointerEvent} moved */
    const move = (moved) => {
      this.shown.box = box(moved);
      this.redraw();
    };
    const listening = new AbortController();
    /** @param {Box | null} drawn */
    const end = (drawn) => {
      listening.abort();
      this.dragging = false;
      if (drawn && Math.min(drawn.w, drawn.h) >= least) {
        void this.use(drawn);
      } else {
        this.shown.box = before;
        this.redraw();
      }
    };
    this.dragging = true;
    view.addEventListener("pointermove", move, listening);
    view.addEventListener("pointerup", (up) => end(box(up)), listening);
    view.addEventListener("pointercancel", () => end(null), listening);
  }

  /** The landmark under the pointer, -1 if there is none. @param {PointerEvent} event */
  nearest(event) {
    const [x, y] = this.place(event);
    let least = (NEAR * this.shown.size.width) / view.clientWidth;
    let found = -1;
    this.shown.face?.points.forEach(([left, top], k) => {
      const distance = Math.hypot(left - x, top - y);
      if (distance < least) [least, found] = [distance, k];
    });
    return found;
  }

  /** @param {number} k */
  point(k) {
    if (k === this.shown.pointed) return;
    this.rows[this.shown.pointed]?.classList.remove("pointed");
    this.shown.pointed = this.shown.face ? k : -1;
    this.rows[this.shown.pointed]?.classList.add("pointed");
    this.redraw();
  }

  /** Arrow keys go from landmark to landmark. @param {KeyboardEvent} event */
  step(event) {
    const by = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    const face = this.shown.face;
    if (!by || !face) return;
    event.preventDefault();
    const count = this.rows.length;
    const k = this.shown.pointed < 0 ? (by > 0 ? 0 : count - 1) : (this.shown.pointed + by + count) % count;
    this.point(k);
    this.rows[k].scrollIntoView({ block: "nearest" });
    const [x, y] = face.points[k];
    const off = Math.round(100 * face.off[k]);
    say(`${this.record.landmarks[k]}: ${x.toFixed(1)}, ${y.toFixed(1)}; chance off: ${off} %.`);
  }

  download() {
    const face = this.shown.face;
    if (!face) return;
    const coco = toCoco(this.record, face, { name: this.name, ...this.shown.size });
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(coco)], { type: "application/json" }));
    link.download = `${this.name.replace(/\.\w+$/, "") || "picture"}.json`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href));
  }
}

/** @param {string} words */
function say(words, problem = false) {
  if (status.textContent !== words) status.textContent = words;
  status.classList.toggle("problem", problem);
}

/** The next frame of a video. @param {HTMLVideoElement} video @returns {Promise<void>} */
function frame(video) {
  return new Promise((done) => {
    if ("requestVideoFrameCallback" in video) video.requestVideoFrameCallback(() => done());
    else requestAnimationFrame(() => done());
  });
}

/** @param {ModelRecord} record */
function introduce(record) {
  document.title = record.name;
  element("name", HTMLHeadingElement).textContent = record.name;
  element("about", HTMLParagraphElement).textContent = `A model of ${record.landmarks.length} landmarks on faces.`;
  element("off", HTMLParagraphElement).textContent =
    `A point is off if it is wrong by more than ${Number((100 * record.tolerance).toFixed(2))} % of the size that errors ` +
    "are divided by.";
  element("limits", HTMLParagraphElement).textContent = record.limits;
  const list = element("origin", HTMLUListElement);
  for (const sentence of [...record.figures, ...record.origin]) {
    const item = document.createElement("li");
    item.textContent = sentence;
    list.append(item);
  }
}

element("not-served", HTMLElement).hidden = true;
element("tool", HTMLDivElement).hidden = false;
try {
  const record = await readRecord();
  introduce(record);
  const page = new Page(record, await openModel(record));
  page.listen();
  say("Ready.");
} catch (error) {
  say(reason(error), true);
}
