// Talks to the server for one project, and never loses an edit.
//
// Every edit goes into a journal in localStorage first and leaves it when the server has acknowledged it. Edits are
// sent one after the other; a failed one is tried again until it lands. What a closed or crashed page left behind is
// picked up by the next page that opens the project. Events:
//   status   {state: "saved" | "saving" | "failed", message}
//   view     {view, fresh}    a face's newest state; fresh: no edit of ours on that face is still on its way
//   refused  {face, message}  the server will not take an edit, ever (it has left the journal)
//   refresh  {}               look again: the page was hidden, or another tab changed more than a face

import { collapse, unseen } from "./journal.js";

const RETRY_MS = [400, 1000, 2000, 5000];
const KEEPALIVE_BYTES = 60_000;
const NAME_KEY = "mdmd.annotator";
// So many of our own edits are remembered per face: more than can wait for an answer.
const OWN = 1000;
// So many faces are kept as they were last heard of: the open one, its neighbours, and where one has just been.
const KEPT = 12;
// What may touch something that somebody else has changed meanwhile: the server checks these against what was seen here.
const CHECKED = new Set(["points", "clear", "accept", "box", "skip", "undo"]);

export class ApiError extends Error {
  constructor(status, body) {
    super(body?.error ?? `the server answered ${status}`);
    this.status = status;
    this.body = body ?? {};
  }
}

