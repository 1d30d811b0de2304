// Several labels moved as one: the group of the current landmark, or the whole face. It is a mode, or Ctrl with a drag,
// so that nothing moves by accident. One gesture is one edit and one undo; so is a run of key presses.
// Predictions and ghosts stay where they are: they do not become labels by being moved.

import { middle, movable } from "../canvas/frame.js";
import { move, scale, turn } from "../canvas/transform.js";

const SCOPES = ["group", "face"];
const WORDS = { group: "this group; W takes the whole face,", face: "the whole face; W or" };
const STEPS = { scale: 1.01, turn: Math.PI / 180 };

export class Selection {
  constructor(editor) {
    this.editor = editor;
    const on = (name, handle) => editor.canvas.addEventListener(name, ({ detail }) => handle(detail.places));
    on("transform", (places) => editor.showPlaces(places));
    on("transformend", (places) => {
      editor.flush();
      editor.showPlaces(places);
      editor.send(Object.keys(places), "moved");
    });
  }

  /** "group", "face", or null outside the mode. */
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

  /** The group, then the face, then off; what has no label to move is passed over. */
  cycle() {
    const { scene } = this.editor.canvas;
    const rest = SCOPES.slice(SCOPES.indexOf(this.scope) + 1);
    const next = rest.find((scope) => Object.keys(movable(scene, scope, scene.current)).length);
    if (!next && !this.scope) this.editor.note("There is no label to move yet.");
    this.scope = next ?? null;
  }

  // --- by keys --------------------------------------------------------------------------------------------------

  move(dx, dy) {
    this.adjust((places, size) => move(places, dx, dy, size));
  }

  scale(direction) {
    this.adjust((places, size) => scale(places, STEPS.scale ** direction, middle(places), size));
  }

  turn(direction) {
    this.adjust((places, size) => turn(places, direction * STEPS.turn, middle(places), size));
  }

  adjust(change) {
    const { editor } = this;
    const { scene } = editor.canvas;
    const places = movable(scene, this.scope, scene.current);
    const ids = Object.keys(places);
    if (!ids.length) return;
    editor.showPlaces(change(places, [editor.picture.width, editor.picture.height]));
    editor.sendSoon(ids, "moved");
  }
}
