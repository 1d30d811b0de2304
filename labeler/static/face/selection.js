// Several labels moved as one: the group of the current landmark, or the whole face. It takes a mode, or Ctrl with a drag, so that
// nothing moves by accident. One gesture is one edit and one undo, and so is a run of key presses. Predictions and ghosts
// stay where they are: moving does not make them labels.

import { middle, movable } from "../canvas/frame.js";
import { move, scale, turn } from "../canvas/transform.js";

/** @import { Positions, Scope, Size } from "../shell/types.js" */
/** @import { FaceEditor } from "./editor.js" */

/** @type {Scope[]} */
const SCOPES = ["group", "face"];
const WORDS = { group: "this group; W takes the whole face,", face: "the whole face; W or" };
const STEPS = { scale: 1.01, turn: Math.PI / 180 };

export class Selection {
  /** @param {FaceEditor} editor */
  constructor(editor) {
    this.editor = editor;
    editor.canvas.on("transform", ({ places }) => {
      editor.undragged ??= editor.view;
      editor.showPlaces(places);
    });
    editor.canvas.on("transformend", ({ places }) => {
      editor.undragged = null;
      editor.flush();
      editor.showPlaces(places);
      editor.send(Object.keys(places), "moved");
    });
  }

  /** What is selected; null outside the mode. */
  get scope() {
    return this.editor.canvas.scene.selection;
  }

  set scope(scope) {
    this.editor.flush();
    this.editor.canvas.show({ selection: scope });
    this.editor.refresh();
  }

  get hint() {
    return this.scope ? `Moving ${WORDS[this.scope]} Esc leaves` : "";
  }

  /** The group, then the face, then off. A scope without a label is skipped. */
  cycle() {
    const { scene } = this.editor.canvas;
    const { scope: now } = this;
    const rest = now === null ? SCOPES : SCOPES.slice(SCOPES.indexOf(now) + 1);
    const next = rest.find((scope) => Object.keys(movable(scene, scope, scene.current)).length);
    if (!next && !this.scope) this.editor.note("There is no label to move yet.");
    this.scope = next ?? null;
  }

  // --- by keys --------------------------------------------------------------------------------------------------

  /**
   * @param {number} dx
   * @param {number} dy
   */
  move(dx, dy) {
    this.adjust((places, size) => move(places, dx, dy, size));
  }

  /** @param {number} direction */
  scale(direction) {
    this.adjust((places, size) => scale(places, STEPS.scale ** direction, middle(places), size));
  }

  /** @param {number} direction */
  turn(direction) {
    this.adjust((places, size) => turn(places, direction * STEPS.turn, middle(places), size));
  }

  /** @param {(places: Positions, size: Size) => Positions} change */
  adjust(change) {
    const { editor } = this;
    const { canvas, picture } = editor;
    const { scope } = this;
    if (!scope || !picture) return;
    const places = movable(canvas.scene, scope, canvas.scene.current);
    const ids = Object.keys(places);
    if (!ids.length) return;
    editor.showPlaces(change(places, [picture.width, picture.height]));
    editor.sendSoon(ids, "moved");
  }
}
