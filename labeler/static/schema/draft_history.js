// The drafts of a page in order: undo, redo, and a copy in localStorage that survives the page.

import { remember } from "../shell/memory.js";
import { emptyDraft } from "./draft.js";

/** @import { Draft } from "../shell/types.js" */

export class DraftHistory {
  /**
   * @param {string} key
   * @param {Storage} [storage]
   */
  constructor(key, storage = localStorage) {
    this.key = key;
    this.storage = storage;
    /** @type {Draft[]} */
    this.past = [];
    /** @type {Draft[]} */
    this.future = [];
    /** @type {Draft} */
    this.draft = emptyDraft();
    /** The saved version that the draft began with. */
    this.version = 0;
  }

  /**
   * Begins with `draft` of a saved version; there is nothing to undo.
   * @param {Draft} draft
   * @param {number} version
   */
  begin(draft, version) {
    Object.assign(this, { draft, version, past: [], future: [] });
  }

  /** @param {Draft} draft */
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

  /**
   * @param {Draft[]} from
   * @param {Draft[]} to
   */
  step(from, to) {
    const draft = from.pop();
    if (!draft) return null;
    to.push(this.draft);
    return this.keep(draft);
  }

  /** @param {Draft} draft */
  keep(draft) {
    this.draft = draft;
    remember(this.storage, this.key, JSON.stringify({ version: this.version, draft }));
    return draft;
  }

  /**
   * What a closed page left, or null where there is nothing that can be read.
   * @returns {{ version: number, draft: Draft } | null}
   */
  kept() {
    try {
      const kept = JSON.parse(this.storage.getItem(this.key) ?? "null");
      if (!kept?.draft?.landmarks || !kept.draft.places || !kept.draft.edges) return null;
      // A draft from before an update of the tool lacks what the update added.
      return { ...kept, draft: { ...emptyDraft(), ...kept.draft } };
    } catch {
      return null;
    }
  }

  forget() {
    this.storage.removeItem(this.key);
  }
}
