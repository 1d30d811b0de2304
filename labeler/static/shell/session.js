// Talks to the server for one project, and never loses an edit.
//
// Every edit is written to a journal in localStorage first and leaves it when the server has acknowledged it. Edits are
// sent one after the other; a failed one is sent again until it arrives. The next page that opens the project sends what a
// closed or crashed page left in its journal.

import { Emitter } from "./emitter.js";
import { collapse, unseen } from "./journal.js";
import { remember } from "./memory.js";
import { messageOf } from "./page.js";

/** @import { Box, Edit, EditAction, EditBody, FaceView, PictureSize, Places, PointEdit } from "./types.js" */

const RETRY_MS = [400, 1000, 2000, 5000];
const KEEPALIVE_BYTES = 60_000;
const JOURNAL = "mdmd.journal.";
const NAME_KEY = "mdmd.annotator";
// Revisions by this browser that are remembered per face: more than can wait for an answer.
const OWN = 1000;
// Faces whose last known state is kept: the open one, its neighbors and those opened just before.
const KEPT = 12;
// How long a face that is opened waits for what the labels that were just saved change of its predictions.
const NEWEST_MS = 1500;
// Edits that could overwrite another person's change: the server checks them against what was on the screen here.
/** @type {Set<EditAction>} */
const CHECKED = new Set(["points", "clear", "accept", "box", "skip", "undo"]);

export class ApiError extends Error {
  /**
   * @param {number} status
   * @param {{ error?: string, view?: FaceView, missing?: "project" } | null} body
   */
  constructor(status, body) {
    super(body?.error ?? `the server answered ${status}`);
    this.status = status;
    this.body = body ?? {};
  }
}

/** @typedef {{ state: "saved" | "saving" | "failed", message: string }} Status */

/**
 * A message between the pages of a project.
 * @typedef {{ kind: "changed" } | { kind: "view", view: FaceView }} Message
 */

/** @typedef {Edit & { resolve?: (view: FaceView | null) => void }} QueuedEdit */

/**
 * `view`: the newest state of a face; `fresh`: no edit of that face is waiting for the server. `refused`: the server will
 * never take an edit, which has left the journal; `picture`: the name of its picture, where that is known. `refresh`: load
 * again, because the page was hidden or more than a face changed elsewhere.
 * @extends {Emitter<{
 *   status: Status,
 *   view: { view: FaceView, fresh: boolean },
 *   refused: { picture: string | null, message: string },
 *   refresh: {},
 *   acknowledged: {},
 * }>}
 */
