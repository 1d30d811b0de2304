// Puts the right page into each `.canvas-root` that Gradio has mounted. All pages share one session.

import { Bar } from "./shell/bar.js";
import { listenForCopies } from "./shell/copy.js";
import { el } from "./shell/dom.js";
import { tellWhatIsDone } from "./shell/done.js";
import { followProblems, goToProblem } from "./shell/forms.js";
import { matchLandmarks } from "./project/matching.js";
import { LabelPage } from "./label/label.js";
import { emptyState, messageOf, NO_PROJECT } from "./shell/page.js";
import { ReviewPage } from "./review/review.js";
import { SchemaPage } from "./schema/schema.js";
import { Session } from "./shell/session.js";
import { followTabs } from "./shell/tabs.js";

/** @import { Overview } from "./shell/types.js" */

/** The element of a page, with the page for tests. @typedef {HTMLElement & { page?: Bar | LabelPage | ReviewPage | SchemaPage }} Mounted */

const PAGES = { label: LabelPage, review: ReviewPage, schema: SchemaPage };

const project = new URLSearchParams(location.search).get("project");
const session = project ? new Session(project) : null;
// Gradio's handlers send this event after adding pictures or predictions.
window.addEventListener("labeler-changed", () => {
  session?.removed.clear(); // a picture may have been put back, with its faces
  session?.announceChange();
});
listenForCopies(document);
matchLandmarks(document);
// A training that was started is shown beside the form, whose button may be far below.
window.addEventListener("labeler-started", () => document.getElementById("run")?.scrollIntoView({ block: "nearest" }));
// A form that was refused says at each field what is wrong with it.
window.addEventListener("labeler-refused", goToProblem);
followProblems();

/**
 * @param {HTMLElement} element what Gradio made of a template that holds `<div class="canvas-root" data-page="...">`
 */
export async function boot(element) {
  /** @type {Mounted} */
  const root = element.querySelector(".canvas-root") ?? element;
  if (root.dataset.booted) return;
  root.dataset.booted = "true";
  const { page } = root.dataset;
  if (page === "bar") {
    const bar = new Bar(root, session);
    root.page = bar;
    tellWhatIsDone(root);
    return followTabs(landingTab(), () => session && bar.refreshSoon());
  }
  // The title of the page for who does not see the tabs.
  root.append(el("h1.sr-only", { text: `${page?.[0].toUpperCase()}${page?.slice(1)}` }));
  if (!session) return emptyState(root, NO_PROJECT);
  const problem = await session.get("").then(
    () => null,
    (error) => messageOf(error),
  );
  if (problem) return emptyState(root, { ...NO_PROJECT, title: "This project cannot be opened", text: problem });
  await session.ready;
  if (page === "label" || page === "review" || page === "schema") root.page = new PAGES[page](root, session);
}

/** The first tab: what the open project needs next, or its labeling. */
async function landingTab() {
  /** @type {Overview | null} */
  const overview = session && (await session.get("").catch(() => null));
  if (!overview || !overview.progress.pictures) return "project";
  return overview.definition ? "label" : "schema";
}
