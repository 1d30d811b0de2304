// Brightness and contrast of the picture, not of the points. The picture is filtered once into a copy: drawing the
// copy costs what drawing the picture costs, while a filter at every frame costs four times that.

const KEY = "mdmd.look";
/** Both are in stops: 0 is the picture as it is, 1 is twice as much. */
export const MOST = 2;
export const STEP = 0.25;
const PLAIN = { brightness: 0, contrast: 0 };
/** A copy takes 4 bytes a pixel; a picture larger than this is filtered as it is drawn. */
const MOST_PIXELS = 16e6;

export class Look extends EventTarget {
  /** `storage`: where it is kept, such as sessionStorage; without one it is forgotten with the page. */
  constructor(storage = null) {
    super();
    this.storage = storage;
    this.values = { ...PLAIN, ...JSON.parse(storage?.getItem(KEY) ?? "{}") };
  }

  get plain() {
    return Object.values(this.values).every((stops) => stops === 0);
  }

  get filter() {
    const { brightness, contrast } = this.values;
    return `brightness(${2 ** brightness}) contrast(${2 ** contrast})`;
  }

  /** `name`: "brightness" or "contrast". */
  set(name, stops) {
    this.values[name] = Math.min(Math.max(stops, -MOST), MOST);
    this.changed();
  }

  step(name, direction) {
    this.set(name, this.values[name] + direction * STEP);
  }

  reset() {
    this.values = { ...PLAIN };
    this.changed();
  }

  changed() {
    this.storage?.setItem(KEY, JSON.stringify(this.values));
    this.dispatchEvent(new CustomEvent("changed"));
  }

  /** What to draw for `image`: {picture, filter}, the filter being "none" where the picture holds it already. */
  of(image) {
    if (this.plain || !image) {
      this.copy = null;
      return { picture: image, filter: "none" };
    }
    const width = image.width;
    const height = image.height;
    if (width * height > MOST_PIXELS) return { picture: image, filter: this.filter };
    if (this.copy?.image !== image || this.copy.filter !== this.filter) {
      const picture = Object.assign(document.createElement("canvas"), { width, height });
      const context = picture.getContext("2d");
      context.filter = this.filter;
      context.drawImage(image, 0, 0);
      this.copy = { image, filter: this.filter, picture };
    }
    return { picture: this.copy.picture, filter: "none" };
  }
}
