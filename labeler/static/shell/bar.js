// The bar at the top: product, project, progress, and whether everything is saved.

import { el } from "./dom.js";
import { progressText } from "./pace.js";

/** @import { Overview } from "./types.js" */
/** @import { Session, Status } from "./session.js" */

export class Bar {
  /**
   * @param {HTMLElement} root
   * @param {Session | null} session
   */
  constructor(root, session) {
    this.session = session;
    root.classList.add("topbar");
    this.project = el("span.project", { text: session?.project ?? "" });
    this.progress = el("span.progress-text");
    this.fill = el("span.fill");
    this.meter = el("span.meter", { "aria-hidden": "true" }, this.fill);
    this.mark = el("button.save-mark", {
      type: "button",
      title: "Edits are saved at once",
      onclick: () => session?.retryNow(),
    });
    root.append(
      el("a.product", { href: "/", text: "mdmd labeler" }),
      this.project,
      el("span.spacer"),
      this.meter,
      this.progress,
      this.mark,
    );
    if (!session) return;
    session.on("status", (status) => this.showStatus(status));
    session.on("view", () => this.refreshSoon());
    session.on("refresh", () => this.refreshSoon());
    this.showStatus(session.status);
    this.refresh();
  }

  /** @param {Status} status */
  showStatus({ state, message }) {
    this.mark.dataset.state = state;
    this.mark.textContent = message || "saved";
    this.mark.setAttribute("role", state === "failed" ? "alert" : "status");
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
    this.progress.textContent = progressText(overview);
    this.fill.style.width = `${faces ? (100 * done) / faces : 0}%`;
  }
}
