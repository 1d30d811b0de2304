// Moves the view of a canvas to another one in a short animation, so that the user keeps the orientation. Where the system is
// set to less motion, the new view appears at once.

import { Viewport } from "./viewport.js";

/** @import { LandmarkCanvas } from "./canvas.js" */

const MILLISECONDS = 220;

export class ViewAnimation {
  /** @param {LandmarkCanvas} canvas */
  constructor(canvas) {
    this.canvas = canvas;
    /** @type {number | null} */
    this.request = null;
  }

  /** Whether the view is moving. */
  get moving() {
    return this.request !== null;
  }

  stop() {
    if (this.request !== null) cancelAnimationFrame(this.request);
    this.request = null;
  }

  /** @param {(viewport: Viewport) => void} aim gives a viewport the view to go to */
  to(aim) {
    this.stop();
    const { viewport } = this.canvas;
    const target = Object.assign(new Viewport(), viewport);
    aim(target);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    const path = pathBetween(Object.assign(new Viewport(), viewport), target);
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

/**
 * The way between two views, by the share that is done: a zoom about the one point that stays, or a pan where the
 * scale stays.
 * @param {Viewport} from
 * @param {Viewport} to
 * @returns {(share: number) => { scale: number, x: number, y: number }}
 */
function pathBetween(from, to) {
  const zoom = to.scale / from.scale;
  return (share) => {
    const factor = zoom ** share;
    const way = Math.abs(zoom - 1) < 1e-6 ? share : (factor - 1) / (zoom - 1);
    if (share === 1) return { scale: to.scale, x: to.x, y: to.y };
    return { scale: from.scale * factor, x: from.x + (to.x - from.x) * way, y: from.y + (to.y - from.y) * way };
  };
}
