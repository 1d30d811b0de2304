// Accepting many faces unseen: those below a limit of doubt. A dialog explains this and shows some of the faces first. The whole
// batch can be taken back, then or later. It needs the server: nothing of it waits in the browser.

import { drawScene } from "../canvas/drawing.js";
import { load } from "../canvas/pictures.js";
import { Viewport } from "../canvas/viewport.js";
import { extent } from "../face/face.js";
import { openDialog } from "../shell/dialog.js";
import { el, toast } from "../shell/dom.js";
import { ApiError } from "../shell/session.js";

/** @import { Batch, Command, FaceView, UnseenPreview } from "../shell/types.js" */
/** @import { ReviewPage } from "./review.js" */

const SAMPLE = 12;
const PAUSE_MS = 200;
/** A crop is drawn as on a view of this many pixels and shown smaller, so that its marks are small too. */
const CROP = 260;
/** The initial limit, as a share of a face's points. */
const SHARE = 0.02;
/**
 * @param {number} count
 * @param {string} noun
 */
const plural = (count, noun) => `${count.toLocaleString("en")} ${noun}${count === 1 ? "" : "s"}`;

/** What the limit is about: the points expected to be wrong, or the most doubtful point. @typedef {"expected" | "worst"} Measure */

export class Unseen {
  /** @param {ReviewPage} page */
  constructor(page) {
    this.page = page;
    /** @type {Measure} */
    this.measure = "expected";
    /** @type {{ expected: number | null, worst: number }} */
    this.limits = { expected: null, worst: 0.05 };
    /** The newest preview that was asked for. @type {symbol | null} */
    this.asked = null;
    /** @type {UnseenPreview | null} */
    this.found = null;
    /** @type {HTMLDialogElement | null} */
    this.dialog = null;
    this.would = el("p.would", { role: "status" });
    this.sample = el("div.sample");
    this.sampleTitle = el("h3");
    this.others = el("button.plain.small", { type: "button", text: "Others", onclick: () => this.preview() });
    this.sampleHead = el("div.sample-head", {}, this.sampleTitle, this.others);
    this.last = el("p.last-batch", { hidden: true });
    this.yes = el("button.primary", { type: "button", disabled: true, onclick: () => this.accept() });
  }

  open() {
    const { page, limits } = this;
    const { definition } = page.editor;
    if (this.dialog?.isConnected || !definition) return;
    page.editor.flush();
    limits.expected ??= Math.max(Math.round(10 * SHARE * definition.landmarks.length), 1) / 10;
    this.would.replaceChildren();
    this.sample.replaceChildren();
    this.sampleTitle.textContent = "";
    this.last.hidden = true;
    const fields = {
      expected: this.limit("expected", "At most ", " wrong points expected in a face", { step: 0.1, scale: 1 }),
      worst: this.limit("worst", "No point wrong with a probability above ", " %", { step: 1, max: 100, scale: 100 }),
    };
    const body = el(
      "div.dialog-body.unseen",
      {},
      el("p.soft", {
        text: "Their predictions become labels without review. History and export mark them, and you can take them back.",
      }),
      fields.expected.row,
      fields.worst.row,
      this.would,
      this.last,
      this.sampleHead,
      this.sample,
    );
    const cancel = el("button.plain", { type: "button", text: "Cancel", onclick: () => this.close() });
    this.dialog = openDialog(page.root, "Accept faces unseen", body, [cancel, this.yes]).dialog;
    this.dialog.addEventListener("close", () => page.editor.canvas.element.focus({ preventScroll: true }));
    const { field } = fields[this.measure];
    field.focus();
    field.select();
    this.preview();
  }

  close() {
    this.dialog?.close();
  }