export class Session extends EventTarget {
  constructor(project, { storage = localStorage, fetcher = (...args) => fetch(...args) } = {}) {
    super();
    this.project = project;
    this.base = `/api/projects/${encodeURIComponent(project)}`;
    this.storage = storage;
    this.fetcher = fetcher;
    this.id = crypto.randomUUID();
    this.prefix = `mdmd.journal.${project}.`;
    this.queue = [];
    this.kept = new Map(); // face -> its view, the one heard of last at the end
    this.coming = new Set(); // the faces that are asked for ahead
    this.seen = new Map(); // face -> the view of it that was shown last
    this.own = new Map();
    this.status = { state: "saved", message: "" };
    this.channel = new BroadcastChannel(`mdmd.${project}`);
    this.channel.onmessage = ({ data }) => this.heard(data);
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.emit("refresh", {});
    });
    this.addEventListener("refresh", () => this.kept.clear());
    window.addEventListener("pagehide", () => this.sendRest());
    window.addEventListener("online", () => this.retryNow());
    this.ready = this.adopt();
  }

  // --- reading --------------------------------------------------------------------------------------------------

  async get(path) {
    return this.request("GET", path);
  }

  async request(method, path, body, options = {}) {
    const init = { method, headers: {}, ...options };
    if (body !== undefined) {
      init.headers["Content-Type"] = "application/json";
      init.body = JSON.stringify(body);
    }
    const response = await this.fetcher(this.base + path, init);
    const answer = await response.json().catch(() => null);
    if (!response.ok) throw new ApiError(response.status, answer);
    return answer;
  }

  /** The face as the server has it now. */
  async face(id) {
    for (;;) {
      await this.idle(id);
      const before = this.kept.get(id)?.revision;
      const view = await this.get(`/faces/${id}`);
      // What was edited while the answer was on its way is not in it.
      if (!this.pending(id) && this.kept.get(id)?.revision === before) return this.keep(view);
    }
  }

  /** The face as it was last heard of, which may be old; null where nothing is known or an edit is on its way. */
  known(id) {
    return (!this.pending(id) && this.kept.get(id)) || null;
  }

  /** The face as it was last heard of, at once, or else as the server has it. */
  async lately(id) {
    return this.known(id) ?? this.face(id);
  }

  /** Hear of faces that may be opened next: each is asked for once, however often they are named meanwhile. */
  async prefetch(ids) {
    const missing = ids.filter((id) => !this.known(id) && !this.coming.has(id));
    for (const id of missing) this.coming.add(id);
    await Promise.allSettled(missing.map((id) => this.face(id).finally(() => this.coming.delete(id))));
  }

  keep(view) {
    this.kept.delete(view.face);
    this.kept.set(view.face, view);
    if (this.kept.size > KEPT) this.kept.delete(this.kept.keys().next().value);
    return view;
  }

  /** Say that this view of a face is on the screen now: edits build on it. */
  saw(view) {
    this.seen.set(view.face, view);
  }

  pictureUrl(picture, width) {
    const query = width && picture.width > width ? `?width=${width}` : "";
    return `${this.base}/pictures/${picture.id}/image${query}`;
  }

  thumbnailUrl(pictureId) {
    return `${this.base}/pictures/${pictureId}/image?width=240`;
  }

  // --- edits ----------------------------------------------------------------------------------------------------

  setPoints(face, points, source) {
    return this.edit(face, "points", { points, source });
  }

  clearPoints(face, ids) {
    return this.edit(face, "clear", { ids: ids.map(Number) });
  }

  setBox(face, box) {
    return this.edit(face, "box", { box });
  }

  /** `reason`: null takes the face in again. */
  setSkip(face, reason) {
    return this.edit(face, "skip", { reason });
  }

  /** Take a face away, as it was shown last. */
  async remove(face) {
    await this.idle(face);
    const shown = this.seen.get(face)?.revision;
    // What the server answered to edits of ours has been shown as well.
    const revision = shown && Math.max(shown, ...(this.own.get(face) ?? []));
    return this.request("DELETE", `/faces/${face}${revision ? `?revision=${revision}` : ""}`);
  }

  /** Accept the predictions of `ids`, or (null) of all that has no label: on the screen, `seen`. */
  accept(face, ids, seen = ids) {
    return this.edit(face, "accept", { ids: ids && ids.map(Number) }, seen.map(Number));
  }

  /** `action` as in the routes: points, clear, box, accept, skip, undo, redo. Promises the server's view, or null where the server refused. */
  edit(face, action, content, seen) {
    const body = { ...content, annotator: this.annotator };
    const shown = this.seen.get(face);
    if (CHECKED.has(action)) body.revision = shown?.revision ?? null;
    if (action === "accept") body.run = shown?.run ? Number(shown.run) : null;
    return new Promise((resolve) => {
      this.queue.push({ face, action, body, seen, resolve });
      this.remember();
      this.pump();
    });
  }

  /** The name that signs this browser's edits; null while nobody has given one. */
  get annotator() {
    return this.storage.getItem(NAME_KEY);
  }

  set annotator(name) {
    if (name) this.storage.setItem(NAME_KEY, name);
    else this.storage.removeItem(NAME_KEY);
  }

  pending(face) {
    return this.queue.some((edit) => edit.face === face);
  }

  /** When nothing of this face is on its way any more. */
  async idle(face) {
    while (this.pending(face))
      await new Promise((resolve) => this.addEventListener("acknowledged", resolve, { once: true }));
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
        if (error instanceof ApiError && error.status < 500 && error.status !== 401 && error.status !== 429) {
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

  send(edit, options) {
    const body = { ...edit.body };
    // The edit builds on what was seen when it was made, and on our own edits since: anything else is a conflict.
    if (typeof body.revision === "number")
      body.own = (this.own.get(edit.face) ?? []).filter((revision) => revision > body.revision);
    // What a crashed page left behind was made in this browser too.
    if (body.annotator === undefined) body.annotator = this.annotator;
    return this.request("POST", `/faces/${edit.face}/${edit.action}`, body, options);
  }

  acknowledge(edit, view) {
    this.leaveQueue(edit);
    this.keep(view);
    this.own.set(edit.face, [...(this.own.get(edit.face) ?? []), view.revision].slice(-OWN));
    this.emit("view", { view, fresh: !this.pending(edit.face) });
    this.channel.postMessage({ kind: "view", view });
    edit.resolve?.(view);
  }

  refuse(edit, error) {
    this.leaveQueue(edit);
    const view = error.body.view ?? null;
    if (view) this.keep(view);
    this.emit("refused", { face: edit.face, message: error.message, conflict: error.status === 409 && Boolean(view) });
    if (view) this.emit("view", { view, fresh: !this.pending(edit.face) });
    else this.emit("refresh", {});
    edit.resolve?.(null);
  }

  leaveQueue(edit) {
    this.queue = this.queue.filter((other) => other !== edit);
    this.remember();
    this.emit("acknowledged", {});
  }

  pause(milliseconds) {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, milliseconds);
      this.retryNow = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  retryNow() {}

  setStatus(state, message) {
    this.status = { state, message };
    this.emit("status", this.status);
  }

  emit(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }

  // --- other tabs -----------------------------------------------------------------------------------------------

  heard(data) {
    if (data.kind === "changed") this.emit("refresh", {});
    if (data.kind !== "view" || this.pending(data.view.face)) return;
    this.emit("view", { view: this.keep(data.view), fresh: true });
  }

  /** Tell every page that more than one face changed (a face added, the definition saved). */
  announceChange() {
    this.channel.postMessage({ kind: "changed" });
    this.emit("refresh", {});
  }

  // --- the journal ----------------------------------------------------------------------------------------------

  remember() {
    const edits = this.queue.map(({ face, action, body, seen }) => ({ face, action, body, seen }));
    try {
      if (edits.length) this.storage.setItem(this.prefix + this.id, JSON.stringify(edits));
      else this.storage.removeItem(this.prefix + this.id);
    } catch {
      // A full or forbidden storage must not stop the saving itself; only a crash in this moment could lose the edit.
    }
  }

  // The page goes away: hand the rest to the browser. The journal stays, for nobody will hear the answer.
  sendRest() {
    for (const edit of collapse(this.queue)) {
      if (JSON.stringify(edit.body).length < KEEPALIVE_BYTES) this.send(edit, { keepalive: true }).catch(() => {});
    }
  }

  /** Take over the journals of pages that are gone; a living page holds a lock with its id. */
  async adopt() {
    navigator.locks.request(this.prefix + this.id, () => new Promise(() => {}));
    const { held } = await navigator.locks.query();
    const alive = new Set([this.prefix + this.id, ...held.map((lock) => lock.name)]);
    const orphans = Object.keys(this.storage).filter((key) => key.startsWith(this.prefix) && !alive.has(key));
    for (const key of orphans) {
      for (const edit of collapse(JSON.parse(this.storage.getItem(key) ?? "[]"))) {
        const view = await this.get(`/faces/${edit.face}`).catch(() => null);
        const rest = view ? unseen(view, edit) : edit;
        if (rest) this.queue.push(rest);
      }
      this.remember();
      this.storage.removeItem(key);
    }
    this.pump();
  }
}

function reason(error) {
  if (!(error instanceof ApiError)) return "NOT SAVED: the server does not answer; your edits are kept in this browser";
  if (error.status === 401) return "NOT SAVED: this page is signed out; open the address that labeler printed";
  return `NOT SAVED: ${error.message}; trying again`;
}
