// The label page: faces on the left, the picture in the middle, the landmarks on the right, tools below.

import { Checks } from "./checks.js";
import {
  helpCommand,
  historyCommands,
  landmarkCommands,
  landmarkSteps,
  stepCommands,
  viewCommands,
} from "./commands.js";
import { el, icon, toast } from "./dom.js";
import { FaceEditor } from "./editor.js";
import { nextUnlabeled, summary } from "./face.js";
import { Filmstrip } from "./filmstrip.js";
import { LandmarkList } from "./landmarks.js";
import { emptyState, facesOf, loadProject, NO_DEFINITION, NO_PICTURES, tellRefusals, whenStale } from "./page.js";
import { Schematic } from "./schematic.js";
import { Shortcuts } from "./shortcuts.js";

export class LabelPage {
  constructor(root, session) {
    Object.assign(this, { root, session, index: -1, items: [] });
    root.classList.add("workbench");
    const left = el("aside.left");
    this.stage = el("div.stage");
    this.hint = el("div.hint", { role: "status" });
    const right = el("aside.right");
    this.head = el("div.face-head");
    right.append(this.head);
    this.schematic = new Schematic(right);
    root.append(left, this.stage, right);

    this.strip = new Filmstrip(left, {
      rowHeight: 104,
      label: "Pictures",
      render: (item) => this.thumbnail(item),
      onSelect: (index) => this.open(index),
    });
    this.editor = new FaceEditor(this.stage, session, {
      settle: ({ definition, view, current }) => definition && nextUnlabeled(definition, view.points, current),
    });
    this.stage.append(this.hint);
    this.list = new LandmarkList(right, {
      onSelect: (id) => {
        this.editor.select(id);
        this.editor.canvas.element.focus({ preventScroll: true });
      },
    });
    this.checks = new Checks(this, { onChange: () => this.showChecks() });
    this.shortcuts = new Shortcuts(root, this.commands(), { canvas: this.editor.canvas.element });
    root.append(this.shortcuts.toolbar());
    this.listen();
  }

  listen() {
    const { editor, session } = this;
    editor.addEventListener("changed", () => this.show());
    editor.addEventListener("note", ({ detail }) => toast(this.root, detail.message));
    editor.addEventListener("completed", () => toast(this.root, "Face complete. Press D for the next picture."));
    editor.addEventListener("newface", ({ detail }) => this.addFace(detail.box));
    tellRefusals(this);
    session.addEventListener("view", ({ detail }) => this.updateItem(detail.view));
    whenStale(this.root, session, () => this.load());
  }

  async load() {
    const project = await loadProject(this.session);
    this.definition = project.definition;
    this.reference = project.reference;
    const missing = !project.pictures.length ? NO_PICTURES : !this.definition ? NO_DEFINITION : null;
    emptyState(this.root, missing);
    if (missing) return;
    if (JSON.stringify(this.definition) !== JSON.stringify(this.editor.definition)) {
      this.editor.setDefinition(this.definition);
      this.list.setDefinition(this.definition);
    }
    const open = this.items[this.index]?.face ?? Number(localStorage.getItem(this.placeKey));
    this.items = facesOf(project.pictures);
    this.strip.setItems(this.items);
    const index = Math.max(
      this.items.findIndex(({ face }) => face === open),
      0,
    );
    if (this.editor.view?.face === this.items[index].face) {
      this.select(index);
      await this.editor.reload();
    } else await this.open(index);
    this.showChecks();
    this.checks.refreshSoon();
  }

  get placeKey() {
    return `mdmd.place.${this.session.project}`;
  }

  async open(index) {
    const item = this.items[index];
    if (!item) return;
    this.select(index);
    this.root.querySelector(".toast.plain")?.remove();
    // Where a picture has several faces, the box says whose landmarks are asked for.
    this.editor.canvas.show({ showBox: item.count > 1 });
    try {
      await this.editor.open(item.face, item.picture);
    } catch (error) {
      return void toast(this.root, error.message, "warning");
    }
    this.setMode("place");
    this.checks.faceOpened(item.face);
    if (!this.root.contains(document.activeElement) || this.root.querySelector(".strip:focus-within")) {
      this.editor.canvas.element.focus({ preventScroll: true });
    }
    const around = [1, -1, 2, 3].map((step) => this.items[index + step]?.picture).filter(Boolean);
    this.editor.pictures.prefetch(around);
  }

  select(index) {
    this.index = index;
    this.strip.select(index);
    localStorage.setItem(this.placeKey, String(this.items[index].face));
  }

  step(direction) {
    const next = this.index + direction;
    if (this.items[next]) this.open(next);
    else toast(this.root, direction > 0 ? "This was the last picture." : "This is the first picture.");
  }

  nextUnfinished() {
    const after = [...this.items.keys()].slice(this.index + 1).concat([...this.items.keys()].slice(0, this.index));
    const next = after.find((index) => this.items[index].state !== "complete");
    if (next === undefined) toast(this.root, "Every face is complete. Train, or review what the model doubts.");
    else this.open(next);
  }

  // --- what is shown ------------------------------------------------------------------------------------------

