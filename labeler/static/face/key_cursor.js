// The keyboard's pointer: where the next landmark goes when the arrow keys, and not the mouse, choose its place. It
// starts where the landmark is expected, and is gone when the mouse moves or another landmark becomes current.

export class KeyCursor {
  constructor(editor) {
    this.editor = editor;
    this.place = null;
    /** [x, y] of the newest label: without a better guess, the next one is near. */
    this.lastPlace = null;
    editor.canvas.addEventListener("hover", ({ detail }) => detail.x !== null && this.hide());
  }

  /** Another face is shown. */
  forget() {
    this.place = null;
    this.lastPlace = null;
  }

  show() {
    this.place = this.start();
    this.editor.refresh();
  }

  hide() {
    if (!this.place) return;
    this.place = null;
    this.editor.refresh();
  }

  move(dx, dy) {
    const [x, y] = this.place ?? this.start();
    this.place = this.editor.within(x + dx, y + dy);
    this.editor.refresh();
  }

  start() {
    const { current, picture, view } = this.editor;
    const expected = this.editor.openGhosts()[current] ?? view.predictions[current];
    if (expected) return [expected.x, expected.y];
    const [x, y, w, h] = view.box ?? [0, 0, picture.width, picture.height];
    return this.lastPlace ?? [x + w / 2, y + h / 2];
  }
}
