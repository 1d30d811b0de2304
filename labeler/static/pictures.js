// Decoded pictures, a few kept, neighbours fetched ahead.

const KEEP = 12;
const SCREEN_WIDTH = 1600;

export class PictureCache {
  constructor(session) {
    this.session = session;
    this.images = new Map();
  }

  /** Promises the decoded screen-sized picture; rejects where it cannot be shown. */
  get(picture) {
    const known = this.images.get(picture.id);
    this.images.delete(picture.id);
    const promise = known ?? load(this.session.pictureUrl(picture, SCREEN_WIDTH));
    this.images.set(picture.id, promise);
    if (!known) promise.catch(() => this.images.delete(picture.id));
    for (const oldest of [...this.images.keys()].slice(0, -KEEP)) this.images.delete(oldest);
    return promise;
  }

  /** The original's own pixels, for looking closer than the screen-sized copy allows. */
  original(picture) {
    return load(this.session.pictureUrl(picture));
  }

  prefetch(pictures) {
    for (const picture of pictures) this.get(picture).catch(() => {});
  }

  hasOriginal(picture) {
    return picture.width <= SCREEN_WIDTH;
  }
}

async function load(url) {
  const image = new Image();
  image.src = url;
  await image.decode();
  return image;
}
