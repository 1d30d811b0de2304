// The map between image pixels and CSS pixels of the canvas: screen = image * scale + (x, y).
// `rem`: the size of the browser's text in CSS pixels, for what is written on the canvas.

export class Viewport {
  constructor() {
    Object.assign(this, { scale: 1, x: 0, y: 0, width: 0, height: 0, imageWidth: 0, imageHeight: 0, rem: 16 });
  }

  toScreen(x, y) {
    return [x * this.scale + this.x, y * this.scale + this.y];
  }

  toImage(x, y) {
    return [(x - this.x) / this.scale, (y - this.y) / this.scale];
  }

  fitScale(width = this.imageWidth, height = this.imageHeight, margin = 16) {
    return Math.min((this.width - 2 * margin) / width, (this.height - 2 * margin) / height);
  }

  /** Show the rectangle [x, y, w, h] of the image, centred and as large as it goes. */
  frame([x, y, w, h], margin = 16) {
    this.scale = this.clamp(this.fitScale(Math.max(w, 1), Math.max(h, 1), margin));
    this.centre(x + w / 2, y + h / 2);
  }

  /** Show an image point at `scale`: in the middle, or as near to it as the picture fills the view. */
  bring(x, y, scale) {
    this.scale = this.clamp(scale);
    const near = (place, image, shown) =>
      image < shown ? image / 2 : Math.min(Math.max(place, shown / 2), image - shown / 2);
    const cx = near(x, this.imageWidth, this.width / this.scale);
    this.centre(cx, near(y, this.imageHeight, this.height / this.scale));
  }

  centre(x, y) {
    this.x = this.width / 2 - x * this.scale;
    this.y = this.height / 2 - y * this.scale;
  }

  /** Zoom so that the image point under (screenX, screenY) stays there. */
  zoomAt(factor, screenX, screenY) {
    const [x, y] = this.toImage(screenX, screenY);
    this.scale = this.clamp(this.scale * factor);
    this.x = screenX - x * this.scale;
    this.y = screenY - y * this.scale;
    this.keepInSight();
  }

  pan(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.keepInSight();
  }

  clamp(scale) {
    const fit = this.fitScale();
    return Math.min(Math.max(scale, fit / 4, 1e-3), Math.max(64, fit * 64));
  }

  // At least 40 CSS pixels of the picture stay on the canvas, so that it cannot be lost by panning.
  keepInSight() {
    this.x = Math.min(Math.max(this.x, 40 - this.imageWidth * this.scale), this.width - 40);
    this.y = Math.min(Math.max(this.y, 40 - this.imageHeight * this.scale), this.height - 40);
  }

  contains(x, y) {
    return x >= 0 && y >= 0 && x <= this.imageWidth && y <= this.imageHeight;
  }
}
