// The schema page: which landmarks there are, shown on a reference picture. Changes are a draft until saved.

import { LandmarkCanvas } from "./canvas.js";
import { helpCommand } from "./commands.js";
import { el, toast } from "./dom.js";
import { addLandmark, draftOf, emptyDraft, remove, setPlace, toggleEdge, toSave } from "./draft.js";
import { emptyState, NO_PICTURES, whenStale } from "./page.js";
import { PictureCache } from "./pictures.js";
import { LandmarkTable } from "./landmark_table.js";
import { SchemaForm } from "./schema_form.js";
import { proposeGroup } from "./schematic.js";
import { Shortcuts } from "./shortcuts.js";

const CHECK_PAUSE_MS = 300;

export class SchemaPage {
  constructor(root, session) {
    Object.assign(this, {
      root,
      session,
      draft: emptyDraft(),
      past: [],
      future: [],
      current: null,
      mode: "points",
      edgeFrom: null,
      dirty: false,
    });
    this.pictureCache = new PictureCache(session);
    root.classList.add("workbench", "schema");
    this.stage = el("div.stage");
    this.hint = el("div.hint", { role: "status" });
    this.side = el("aside.right.schema-side");
    root.append(this.stage, this.side);
    this.canvas = new LandmarkCanvas(this.stage, { label: "Reference picture with landmarks" });
    this.stage.append(this.hint);
    this.buildSide();
    this.shortcuts = new Shortcuts(root, this.commands(), { canvas: this.canvas.element });
    root.append(this.shortcuts.toolbar());
    this.listen();
  }

  buildSide() {
    this.form = new SchemaForm({
      change: (draft) => this.apply(draft),
      template: (name) => this.startFrom(name),
      picture: (id) => this.setPicture(id),
      save: () => this.saveDraft(),
    });
    this.side.append(this.form.head);
    this.table = new LandmarkTable(this.side, {
      onSelect: (id) => this.select(id),
      onChange: (draft) => this.apply(draft),
      onRemove: (id) => this.removeLandmark(id),
    });
    this.side.append(...this.form.foot);
  }

  listen() {
    const on = (name, handle) => this.canvas.addEventListener(name, ({ detail }) => handle(detail));
    on("select", ({ id, x, y }) => this.clicked(id, x, y));
    on("place", ({ id, x, y }) => this.placed(id, x, y));
    on("drag", ({ id, x, y }) => this.show({ ...this.draft, places: { ...this.draft.places, [id]: [x, y] } }));
    on("dragend", ({ id, x, y }) => this.apply(setPlace(this.draft, id, [x, y])));
    window.addEventListener("beforeunload", (event) => this.dirty && event.preventDefault());
    whenStale(this.root, this.session, () => this.load());
  }

  async load() {
    if (this.dirty) return;
    const [saved, pictures] = await Promise.all([this.session.get("/definition"), this.session.get("/pictures")]);
    emptyState(this.root, pictures.length ? null : NO_PICTURES);
    if (!pictures.length) return;
    Object.assign(this, { saved, pictures, past: [], future: [] });
    this.form.offer(saved.templates, pictures);
    const kept = this.storedDraft();
    this.draft = kept?.draft ?? draftOf(saved.category, saved.reference?.points);
    this.lastApplied = this.draft;
    this.dirty = Boolean(kept);
    await this.showPicture(kept?.picture ?? saved.reference?.picture ?? pictures[0].id);
    this.select(this.nextUnplaced());
    this.check();
  }

  // --- the draft ----------------------------------------------------------------------------------------------

  /** Make `draft` the current one; the one before can be had back with Ctrl+Z. */
  apply(draft) {
    if (draft === this.draft) return;
    this.past.push(this.lastApplied);
    this.future = [];
    this.settle(draft);
  }

  settle(draft) {
    this.lastApplied = draft;
    this.dirty = true;
    this.show(draft);
    this.store();
    this.check();
  }

  undo(from, to) {
    if (!from.length) return;
    to.push(this.draft);
    const draft = from.pop();
    if (!draft.landmarks.some(({ id }) => id === this.current)) this.current = null;
    this.settle(draft);
  }