  show() {
    const { editor, definition } = this;
    if (!editor.view || !definition) return;
    const { labeled, of } = summary(editor.view, definition);
    const item = this.items[this.index];
    const place = `${this.index + 1} / ${this.items.length}`;
    this.head.replaceChildren(
      ...[
        el("div.face-name", { text: item?.picture.name ?? "", title: item?.picture.name ?? "" }),
        el("div.face-count", {
          text: `${labeled} of ${of} landmarks · ${place}${item?.count > 1 ? ` · face ${item.nth} of ${item.count}` : ""}`,
        }),
        item?.count > 1
          ? el("button.plain.small", { type: "button", text: "Remove this face", onclick: () => this.removeFace() })
          : null,
        item ? this.checks.mark(item.face) : null,
      ].filter(Boolean),
    );
    this.list.show(editor.view, editor.current);
    const current = definition.landmarks.find(({ id }) => id === editor.current);
    const caption = !current ? "All placed" : editor.view.points[current.id] ? current.name : `Next: ${current.name}`;
    this.schematic.show({
      definition,
      current: editor.current,
      reference: this.reference,
      caption,
      labeled: new Set(Object.keys(editor.view.points)),
    });
    const pen = editor.pen === 1 ? " as hidden" : "";
    this.hint.textContent =
      this.mode === "face"
        ? "Draw a box around the other face. Esc leaves."
        : this.mode === "box"
          ? "Draw the face's box, or drag a corner. X or Esc leaves."
          : editor.waiting && current
            ? `Click ${current.name}${pen}`
            : "";
    this.hint.hidden = !this.hint.textContent;
    this.shortcuts.refresh();
  }

  updateItem(view) {
    const index = this.items.findIndex(({ face }) => face === view.face);
    if (index < 0 || !this.definition) return;
    const now = summary(view, this.definition);
    const item = this.items[index];
    if (Object.entries(now).every(([key, value]) => item[key] === value)) return;
    this.strip.update(index, { ...item, ...now });
  }

  showChecks() {
    this.items.forEach((item, index) => {
      const checks = this.checks.count(item.face);
      if (checks === (item.checks ?? 0)) return;
      this.items[index] = { ...item, checks };
      this.strip.update(index, this.items[index]);
    });
    this.show();
  }

  toast(message, tone) {
    toast(this.root, message, tone);
  }

  thumbnail(item) {
    const image = el("img", {
      loading: "lazy",
      decoding: "async",
      alt: "",
      src: this.session.thumbnailUrl(item.picture.id),
    });
    const bar = el(
      "span.bar",
      {},
      el("span.fill", { style: { width: `${item.of ? (100 * item.labeled) / item.of : 0}%` } }),
    );
    const badge =
      item.state === "complete"
        ? el("span.badge.done", { title: "complete" }, icon("accept"))
        : item.flagged
          ? el("span.badge.doubt", { text: String(item.flagged), title: `${item.flagged} doubtful` })
          : item.state === "predicted"
            ? el("span.badge.predicted", { text: "◇", title: "predicted" })
            : null;
    const words = `${item.picture.name}${item.count > 1 ? `, face ${item.nth}` : ""}: ${item.labeled} of ${item.of}, ${item.state}${item.checks ? ", to check" : ""}`;
    return [
      image,
      el("span.caption", { text: item.count > 1 ? `${item.picture.name} · ${item.nth}` : item.picture.name }),
      bar,
      badge,
      item.checks ? el("span.badge.check", { text: "!", title: "The label checks found something" }) : null,
      el("span.sr-only", { text: words }),
    ];
  }

  // --- boxes and faces ----------------------------------------------------------------------------------------

  setMode(mode) {
    this.mode = mode;
    this.editor.drawsNewFace = mode === "face";
    this.editor.canvas.show({
      mode: mode === "place" ? "place" : "box",
      box: mode === "face" ? null : this.editor.view?.box,
    });
    this.show();
  }

  async addFace(box) {
    try {
      const view = await this.session.request("POST", `/pictures/${this.editor.picture.id}/faces`, { box });
      this.session.announceChange();
      await this.load();
      await this.open(this.items.findIndex(({ face }) => face === view.face));
    } catch (error) {
      toast(this.root, error.message, "warning");
    }
  }

  async removeFace() {
    const item = this.items[this.index];
    if (!window.confirm(`Remove face ${item.nth} of ${item.picture.name} with its ${item.labeled} labels?`)) return;
    try {
      await this.session.request("DELETE", `/faces/${item.face}`);
      // The neighbour in the list is another face of the same picture.
      this.select(item.nth > 1 ? this.index - 1 : this.index + 1);
      this.session.announceChange();
    } catch (error) {
      toast(this.root, error.message, "warning");
    }
  }

  leave() {
    if (this.mode !== "place") this.setMode("place");
    else this.root.querySelector(".landmarks [aria-current], .landmarks button")?.focus();
  }

  commands() {
    const { editor } = this;
    return [
      ...stepCommands(this, "picture"),
      { keys: ["U"], title: "Next unfinished face", icon: "skip", group: "go", run: () => this.nextUnfinished() },
      ...historyCommands(this),
      ...landmarkSteps("landmark", (direction) => editor.step(direction)),
      ...landmarkCommands(this),
      ...viewCommands(this),
      {
        keys: ["X"],
        title: "The face's box",
        icon: "box",
        group: "box",
        run: () => this.setMode(this.mode === "box" ? "place" : "box"),
        active: () => this.mode === "box",
      },
      {
        keys: ["Shift+X"],
        title: "Add another face of this picture",
        icon: "addFace",
        group: "box",
        run: () => this.setMode(this.mode === "face" ? "place" : "face"),
        active: () => this.mode === "face",
      },
      { keys: ["Escape"], title: "Leave the box, or go to the list of landmarks", run: () => this.leave() },
      this.checks.command(),
      helpCommand(this),
    ];
  }
}
