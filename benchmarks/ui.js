// Measures the label page from inside: milliseconds from an input event to the end of the frame that shows its effect.

const page = () => document.querySelector(".canvas-root[data-page=label]").page;
const canvas = () => page().editor.canvas;

// Every drawing of the canvas begins with a clear; the microtask after it runs when the drawing is done.
const drawn = new EventTarget();
const context = CanvasRenderingContext2D.prototype;
const clear = context.clearRect;
context.clearRect = function (...rectangle) {
  if (this.canvas.classList.contains("landmark-canvas")) queueMicrotask(() => drawn.dispatchEvent(new Event("drawn")));
  return clear.apply(this, rectangle);
};

function when(target, name, holds) {
  return new Promise((resolve) => {
    const listen = (event) => {
      if (!holds(event)) return;
      target.removeEventListener(name, listen);
      resolve(performance.now());
    };
    target.addEventListener(name, listen);
  });
}

const input = (kind) =>
  new Promise((resolve) =>
    window.addEventListener(kind, (event) => resolve(event.timeStamp), { capture: true, once: true }),
  );

window.probe = {
  /** Arm before a click that places a landmark: how long until it is drawn, and until its save is acknowledged. */
  click() {
    const { editor, session } = page();
    const wanted = Object.keys(editor.view.points).length + 1;
    const began = input("pointerup");
    const shown = when(drawn, "drawn", () => Object.keys(canvas().scene.points).length >= wanted);
    const saved = when(session, "acknowledged", () => !session.pending(editor.view.face));
    this.result = Promise.all([began, shown, saved]).then(([t, a, b]) => ({ drawn: a - t, saved: b - t }));
  },

  /** Arm before the key that opens another face: how long until its picture and points are drawn. */
  step() {
    const { face } = page().editor.view;
    const { image } = canvas().scene;
    const shown = when(drawn, "drawn", () => page().editor.view.face !== face && canvas().scene.image !== image);
    this.result = Promise.all([input("keydown"), shown]).then(([t, a]) => ({ drawn: a - t }));
  },

  /** Open the face at `index`, which no one has asked for yet. */
  jump(index) {
    const { image } = canvas().scene;
    const began = performance.now();
    const shown = when(drawn, "drawn", () => canvas().scene.image !== image);
    page().open(index);
    return shown.then((t) => ({ drawn: t - began }));
  },

  /** Move the pointer that is down once a frame for some seconds; times of the drawings. (Moves that come from outside
   * wait for each other, and so measure the way to the browser.) */
  async glide(seconds, x, y) {
    const times = [];
    const note = () => times.push(performance.now());
    drawn.addEventListener("drawn", note);
    const until = performance.now() + 1000 * seconds;
    for (let step = 0; performance.now() < until; step++) {
      const place = { clientX: x + 90 * Math.sin(step / 20), clientY: y + 60 * Math.sin(step / 13) };
      const move = { ...place, pointerId: 1, pointerType: "mouse", buttons: 1, bubbles: true };
      canvas().element.dispatchEvent(new PointerEvent("pointermove", move));
      await new Promise(requestAnimationFrame);
    }
    drawn.removeEventListener("drawn", note);
    return times;
  },
};