  get draftKey() {
    return `mdmd.draft.${this.session.project}`;
  }

  store() {
    localStorage.setItem(
      this.draftKey,
      JSON.stringify({ version: this.saved.version, draft: this.draft, picture: this.picture?.id }),
    );
  }

  // A draft that a closed page left is taken up again, unless the definition was saved elsewhere since.
  storedDraft() {
    const kept = JSON.parse(localStorage.getItem(this.draftKey) ?? "null");
    return kept?.version === this.saved.version && this.pictures.some(({ id }) => id === kept.picture) ? kept : null;
  }

  async startFrom(name) {
    const has = this.draft.landmarks.length;
    const question = `Replace the ${has} landmarks of this draft? Labels made so far belong to the old ones.`;
    if (has && !window.confirm(question)) return;
    if (name === "blank") return this.started(emptyDraft());
    try {
      this.started(draftOf(await this.session.get(`/definition/templates/${encodeURIComponent(name)}`)));
    } catch (error) {
      toast(this.root, error.message, "warning");
    }
  }

  started(draft) {
    this.apply(draft);
    this.select(this.nextUnplaced());
  }

  check() {
    clearTimeout(this.checking);
    this.checking = setTimeout(async () => {
      const draft = this.draft;
      const { category } = toSave(draft, null);
      const answer = draft.landmarks.length
        ? await this.session
            .request("POST", "/definition/check", { category })
            .catch((error) => ({ problems: [error.message] }))
        : { problems: ["No landmark yet: choose a template, or click the first one onto the picture."] };
      if (draft === this.draft) this.form.showProblems(answer.problems);
    }, CHECK_PAUSE_MS);
  }

  async saveDraft() {
    if (!this.draft.landmarks.length) return;
    const body = { ...toSave(this.draft, this.picture?.id), version: this.saved.version };
    try {
      this.saved = await this.session.request("PUT", "/definition", body);
    } catch (error) {
      if (error.body?.problems) this.form.showProblems(error.body.problems);
      return void toast(this.root, error.message, "warning");
    }
    localStorage.removeItem(this.draftKey);
    Object.assign(this, { dirty: false, past: [], future: [] });
    const place = this.draft.landmarks.findIndex(({ id }) => id === this.current);
    this.draft = draftOf(this.saved.category, this.saved.reference?.points);
    this.lastApplied = this.draft;
    this.current = this.draft.landmarks[place]?.id ?? null;
    this.show(this.draft);
    this.session.announceChange();
    toast(
      this.root,
      this.saved.version === 1
        ? "Saved. Next: label your pictures on the Label page."
        : "Saved. Labels stay with their landmarks, whatever their names and order.",
    );
  }

  // --- what is shown ------------------------------------------------------------------------------------------

  show(draft) {
    this.draft = draft;
    const points = Object.fromEntries(Object.entries(draft.places).map(([id, [x, y]]) => [id, { x, y, v: 2 }]));
    const current = draft.landmarks.find(({ id }) => id === this.current);
    const edges = this.mode === "edges";
    this.canvas.show({ definition: draft, points, current: edges ? this.edgeFrom : this.current });
    this.table.show(draft, this.current);
    this.form.show(draft, { dirty: this.dirty, version: this.saved?.version });
    const from = draft.landmarks.find(({ id }) => id === this.edgeFrom);
    this.hint.textContent =
      edges && from
        ? `Click the landmark that ${from.name} is joined to, or parted from. Esc begins elsewhere.`
        : edges
          ? "Click the two ends of an edge. Esc leaves."
          : current && !draft.places[this.current]
            ? `Click ${current.name}, or Esc to add another`
            : "Click to add a landmark, drag to move one";
    this.shortcuts.refresh();
  }

  async showPicture(id) {
    const picture = this.pictures.find((other) => other.id === id) ?? this.pictures[0];
    this.picture = picture;
    this.form.picture.value = String(picture.id);
    const image = await this.pictureCache.get(picture).catch(() => null);
    if (this.picture !== picture) return;
    this.canvas.setImage(image, picture.width, picture.height);
    this.pictureCache.hold(picture);
  }