  /**
   * A radio button with a field for its limit.
   * @param {Measure} measure
   * @param {string} before
   * @param {string} after
   * @param {{ scale: number, step: number, max?: number }} bounds `scale`: what is shown per unit of the limit
   */
  limit(measure, before, after, { scale, ...bounds }) {
    const { limits } = this;
    const radio = el("input", { type: "radio", name: "measure", checked: this.measure === measure });
    const label = (before + after).replaceAll(/\s+/g, " ").trim();
    const field = el("input.field", { type: "number", min: 0, ...bounds, value: (limits[measure] ?? 0) * scale, "aria-label": label });
    radio.addEventListener("change", () => {
      this.measure = measure;
      this.preview();
    });
    field.addEventListener("input", () => {
      radio.checked = true;
      this.measure = measure;
      const given = field.value !== "" && Number(field.value) >= 0;
      if (given) limits[measure] = Number(field.value) / scale;
      this.forget(given ? "…" : "Give a number, 0 or more.");
      if (given) this.timer = setTimeout(() => this.preview(), PAUSE_MS);
    });
    return { row: el("label.limit", {}, radio, el("span", {}, before, field, after)), field };
  }

  /**
   * The last preview no longer counts: shows `words`, and nothing can be accepted.
   * @param {string} words
   */
  forget(words) {
    clearTimeout(this.timer);
    this.asked = null;
    this.yes.disabled = true;
    this.would.textContent = words;
  }

  async preview() {
    clearTimeout(this.timer);
    const asked = (this.asked = Symbol("preview"));
    const { measure, limits } = this;
    this.yes.disabled = true;
    const seed = Math.floor(Math.random() * 2 ** 31);
    const query = new URLSearchParams({
      measure,
      limit: String(limits[measure]),
      seed: String(seed),
      sample: String(SAMPLE),
    });
    /** @type {UnseenPreview | null} */
    const found = await this.ask("GET", `/review/unseen?${query}`);
    if (!found || asked !== this.asked || !this.dialog?.isConnected) return;
    this.found = found;
    this.say(found);
    this.sayLast(found.batch);
    for (const { crop, view } of this.crops(found)) {
      await this.draw(crop, view);
      if (asked !== this.asked) return;
    }
    this.yes.disabled = !found.faces.length;
  }

  /** @param {UnseenPreview} preview */
  say({ faces, points, flagged, expected_wrong: wrong, sample, rough }) {
    const share = points ? (100 * wrong) / points : 0;
    const expected = rough
      ? `How many of these points are wrong is not known. ${rough}`
      : `About ${wrong.toFixed(1)} of these points are expected to be wrong (${share.toFixed(1)} %).`;
    const doubtful = flagged ? `, ${flagged} of them doubtful` : "";
    this.would.replaceChildren(
      el("b", { text: faces.length ? `${plural(faces.length, "face")}, ${plural(points, "point")}${doubtful}. ` : "No face" }),
      faces.length ? expected : " is below this limit.",
    );
    this.yes.textContent = faces.length ? `Accept ${plural(faces.length, "face")} unseen` : "Accept";
    this.sampleHead.hidden = !sample.length;
    const all = sample.length === faces.length;
    this.sampleTitle.textContent = all ? "All of them" : `${sample.length} of them, drawn at random`;
    this.others.hidden = all;
  }

  /** @param {Batch | null} batch */
  sayLast(batch) {
    this.last.hidden = !batch;
    if (!batch) return;
    const by = batch.annotator ? ` by ${batch.annotator}` : "";
    const at = new Date(1000 * batch.at).toLocaleString([], { dateStyle: "medium", timeStyle: "short" });
    this.last.replaceChildren(
      el("span", { text: `Accepted unseen${by} on ${at}: ${plural(batch.faces, "face")}, ${plural(batch.points, "point")} still unseen.` }),
      el("button.plain.small", { type: "button", text: "Take back", onclick: () => this.takeBack(batch.id) }),
    );
  }

