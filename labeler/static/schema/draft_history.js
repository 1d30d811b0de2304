// The drafts of a page, one after the other: undo, redo, and a copy in localStorage that outlives the page.

import { remember } from "../shell/memory.js";

export class DraftHistory {
  constructor(key, storage = localStorage) {
    Object.assign(this, { key, storage, past: [], future: [], draft: null, version: null });
  }

  /** Begin with `draft` of definition version `version`; what was done before is over. */
  begin(draft, version) {
    Object.assign(this, { draft, version, past: [], future: [] });
  }

  push(draft) {
    this.past.push(this.draft);
    this.future = [];
    this.keep(draft);
  }

  /** The draft before, or null. */
  undo() {
    return this.step(this.past, this.future);
  }

  redo() {
    return this.step(this.future, this.past);
  }

  step(from, to) {
    if (!from.length) return null;
    to.push(this.draft);
    return this.keep(from.pop());
  }

  keep(draft) {
    this.draft = draft;
    remember(this.storage, this.key, JSON.stringify({ version: this.version, draft }));
    return draft;
  }

  /** {version, draft} that a closed page left, or null; what cannot be read is none. */
  kept() {
    try {
      const kept = JSON.parse(this.storage.getItem(this.key));
      return kept?.draft?.landmarks && kept.draft.places && kept.draft.edges ? kept : null;
    } catch {
      return null;
    }
  }

  forget() {
    this.storage.removeItem(this.key);
  }
}
