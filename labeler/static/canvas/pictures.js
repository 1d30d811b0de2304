// Decoded pictures: as many of those looked at last as fit into a number of pixels, and the neighbours fetched ahead.
// They are bitmaps that are closed when they go; the pixels of an <img> stay for as long as the browser likes.

/** What is kept decoded, in pixels of four bytes: a dozen screen-sized copies. */
const PIXELS = 24_000_000;
const SCREEN_WIDTH = 1600;

export class PictureCache {
  constructor(session) {
    this.session = session;
    this.entries = new Map(); // picture id -> {promise, pixels}, the one asked for last at the end
    this.held = null; // the id of the picture that is on the canvas
    this.near = null; // {id, promise} of the one original that is looked at closely
  }

  /** Promises the decoded screen-sized picture; rejects, with the server's sentence, where it cannot be shown. */
  get(picture) {
    const { id } = picture;
    const known = this.entries.get(id);
    this.entries.delete(id);
    const entry = known ?? { promise: load(this.session.pictureUrl(picture, SCREEN_WIDTH)), pixels: pixelsOf(picture) };
    this.entries.set(id, entry);
    if (!known) entry.promise.catch(() => this.entries.get(id) === entry && this.entries.delete(id));
    this.fit(id);
    return entry.promise;
  }

  fit(newest) {
    let { pixels } = this;
    for (const [id, entry] of this.entries) {
      if (pixels <= PIXELS) break;
      if (id === newest || id === this.held) continue;
      this.entries.delete(id);
      release(entry);
      pixels -= entry.pixels;
    }
  }

  get pixels() {
    return [...this.entries.values()].reduce((sum, entry) => sum + entry.pixels, 0);
  }

  /** Say which picture is drawn from now on: it is kept, and the original of another one is let go. */
  hold(picture) {
    this.held = picture.id;
    if (this.near && this.near.id !== picture.id) this.letGo();
  }

  /** The original's own pixels, for looking closer than the screen-sized copy allows. */
  original(picture) {
    if (this.near?.id !== picture.id) {
      this.letGo();
      this.near = { id: picture.id, promise: load(this.session.pictureUrl(picture)) };
    }
    return this.near.promise;
  }

  letGo() {
    if (this.near) release(this.near);
    this.near = null;
  }

  prefetch(pictures) {
    for (const picture of pictures) this.get(picture).catch(() => {});
  }

  hasOriginal(picture) {
    return picture.width <= SCREEN_WIDTH;
  }
}

function pixelsOf({ width, height }) {
  const scale = Math.min(SCREEN_WIDTH / width, 1);
  return width * scale * height * scale;
}

function release({ promise }) {
  promise.then(
    (bitmap) => bitmap.close(),
    () => {},
  );
}

/** Promises a picture's pixels, which the taker closes; rejects with a sentence. */
export async function load(url) {
  const answer = await fetch(url).catch(() => null);
  if (!answer) throw new Error("The server does not answer");
  if (!answer.ok) {
    const said = await answer.json().catch(() => null);
    throw new Error(said?.error ?? `the server answered ${answer.status}`);
  }
  return createImageBitmap(await answer.blob()).catch(() => {
    throw new Error("This browser cannot decode the picture");
  });
}
