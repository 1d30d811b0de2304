// Decoded pictures: those used last, up to a number of pixels, and neighbors fetched ahead. They are bitmaps, which are closed
// when they leave the cache; browsers keep the pixels of an <img> for as long as they like.

/** @import { PictureSize } from "../shell/types.js" */
/** @import { Session } from "../shell/session.js" */

/** The size of the cache, in pixels of four bytes: a dozen screen-sized copies. */
const PIXELS = 24_000_000;
const SCREEN_WIDTH = 1600;

/** @typedef {{ promise: Promise<ImageBitmap>, pixels: number }} Entry */

export class PictureCache {
  /** @param {Session} session */
  constructor(session) {
    this.session = session;
    /** By picture id; the one used last is at the end. @type {Map<number, Entry>} */
    this.entries = new Map();
    /** The id of the picture on the canvas. @type {number | null} */
    this.held = null;
    /** The one original that is shown enlarged. @type {{ id: number, promise: Promise<ImageBitmap> } | null} */
    this.near = null;
  }

  /**
   * Promises the decoded screen-sized picture; rejects with the server's message where it cannot be shown.
   * @param {PictureSize} picture
   * @returns {Promise<ImageBitmap>}
   */
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

  /**
   * Drops the pictures used longest ago until the cache has its size again.
   * @param {number} newest
   */
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

  /**
   * This picture is drawn from now on: it is kept, and the original of another one is dropped.
   * @param {PictureSize} picture
   */
  hold(picture) {
    this.held = picture.id;
    if (this.near && this.near.id !== picture.id) this.letGo();
  }

  /**
   * The original's own pixels, for a view closer than the screen-sized copy allows.
   * @param {PictureSize} picture
   * @returns {Promise<ImageBitmap>}
   */
  original(picture) {
    if (this.near?.id === picture.id) return this.near.promise;
    this.letGo();
    this.near = { id: picture.id, promise: load(this.session.pictureUrl(picture)) };
    return this.near.promise;
  }

  letGo() {
    if (this.near) release(this.near);
    this.near = null;
  }

  /** @param {PictureSize[]} pictures */
  prefetch(pictures) {
    for (const picture of pictures) this.get(picture).catch(() => {});
  }

  /**
   * Whether the screen-sized copy is the original.
   * @param {PictureSize} picture
   */
  hasOriginal(picture) {
    return picture.width <= SCREEN_WIDTH;
  }
}

/** @param {PictureSize} picture */
function pixelsOf({ width, height }) {
  const scale = Math.min(SCREEN_WIDTH / width, 1);
  return width * scale * height * scale;
}

/** @param {{ promise: Promise<ImageBitmap> }} entry */
function release({ promise }) {
  promise.then(
    (bitmap) => bitmap.close(),
    () => {},
  );
}

/**
 * Promises the pixels of a picture, which the caller closes; rejects with a message for the user.
 * @param {string} url
 * @returns {Promise<ImageBitmap>}
 */
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