  async setPicture(id) {
    const placed = Object.keys(this.draft.places).length;
    if (placed && !window.confirm("Another picture needs its landmarks clicked again. Change the picture?")) {
      this.form.picture.value = String(this.picture.id);
      return;
    }
    await this.showPicture(id);
    this.apply({ ...this.draft, places: {} });
    this.select(this.nextUnplaced());
  }

  // --- clicks -------------------------------------------------------------------------------------------------

  nextUnplaced() {
    return this.draft.landmarks.find(({ id }) => !this.draft.places[id])?.id ?? null;
  }

  select(id) {
    this.current = id;
    this.show(this.draft);
  }

  placed(id, x, y) {
    if (this.mode === "edges") return;
    this.apply(setPlace(this.draft, id, [x, y]));
    this.select(this.nextUnplaced());
  }

  clicked(id, x, y) {
    if (this.mode === "edges") return this.edgeClicked(id);
    if (id !== null) return this.select(id);
    const { imageWidth, imageHeight } = this.canvas.viewport;
    if (!this.canvas.viewport.contains(x, y)) return this.select(null);
    const added = addLandmark(this.draft, proposeGroup(x / imageWidth, y / imageHeight), [x, y]);
    this.current = added.id;
    this.apply(added.draft);
  }

  edgeClicked(id) {
    if (id !== null && this.edgeFrom !== null && id !== this.edgeFrom)
      this.apply(toggleEdge(this.draft, this.edgeFrom, id));
    this.edgeFrom = id;
    this.show(this.draft);
  }

  removeLandmark(id) {
    if (id === null) return;
    const order = this.draft.landmarks.map((landmark) => landmark.id);
    const at = order.indexOf(id);
    this.current = order[at + 1] ?? order[at - 1] ?? null;
    this.apply(remove(this.draft, id));
  }

  // Esc: out of a chain of edges, out of the edges, out of the landmark that waits for its place.
  leave() {
    if (this.mode !== "edges") return this.select(null);
    if (this.edgeFrom === null) return this.setMode("points");
    this.edgeFrom = null;
    this.show(this.draft);
  }

  setMode(mode) {
    Object.assign(this, { mode, edgeFrom: null });
    this.canvas.show({ showEdges: true });
    this.show(this.draft);
  }

  commands() {
    const { canvas } = this;
    return [
      {
        keys: ["Ctrl+Z"],
        title: "Undo",
        icon: "undo",
        group: "edit",
        run: () => this.undo(this.past, this.future),
        enabled: () => this.past.length > 0,
      },
      {
        keys: ["Ctrl+Shift+Z", "Ctrl+Y"],
        title: "Redo",
        icon: "redo",
        group: "edit",
        run: () => this.undo(this.future, this.past),
        enabled: () => this.future.length > 0,
      },
      {
        keys: ["L"],
        title: "Edges: click the two ends",
        icon: "edges",
        text: "Edges",
        group: "mode",
        run: () => this.setMode(this.mode === "edges" ? "points" : "edges"),
        active: () => this.mode === "edges",
      },
      {
        keys: ["Delete", "Backspace"],
        title: "Remove the landmark",
        icon: "erase",
        group: "edit",
        run: () => this.removeLandmark(this.current),
      },
      { keys: ["F"], title: "Fit the picture", icon: "fit", group: "zoom", run: () => canvas.frame(null) },
      { keys: ["+", "="], title: "Zoom in", icon: "plus", group: "zoom", run: () => canvas.zoom(1.4) },
      { keys: ["-"], title: "Zoom out", icon: "minus", group: "zoom", run: () => canvas.zoom(1 / 1.4) },
      {
        keys: ["T"],
        title: "Names of all points",
        icon: "names",
        group: "look",
        active: () => canvas.scene.showNames,
        run: () => {
          canvas.show({ showNames: !canvas.scene.showNames });
          this.show(this.draft);
        },
      },
      { keys: ["Escape"], title: "Leave the edges, or add new landmarks", run: () => this.leave() },
      { keys: ["Ctrl+S"], title: "Save", run: () => this.saveDraft() },
      helpCommand(this),
    ];
  }
}
