// Puts the right page into each `.canvas-root` that Gradio has mounted. One session serves them all.

import { Bar } from "./shell/bar.js";
import { LabelPage } from "./label/label.js";
import { emptyState, NO_PROJECT } from "./shell/page.js";
import { ReviewPage } from "./review/review.js";
import { SchemaPage } from "./schema/schema.js";
import { Session } from "./shell/session.js";
import { followTabs } from "./shell/tabs.js";

const PAGES = { label: LabelPage, review: ReviewPage, schema: SchemaPage };

const project = new URLSearchParams(location.search).get("project");
const session = project ? new Session(project) : null;
// Gradio's handlers say so when they have added pictures or brought in predictions.
window.addEventListener("labeler-changed", () => session?.announceChange());
// What has been started is shown beside the form, whose button may be a long way down.
window.addEventListener("labeler-started", () => document.getElementById("run")?.scrollIntoView({ block: "nearest" }));

/** `element`: what Gradio made of a template that holds `<div class="canvas-root" data-page="...">`. */
export async function boot(element) {
  const root = element.querySelector(".canvas-root") ?? element;
  if (root.dataset.booted) return;
  root.dataset.booted = "true";
  const { page } = root.dataset;
  if (page === "bar") {
    root.page = new Bar(root, session);
    return followTabs(await landingTab(), () => session && root.page.refreshSoon());
  }
  if (!session) return emptyState(root, NO_PROJECT);
  const problem = await session.get("").then(
    () => null,
    (error) => error.message,
  );
  if (problem) return emptyState(root, { ...NO_PROJECT, title: "This project cannot be opened", text: problem });
  await session.ready;
  root.page = new PAGES[page](root, session);
}

/** Where to begin: what the open project lacks, or its labeling. */
async function landingTab() {
  const overview = session && (await session.get("").catch(() => null));
  if (!overview || !overview.progress.pictures) return "project";
  return overview.definition ? "label" : "schema";
}
