// The box of a face by keys: arrows move it, Ctrl and arrows move its lower right corner. So is a new face's box, which
// Enter adds. Many small steps are one edit.

const PAUSE_MS = 450;

export class BoxKeys {
  constructor(editor) {
    this.editor = editor;
    this.pending = null;
  }

  get active() {
    return this.editor.canvas.scene.mode === "box";
  }

  move(dx, dy) {
    this.change(([x, y, w, h], width, height) => [limit(x + dx, 0, width - w), limit(y + dy, 0, height - h), w, h]);
  }

  grow(dx, dy) {
    this.change(([x, y, w, h], width, height) => [x, y, limit(w + dx, 1, width - x), limit(h + dy, 1, height - y)]);
  }

  change(to) {
    const { canvas, picture, drawsNewFace } = this.editor;
    const { width, height } = picture;
    const box = to(canvas.scene.box ?? [width / 4, height / 4, width / 2, height / 2], width, height);
    canvas.show({ box });
    if (drawsNewFace) return; // a face that is added stays: it waits for Enter
    clearTimeout(this.pending?.timer);
    this.pending = { box, timer: setTimeout(() => this.flush(), PAUSE_MS) };
  }

  enter() {
    const { editor } = this;
    const { box } = editor.canvas.scene;
    if (!editor.drawsNewFace) this.flush();
    else if (box) editor.boxDrawn(box);
  }

  flush() {
    if (!this.pending) return;
    const { box, timer } = this.pending;
    clearTimeout(timer);
    this.pending = null;
    this.editor.boxDrawn(box);
  }
}

function limit(value, least, most) {
  return Math.min(Math.max(value, least), most);
}