export class Session extends Emitter {
  /**
   * @param {string} project
   * @param {{ storage?: Storage, fetcher?: typeof fetch }} [options]
   */
  constructor(project, { storage = localStorage, fetcher = (input, init) => fetch(input, init) } = {}) {
    super();
    this.project = project;
    this.base = `/api/projects/${encodeURIComponent(project)}`;
    this.storage = storage;
    this.fetcher = fetcher;
    this.id = crypto.randomUUID();
    this.prefix = `${JOURNAL}${project}.`;
    /** The project's own name, which stays when it is renamed; another one may have its old name then. @type {string | null} */
    this.identity = null;
    /** @type {QueuedEdit[]} */
    this.queue = [];
    /**
     * The last known state of faces, and how many edits were saved before; the newest one at the end.
     * @type {Map<number, { view: FaceView, saves: number }>}
     */
    this.kept = new Map();
    /** How many edits this browser's pages have saved: each may change what is predicted of other faces. */
    this.saves = 0;
    this.patience = NEWEST_MS;
    /** Faces that are being fetched ahead. @type {Set<number>} */
    this.coming = new Set();
    /** Faces that were removed here; lists may still have them. @type {Set<number>} */
    this.removed = new Set();
    /** The newest question for each face. @type {Map<number, Promise<FaceView>>} */
    this.asked = new Map();
    /** The state of a face that was shown last. @type {Map<number, FaceView>} */
    this.seen = new Map();
    /** Revisions that this browser's edits gave a face. @type {Map<number, number[]>} */
    this.own = new Map();
    /** @type {Status} */
    this.status = { state: "saved", message: "" };
    this.pumping = false;
    this.channel = new BroadcastChannel(`mdmd.${project}`);
    this.channel.onmessage = ({ data }) => this.heard(data);
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.emit("refresh", {});
    });
    this.on("refresh", () => this.kept.clear());
    window.addEventListener("pagehide", () => this.sendRest());
    window.addEventListener("online", () => this.retryNow());
    this.ready = this.adopt();
  }

  /**
   * The key in the browser's storage of something that belongs to this project under any name. What an older page kept
   * under its present name moves there.
   * @param {string} what
   */
  keyOf(what) {
    const old = `mdmd.${what}.${this.project}`;
    if (!this.identity) return old;
    const key = `mdmd.${what}.${this.identity}`;
    const left = this.storage.getItem(old);
    if (left !== null) {
      if (this.storage.getItem(key) === null) remember(this.storage, key, left);
      this.storage.removeItem(old);
    }
    return key;
  }

  // --- reading --------------------------------------------------------------------------------------------------

  /**
   * The server's JSON; the caller says what it holds. Throws an ApiError where the server refuses, and another error where
   * no server answers, or not in JSON.
   * @param {string} path
   * @returns {Promise<any>}
   */
  async get(path) {
    return this.request("GET", path);
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {unknown} [body]
   * @param {RequestInit} [options]
   * @returns {Promise<any>}
   */
  async request(method, path, body, options = {}) {
    /** @type {RequestInit} */
    const init = { method, headers: {}, ...options };
    if (body !== undefined) {
      init.headers = { "Content-Type": "application/json" };
      init.body = JSON.stringify(body);
    }
    if (this.identity) init.headers = { ...init.headers, "X-Project": this.identity };
    const response = await this.fetcher(this.base + path, init);
    const answer = await response.json().catch(() => undefined);
    if (!response.ok) throw new ApiError(response.status, answer ?? null);
    // Such as the sign-in page of a network or of a proxy.
    if (answer === undefined) throw new Error("something other than the labeler answered");
    return answer;
  }

  /**
   * The face as the server has it now. Throws an ApiError if it was removed.
   * @param {number} id
   * @returns {Promise<FaceView>}
   */
  async face(id) {
    for (;;) {
      await this.idle(id);
      if (this.removed.has(id)) throw new ApiError(404, { error: "this face was removed" });
      const before = this.kept.get(id)?.view.revision;
      const { saves } = this;
      const asked = this.get(`/faces/${id}`);
      this.asked.set(id, asked);
      const view = await asked;
      // An edit made while the answer was on its way is not in it.
      if (!this.pending(id) && this.kept.get(id)?.view.revision === before) return this.keep(view, saves);
    }
  }

  /**
   * The last known state of a face, which may be old; null when there is none or an edit of it is being saved.
   * @param {number} id
   * @returns {FaceView | null}
   */
  known(id) {
    return (!this.pending(id) && this.kept.get(id)?.view) || null;
  }

  /**
   * Whether an edit of any face was saved since the state of this one became known: its predictions may be others by now.
   * @param {number} id
   */
  outdated(id) {
    return this.kept.get(id)?.saves !== this.saves;
  }

  /**
   * A face to show: its last known state, or what the server has where none is known or labels were saved since. Where the
   * server does not answer soon, it is the last known state after all.
   * @param {number} id
   * @returns {Promise<FaceView>}
   */
  async lately(id) {
    const known = this.known(id);
    if (!known) return this.face(id);
    const upToDate = !this.queue.length && !this.outdated(id);
    if (upToDate || this.status.state === "failed") return known;
    const newest = this.allSaved().then(() => this.face(id));
    /** @type {Promise<FaceView>} */
    const enough = new Promise((resolve) => setTimeout(() => resolve(known), this.patience));
    return Promise.race([newest.catch(() => known), enough]);
  }

  /**
   * Fetches faces that may be opened next, each of them once. What an edit that is being saved will change is left out.
   * @param {number[]} ids
   */
  async prefetch(ids) {
    /** @param {number} id */
    const asksFor = (id) => !this.known(id) || (!this.queue.length && this.outdated(id));
    const missing = ids.filter((id) => !this.coming.has(id) && asksFor(id));
    for (const id of missing) this.coming.add(id);
    await Promise.allSettled(missing.map((id) => this.face(id).finally(() => this.coming.delete(id))));
  }

  /**
   * @param {FaceView} view
   * @param {number} saves the edits that were saved before the server was asked
   */
  keep(view, saves) {
    this.kept.delete(view.face);
    this.kept.set(view.face, { view, saves });
    const [oldest] = this.kept.keys();
    if (this.kept.size > KEPT) this.kept.delete(oldest);
    return view;
  }

  /**
   * This view of a face is on the screen now: edits build on it.
   * @param {FaceView} view
   */
  saw(view) {
    this.seen.set(view.face, view);
  }

  /**
   * @param {PictureSize} picture
   * @param {number} width
   */
  pictureUrl(picture, width = 0) {
    return this.imageUrl(picture.id, picture.width > width ? width : 0);
  }

  /** @param {number} pictureId */
  thumbnailUrl(pictureId) {
    return this.imageUrl(pictureId, 240);
  }

  /**
   * `of`: the browser keeps pictures of this project, and another one that gets its name has others.
   * @param {number} pictureId
   * @param {number} width  0: as it is
   */
  imageUrl(pictureId, width) {
    const query = new URLSearchParams();
    if (width) query.set("width", String(width));
    if (this.identity) query.set("of", this.identity);
    return `${this.base}/pictures/${pictureId}/image?${query}`;
  }

  // --- edits ----------------------------------------------------------------------------------------------------

  /**
   * @param {number} face
   * @param {PointEdit[]} points
   * @param {string} source
   */
  setPoints(face, points, source) {
    return this.edit(face, "points", { points, source });
  }

  /**
   * @param {number} face
   * @param {string[]} ids
   */
  clearPoints(face, ids) {
    return this.edit(face, "clear", { ids: ids.map(Number) });
  }

  /**
   * @param {number} face
   * @param {Box} box
   */
  setBox(face, box) {
    return this.edit(face, "box", { box });
  }

  /**
   * `reason`: null takes the face in again.
   * @param {number} face
   * @param {string | null} reason null: the face counts again
   */
  setSkip(face, reason) {
    return this.edit(face, "skip", { reason });
  }

  /**
   * Removes a face, in the state that was shown last.
   * @param {number} face
   */
  async remove(face) {
    await this.idle(face);
    const shown = this.seen.get(face)?.revision;
    // The answers to this browser's edits have been shown as well.
    const revision = shown && Math.max(shown, ...(this.own.get(face) ?? []));
    this.removed.add(face);
    try {
      await this.asked.get(face)?.catch(() => null); // a question on its way would find no face
      return await this.request("DELETE", `/faces/${face}${revision ? `?revision=${revision}` : ""}`);
    } catch (error) {
      this.removed.delete(face);
      throw error;
    }
  }

  /**
   * Whether a picture is the reference picture of the definition. Throws an ApiError where it cannot be removed now.
   * @param {number} picture
   * @returns {Promise<{ reference: boolean }>}
   */
  removal(picture) {
    return this.get(`/pictures/${picture}/removal`);
  }

  /**
   * Removes a picture with its faces and their labels, and returns where the trash is.
   * @param {number} picture
   * @returns {Promise<{ trash: string }>}
   */
  async removePicture(picture) {
    await this.allSaved();
    return this.request("DELETE", `/pictures/${picture}`);
  }

  /**
   * Accepts predictions of `ids`, or (null) of all landmarks in `places` that have no label, which on the screen are
   * `seen`. `places`: the predictions on the screen, which become the labels.
   * @param {number} face
   * @param {string[] | null} ids
   * @param {Places} places
   * @param {string[]} seen
   */
  accept(face, ids, places, seen) {
    return this.edit(face, "accept", { ids: ids && ids.map(Number), places }, seen.map(Number));
  }

  /**
   * Queues an edit. Promises the server's view of the face, or null where the server refused the edit.
   * @param {number} face
   * @param {EditAction} action
   * @param {EditBody} content
   * @param {number[]} [seen]
   * @returns {Promise<FaceView | null>}
   */
  edit(face, action, content, seen) {
    /** @type {EditBody} */
    const body = { ...content, annotator: this.annotator, edit: crypto.randomUUID() };
    if (CHECKED.has(action)) body.revision = this.seen.get(face)?.revision ?? null;
    return new Promise((resolve) => {
      this.queue.push({ face, action, body, seen, resolve });
      this.remember();
      this.pump();
    });
  }

  /** The name that signs this browser's edits, or null. */
  get annotator() {
    return this.storage.getItem(NAME_KEY);
  }

  set annotator(name) {
    if (name) this.storage.setItem(NAME_KEY, name);
    else this.storage.removeItem(NAME_KEY);
  }

  /**
   * Whether an edit of this face is waiting for the server.
   * @param {number} face
   */
  pending(face) {
    return this.queue.some((edit) => edit.face === face);
  }

  /**
   * Waits until no edit of this face is waiting for the server.
   * @param {number} face
   */
  async idle(face) {
    while (this.pending(face)) await this.acknowledgment();
  }

  /** Waits until no edit is waiting for the server. */
  async allSaved() {
    while (this.queue.length) await this.acknowledgment();
  }

  /** @returns {Promise<unknown>} */
  acknowledgment() {
    return new Promise((resolve) => this.addEventListener("acknowledged", resolve, { once: true }));
  }

  async pump() {
    if (this.pumping) return;
    this.pumping = true;
    for (let failures = 0; this.queue.length;) {
      const edit = this.queue[0];
      if (this.status.state !== "failed") this.setStatus("saving", "saving…");
      try {
        this.acknowledge(edit, await this.send(edit));
        failures = 0;
      } catch (error) {
        if (error instanceof ApiError && isFinal(error)) {
          this.refuse(edit, error);
          continue;
        }
        this.setStatus("failed", reason(error));
        await this.pause(RETRY_MS[Math.min(failures++, RETRY_MS.length - 1)]);
      }
    }
    this.pumping = false;
    this.setStatus("saved", "saved");
  }

  /**
   * @param {QueuedEdit} edit
   * @param {RequestInit} options
   * @returns {Promise<FaceView>}
   */
  send(edit, options = {}) {
    const body = { ...edit.body };
    // The edit builds on what was on the screen and on this browser's edits since. Anything else is a conflict.
    const { revision: shown } = body;
    if (typeof shown === "number") body.own = (this.own.get(edit.face) ?? []).filter((revision) => revision > shown);
    // An edit that a crashed page left was made in this browser too.
    if (body.annotator === undefined) body.annotator = this.annotator;
    return this.request("POST", `/faces/${edit.face}/${edit.action}`, body, options);
  }

  /**
   * @param {QueuedEdit} edit
   * @param {FaceView} view
   */
  acknowledge(edit, view) {
    this.keep(view, ++this.saves);
    this.leaveQueue(edit);
    this.own.set(edit.face, [...(this.own.get(edit.face) ?? []), view.revision].slice(-OWN));
    this.emit("view", { view, fresh: !this.pending(edit.face) });
    this.channel.postMessage({ kind: "view", view });
    edit.resolve?.(view);
  }

  /**
   * @param {QueuedEdit} edit
   * @param {ApiError} error
   */
  refuse(edit, error) {
    this.leaveQueue(edit);
    const view = error.body.view ?? null;
    if (view) this.keep(view, this.saves);
    const { name: picture = null } = (view ?? this.seen.get(edit.face))?.picture ?? {};
    this.emit("refused", { picture, message: error.message });
    if (view) this.emit("view", { view, fresh: !this.pending(edit.face) });
    else this.emit("refresh", {});
    edit.resolve?.(null);
  }

  /** @param {QueuedEdit} edit */
  leaveQueue(edit) {
    this.queue = this.queue.filter((other) => other !== edit);
    this.remember();
    this.emit("acknowledged", {});
  }

  /**
   * @param {number} milliseconds
   * @returns {Promise<void>}
   */
  pause(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(), milliseconds);
      this.retryNow = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Ends the pause before the next attempt, where there is one. */
  retryNow() {}

  /**
   * @param {Status["state"]} state
   * @param {string} message
   */
  setStatus(state, message) {
    this.status = { state, message };
    this.emit("status", this.status);
  }

  // --- other tabs -----------------------------------------------------------------------------------------------

  /** @param {Message} data */
  heard(data) {
    if (data.kind === "changed") this.emit("refresh", {});
    if (data.kind !== "view" || this.pending(data.view.face)) return;
    this.emit("view", { view: this.keep(data.view, ++this.saves), fresh: true });
  }

  /** Tells every page that more than one face changed (a face was added, the definition was saved). */
  announceChange() {
    this.channel.postMessage({ kind: "changed" });
    this.emit("refresh", {});
  }

  // --- the journal ----------------------------------------------------------------------------------------------

  remember() {
    const project = this.identity ?? undefined;
    const edits = this.queue.map(({ face, action, body, seen }) => ({ face, action, body, seen, project }));
    try {
      if (edits.length) this.storage.setItem(this.prefix + this.id, JSON.stringify(edits));
      else this.storage.removeItem(this.prefix + this.id);
    } catch {
      // A full or forbidden storage must not stop the saving itself; only a crash in this moment could lose the edit.
    }
  }

  // The page is closing: the browser sends the rest. The journal stays, because the answer will not be heard.
  sendRest() {
    for (const edit of collapse(this.queue)) {
      if (JSON.stringify(edit.body).length < KEEPALIVE_BYTES) this.send(edit, { keepalive: true }).catch(() => {});
    }
  }

  /** Takes over the journals of closed pages of this project, whatever its name was; an open page holds a lock with its id. */
  async adopt() {
    navigator.locks.request(this.prefix + this.id, () => new Promise(() => {}));
    this.identity = (await this.get("").catch(() => null))?.id ?? null;
    const { held = [] } = await navigator.locks.query();
    const alive = new Set([this.prefix + this.id, ...held.map((lock) => lock.name)]);
    const orphans = Object.keys(this.storage).filter((key) => key.startsWith(JOURNAL) && !alive.has(key));
    for (const key of orphans) {
      /** @type {(Edit & { project?: string })[]} */
      const edits = JSON.parse(this.storage.getItem(key) ?? "[]");
      // Pages of an older version did not write which project they meant.
      const own = edits.filter(({ project }) => (project ? project === this.identity : key.startsWith(this.prefix)));
      if (!own.length) continue;
      for (const edit of collapse(own)) {
        /** @type {FaceView | null} */
        const view = await this.get(`/faces/${edit.face}`).catch(() => null);
        const rest = view ? unseen(view, edit) : edit;
        if (rest) this.queue.push(rest);
      }
      this.remember();
      const others = edits.filter((edit) => !own.includes(edit));
      if (others.length) this.storage.setItem(key, JSON.stringify(others));
      else this.storage.removeItem(key);
    }
    this.pump();
  }
}

/**
 * Whether the server will never take the edit. A project that is not there may come back, under another name too.
 * @param {ApiError} error
 */
function isFinal({ status, body }) {
  return status < 500 && status !== 401 && status !== 429 && body.missing !== "project";
}

/**
 * Why the last attempt to save failed, for the top bar.
 * @param {unknown} error
 */
function reason(error) {
  if (!(error instanceof ApiError)) {
    const what = error instanceof TypeError ? "the server does not answer" : messageOf(error);
    return `NOT SAVED: ${what}; your edits are kept in this browser`;
  }
  if (error.status === 401) return "NOT SAVED: this page is signed out; open the address that labeler printed";
  if (error.body.missing === "project")
    return "NOT SAVED: this project was renamed or deleted; your edits are kept in this browser until it is opened again";
  return `NOT SAVED: ${error.message}; trying again`;
}
