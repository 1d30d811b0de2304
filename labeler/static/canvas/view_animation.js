// Brings the view of a canvas to another one within a moment, so that the eye keeps its bearings. Whoever wants less motion
// (a setting of the system) sees the new view at once.

import { Viewport } from "./viewport.js";

const MILLISECONDS = 220;

export class Glide {
  constructor(canvas) {
    this.canvas = canvas;
    this.request = null;
  }

  /** Whether the view is under way. */
  get moving() {
    return this.request !== null;
  }

  stop() {
    cancelAnimationFrame(this.request);
    this.request = null;
  }

  /** `aim(viewport)` gives a viewport the view to go to. */
  to(aim) {
    this.stop();
    const { viewport } = this.canvas;
    const target = Object.assign(new Viewport(), viewport);
    aim(target);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const path = pathBetween({ ...viewport }, target);
    const began = performance.now();
    const step = () => {
      const share = still ? 1 : Math.min((performance.now() - began) / MILLISECONDS, 1);
      Object.assign(viewport, path(1 - (1 - share) ** 3)); // quick at first, gently at the end
      this.request = share < 1 ? requestAnimationFrame(step) : null;
      this.canvas.viewChanged();
    };
    step();
  }
}

/** Between two views, a function of how far it is: a zoom about the one point that stays, or where no zoom is, a pan. */
function pathBetween(from, to) {
  const zoom = to.scale / from.scale;
  return (share) => {
    const factor = zoom ** share;
    const way = Math.abs(zoom - 1) < 1e-6 ? share : (factor - 1) / (zoom - 1);
    if (share === 1) return { scale: to.scale, x: to.x, y: to.y };
    return { scale: from.scale * factor, x: from.x + (to.x - from.x) * way, y: from.y + (to.y - from.y) * way };
  };
}
