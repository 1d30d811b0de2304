// What the canvas pages share: loading the project, refreshing, messages, and the page when something is missing.

import { fromCategory } from "./definition.js";
import { el, toast } from "./dom.js";
import { goToTab } from "./tabs.js";

/** @import { FaceItem, FaceView, LoadedReference, Overview, Picture, Project, Reference, SavedDefinition } from "./types.js" */
/** @import { Session } from "./session.js" */

/** The server needs up to a second to carry new labels over to the other faces. */
const SAVED_PAUSE_MS = 1000;

/**
 * All that a page with a canvas needs.
 * @param {Session} session
 * @returns {Promise<Project>}
 */
export async function loadProject(session) {
  /** @type {[Overview, Picture[], SavedDefinition]} */
  const [project, pictures, saved] = await Promise.all([
    session.get(""),
    session.get("/pictures"),
    session.get("/definition"),
  ]);
  const definition = project.definition ? fromCategory(project.definition) : null;
  return {
    ...project,
    definition,
    pictures,
    reference: await loadReference(session, saved.reference, pictures),
  };
}

/**
 * @param {Session} session
 * @param {Reference | null} reference
 * @param {Picture[]} pictures
 * @returns {Promise<LoadedReference | null>}
 */
async function loadReference(session, reference, pictures) {
  const picture = pictures.find(({ id }) => id === reference?.picture);
  if (!reference || !picture || Object.keys(reference.points).length < 2) return null;
  const image = new Image();
  image.src = session.pictureUrl(picture, 1600);
  const loaded = await image.decode().then(
    () => true,
    () => false,
  );
  return loaded ? { image, points: reference.points, size: [picture.width, picture.height] } : null;
}

/**
 * The faces in the order of the pictures, numbered from 1.
 * @param {Picture[]} pictures
 * @returns {FaceItem[]}
 */
export function facesOf(pictures) {
  return pictures
    .flatMap((picture) =>
      picture.faces.map((face, k) => ({ ...face, picture, face: face.id, nth: k + 1, count: picture.faces.length })),
    )
    .map((item, k) => ({ ...item, number: k + 1 }));
}

/**
 * Calls `refresh` when the page is shown again (`cameBack`) or the project changed elsewhere, one call at a time. A change
 * during a call may not be in its result, so another call follows.
 * @param {HTMLElement} root
 * @param {Session} session
 * @param {(how: { cameBack: boolean }) => Promise<void>} refresh
 */
export function whenStale(root, session, refresh) {
  let running = false;
  let again = false;
  let cameBack = false;
  const run = async () => {
    if (!root.offsetParent) return;
    again = true;
    if (running) return;
    running = true;
    while (again && root.offsetParent) {
      const how = { cameBack };
      again = cameBack = false;
      try {
        await refresh(how);
      } catch (error) {
        toast(root, messageOf(error), "warning");
      }
    }
    running = false;
  };
  session.on("refresh", run);
  // A hidden tab has no size; it gets one when it is shown.
  let shown = false;
  new ResizeObserver(() => {
    const visible = Boolean(root.offsetParent);
    cameBack ||= visible && !shown;
    if (visible && !shown) run();
    shown = visible;
  }).observe(root);
}

/**
 * Calls `run` in the pause after edits were saved, while the page is shown.
 * @param {HTMLElement} root
 * @param {Session} session
 * @param {() => unknown} run
 */
export function whenSaved(root, session, run) {
  let timer = 0;
  session.on("view", () => {
    clearTimeout(timer);
    timer = setTimeout(() => root.offsetParent && run(), SAVED_PAUSE_MS);
  });
}

/**
 * Says why the server refused an edit, and of which picture: its face may no longer be open, nor any page with a canvas. It is
 * said on the page that is shown, or else on `bar`, which always is.
 * @param {HTMLElement} bar
 * @param {Session} session
 */
export function tellRefusals(bar, session) {
  session.on("refused", ({ picture, message }) => {
    /** @type {NodeListOf<HTMLElement>} */
    const pages = document.querySelectorAll(".workbench");
    const shown = [...pages].find((page) => page.offsetParent);
    toast(shown ?? bar, picture === null ? message : `${picture}: ${message}`, "warning");
  });
}

/** @typedef {{ title: string, text: string, action: string, tab: string }} EmptyState */

/**
 * Shows a message and the next step in place of the page's content; null removes it.
 * @param {HTMLElement} root
 * @param {EmptyState | null} state
 */
export function emptyState(root, state) {
  root.querySelector(":scope > .empty-state")?.remove();
  root.classList.toggle("is-empty", Boolean(state));
  if (!state) return;
  const button = el("button.primary", { type: "button", text: state.action, onclick: () => goToTab(state.tab) });
  root.append(el("div.empty-state", {}, el("h2", { text: state.title }), el("p", { text: state.text }), button));
}

/**
 * The message of what was thrown.
 * @param {unknown} error
 */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

export const NO_PROJECT = {
  title: "No project is open",
  text: "Open one of your projects, or create one from a folder of pictures.",
  action: "Choose a project",
  tab: "project",
};
export const NO_PICTURES = {
  title: "No pictures yet",
  text: "Add pictures of the faces that you want to label. A hundred are a good start.",
  action: "Add pictures",
  tab: "project",
};
export const NO_DEFINITION = {
  title: "No landmarks defined yet",
  text: "Choose your landmarks: start from a template, or click them on a picture.",
  action: "Define landmarks",
  tab: "schema",
};