  /** @param {UnseenPreview} preview */
  crops({ sample, rough }) {
    const crops = sample.map((view) => {
      const crop = el("canvas", { width: 0, height: 0 });
      const wrong = Object.entries(view.predictions).reduce((sum, [id, p]) => sum + (view.points[id] ? 0 : p.p_off), 0);
      const words = rough ? view.picture.name : `${wrong.toFixed(2)} wrong expected`;
      const go = () => (this.close(), this.page.openFace(view.face));
      const button = el(
        "button.crop",
        { type: "button", title: `${view.picture.name}: look at this face`, "aria-label": `${[...new Set([view.picture.name, words])].join(", ")}: look at it`, onclick: go },
        crop,
        el("span", { text: words, "aria-hidden": "true" }),
      );
      return { button, crop, view };
    });
    this.sample.replaceChildren(...crops.map(({ button }) => button));
    return crops;
  }

  /**
   * @param {HTMLCanvasElement} crop
   * @param {FaceView} view
   */
  async draw(crop, view) {
    const { picture } = view;
    const image = await load(this.page.session.pictureUrl(picture, 1600)).catch(() => null);
    if (!image) return;
    const pixels = Math.round(crop.clientWidth * (window.devicePixelRatio || 1)) || CROP;
    Object.assign(crop, { width: pixels, height: pixels });
    const viewport = Object.assign(new Viewport(), {
      width: CROP,
      height: CROP,
      imageWidth: picture.width,
      imageHeight: picture.height,
    });
    viewport.frame(extent(view, 0.2) ?? view.box, 0);
    const context = /** @type {CanvasRenderingContext2D} */ (crop.getContext("2d"));
    context.scale(pixels / CROP, pixels / CROP);
    context.imageSmoothingQuality = "high";
    context.drawImage(image, viewport.x, viewport.y, picture.width * viewport.scale, picture.height * viewport.scale);
    image.close();
    const { scene } = this.page.editor.canvas;
    drawScene(context, viewport, {
      ...scene,
      points: view.points,
      predictions: view.predictions,
      ghosts: {},
      box: null,
      hiddenGroups: new Set(),
      current: null,
      hover: null,
      cursor: null,
      showPoints: true,
      showEdges: true,
      showNames: false,
      dimCertain: false,
    });
  }

  // --- accepting and taking back ---------------------------------------------------------------------------------------------

  async accept() {
    const { page, found } = this;
    if (!found) return;
    this.yes.disabled = true;
    const body = { faces: found.faces, basis: found.basis, annotator: page.session.annotator };
    const done = await this.ask("POST", "/review/unseen", body);
    if (!done) return;
    this.close();
    page.session.announceChange();
    const left = done.left ? ` ${plural(done.left, "face")} changed meanwhile and left alone.` : "";
    const words = `${plural(done.faces, "face")} accepted unseen.${left}`;
    if (!done.batch) return toast(page.root, words, "warning");
    page.trail.push({ batch: done.batch });
    toast(page.root, words, "plain", { text: "Undo", run: () => this.takeBack(done.batch) });
  }

  /** @param {number} batch */
  async takeBack(batch) {
    const { page } = this;
    const done = await this.ask("POST", "/review/unseen/undo", { batch, annotator: page.session.annotator });
    if (!done) return;
    if (this.dialog?.isConnected) this.close();
    page.trail = page.trail.filter((step) => typeof step !== "object" || step.batch !== batch);
    page.session.announceChange();
    toast(
      page.root,
      done.faces
        ? `${plural(done.faces, "face")} taken back, ${plural(done.points, "point")}. Later changes stay.`
        : "There was nothing left to take back.",
    );
  }

  /**
   * Promises the server's answer, or null after saying why there is none.
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @returns {Promise<any>}
   */
  async ask(method, path, body) {
    try {
      return await this.page.session.request(method, path, body);
    } catch (error) {
      const words =
        error instanceof ApiError
          ? error.message
          : "The server does not answer. Try again later: nothing is accepted twice.";
      if (this.dialog?.isConnected) {
        this.forget(words);
        this.sampleHead.hidden = true;
        this.sample.replaceChildren();
      } else toast(this.page.root, words, "warning");
      return null;
    }
  }

  /** @returns {Command} */
  command() {
    return {
      keys: ["U"],
      title: "Accept faces unseen, below a limit of doubt",
      icon: "eyeShut",
      text: "Unseen…",
      group: "accept",
      run: () => this.open(),
    };
  }
}
