// The bar at the top: product, project, progress, learning in the background, and whether everything is saved.

import { el } from "./dom.js";
import { progressText } from "./pace.js";
import { tellRefusals } from "./page.js";

/** @import { Learning, Overview } from "./types.js" */
/** @import { Session, Status } from "./session.js" */

// How often the bar asks what the server has learned.
const LEARNING_MS = 3000;

export class Bar {
  /**
   * @param {HTMLElement} root
   * @param {Session | null} session
   */
  constructor(root, session) {
    this.session = session;
    root.classList.add("topbar");
    this.project = el("span.project", { text: session?.project ?? "", title: session?.project ?? "" });
    this.progress = el("span.progress-text");
    this.fill = el("span.fill");
    this.meter = el("span.meter", { "aria-hidden": "true" }, this.fill);
    this.learning = el("button.learning", {
      type: "button",
      role: "switch",
      hidden: true,
      onclick: () => this.switchLearning(),
    });
    // What is wrong with the stored labels stands on the Project page.
    this.trouble = el("a.trouble", { href: `/${location.search}#project`, role: "alert", hidden: true });
    this.mark = el("button.save-mark", {
      type: "button",
      title: "Edits are saved at once",
      onclick: () => session?.retryNow(),
    });
    // A screen reader says what stands in it whenever that changes.
    this.told = el("span.told", { role: "status" }, this.mark);
    root.append(
      el("a.product", { href: "/", text: "mdmd labeler" }),
      this.project,
      el("span.spacer"),
      this.meter,
      this.progress,
      this.learning,
      this.trouble,
      this.told,
    );
    if (!session) return;
    session.on("status", (status) => this.showStatus(status));
    session.on("view", () => this.refreshSoon());
    session.on("refresh", () => this.refreshSoon());
    tellRefusals(root, session);
    this.showStatus(session.status);
    this.refresh();
    this.followLearning();
  }

  async followLearning() {
    if (!document.hidden) this.showLearning(await this.session?.get("/learning").catch(() => null));
    setTimeout(() => this.followLearning(), LEARNING_MS);
  }

  async switchLearning() {
    const on = this.learning.getAttribute("aria-checked") !== "true";
    this.showLearning(await this.session?.request("PUT", "/learning", { on }).catch(() => null));
  }

  /** @param {Learning | null} learning null: the server did not answer */
  showLearning(learning) {
    if (!learning) return;
    this.learning.hidden = learning.text === null;
    this.learning.textContent = learning.text;
    this.learning.title = learning.title;
    this.learning.setAttribute("aria-checked", String(learning.on));
  }

  /** @param {Status} status */
  showStatus({ state, message }) {
    this.mark.dataset.state = state;
    this.mark.textContent = message || "saved";
    this.told.setAttribute("role", state === "failed" ? "alert" : "status");
  }

  refreshSoon() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.refresh(), 600);
  }

  async refresh() {
    /** @type {Overview | null} */
    const overview = (await this.session?.get("").catch(() => null)) ?? null;
    if (!overview) return;
    const { faces, complete_faces: done } = overview.progress;
    this.progress.textContent = this.progress.title = progressText(overview);
    const [first = "", ...others] = overview.warnings;
    this.trouble.hidden = !first;
    this.trouble.title = [first, ...others].join("\n");
    this.trouble.textContent = overview.read_only ? "cannot be changed" : "labels need a look";
    this.fill.style.width = `${faces ? (100 * done) / faces : 0}%`;
  }
}
