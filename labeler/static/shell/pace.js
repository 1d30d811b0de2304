// How far the project is and how long the rest will take, in words. Pure functions.

/** @import { Overview } from "./types.js" */

/**
 * "4.2 s", "11 s", "2 min 5 s": the time for one face.
 * @param {number} seconds
 */
export function faceTime(seconds) {
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  return whole < 100 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`;
}

/**
 * "less than a minute", "about 12 min", "about 2 h 10 min".
 * @param {number} seconds
 */
export function timeLeft(seconds) {
  const minutes = Math.round(seconds / 60);
  if (minutes < 1) return "less than a minute";
  if (minutes < 60) return `about ${minutes} min`;
  const tens = 10 * Math.round(minutes / 10);
  return `about ${Math.floor(tens / 60)} h${tens % 60 ? ` ${tens % 60} min` : ""}`;
}

/**
 * "87 of 150 faces complete, 3 skipped, 11 s a face, about 12 min left" from the project's overview.
 * @param {Pick<Overview, "progress" | "seconds_a_face">} overview
 */
export function progressText({ progress, seconds_a_face: pace }) {
  const { faces, complete_faces: done, skipped_faces: skipped } = progress;
  if (!faces && !skipped) return "no pictures yet";
  return [
    `${done} of ${faces} ${faces === 1 ? "face" : "faces"} complete`,
    skipped ? `${skipped} skipped` : null,
    pace === null ? null : `${faceTime(pace)} a face`,
    pace === null || done === faces ? null : `${timeLeft(pace * (faces - done))} left`,
  ]
    .filter(Boolean)
    .join(", ");
}
