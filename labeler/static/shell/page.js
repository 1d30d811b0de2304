// What the canvas pages share: loading the project, coming back into sight, and saying what is missing.

import { fromCategory } from "./definition.js";
import { el, toast } from "./dom.js";
import { goToTab } from "./tabs.js";

/** {name, progress, settings, definition, reference, pictures}: all a canvas page needs to start. */
export async function loadProject(session) {
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
    saved,
    reference: await loadReference(session, saved.reference, pictures),
  };
}

async function loadReference(session, reference, pictures) {
  const picture = pictures.find(({ id }) => id === reference?.picture);
  if (!picture || Object.keys(reference.points).length < 2) return null;
  const image = new Image();
  image.src = session.pictureUrl(picture, 1600);
  const loaded = await image.decode().then(
    () => true,
    () => false,
  );
  return loaded ? { image, points: reference.points, size: [picture.width, picture.height] } : null;
}

/** One item a face, in the order of the pictures, numbered from 1. */
export function facesOf(pictures) {
  return pictures
    .flatMap((picture) =>
      picture.faces.map((face, k) => ({ ...face, picture, face: face.id, nth: k + 1, count: picture.faces.length })),
    )
    .map((item, k) => ({ ...item, number: k + 1 }));
}

/**
 * Calls `refresh` when the page comes into sight or others changed the project, one call at a time: what changes
 * during one may not be in it, so another follows.
 */
export function whenStale(root, session, refresh) {
  let running = false;
  let again = false;
  const run = async () => {
    if (!root.offsetParent) return;
    again = true;
    if (running) return;
    running = true;
    while (again && root.offsetParent) {
      again = false;
      try {
        await refresh();
      } catch (error) {
        toast(root, error.message, "warning");
      }
    }
    running = false;
  };
  session.addEventListener("refresh", run);
  // A tab that was not shown has no size; when it gets one, it is being looked at again.
  let shown = false;
  new ResizeObserver(() => {
    const visible = Boolean(root.offsetParent);
    if (visible && !shown) run();
    shown = visible;
  }).observe(root);
}

/** Says why the server will not take an edit of the face that `page` shows, and shows what holds instead. */
export function tellRefusals({ root, session, editor }) {
  session.addEventListener("refused", ({ detail }) => {
    if (detail.face !== editor.view?.face || !root.offsetParent) return;
    toast(root, detail.message, "warning");
    if (!detail.conflict) editor.reload();
  });
}

/** Puts a sentence and the way on in place of the page's content; null takes it away. */
export function emptyState(root, state) {
  root.querySelector(":scope > .empty-state")?.remove();
  root.classList.toggle("is-empty", Boolean(state));
  if (!state) return;
  const button =
    state.tab && el("button.primary", { type: "button", text: state.action, onclick: () => goToTab(state.tab) });
  root.append(el("div.empty-state", {}, el("h2", { text: state.title }), el("p", { text: state.text }), button));
}

export const NO_PROJECT = {
  title: "No project is open",
  text: "Open one of your projects, or make a new one from a folder of pictures.",
  action: "Choose a project",
  tab: "project",
};
export const NO_PICTURES = {
  title: "No pictures yet",
  text: "Add pictures of the faces you want landmarks on. A hundred are a good start.",
  action: "Add pictures",
  tab: "project",
};
export const NO_DEFINITION = {
  title: "No landmarks defined yet",
  text: "Say which landmarks you want: start from a template or click them onto a picture.",
  action: "Define landmarks",
  tab: "schema",
};
