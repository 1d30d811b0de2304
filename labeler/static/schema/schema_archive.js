// Between the draft of the schema page and what is stored: the saved versions, the templates, and files.

import { changesBetween } from "./changes.js";
import { el, toast } from "../shell/dom.js";
import { messageOf } from "../shell/page.js";
import { ApiError } from "../shell/session.js";
import { goToTab } from "../shell/tabs.js";
import * as drafts from "./draft.js";
import { merged } from "./draft_merge.js";
import { fileOf, isForThisPage, readCategory } from "./exchange.js";
import { askToSave, showNewer, showVersions } from "./schema_dialogs.js";

/** @import { DefinitionFindings, DefinitionVersion, Draft, Effect, Landmark, SavedDefinition } from "../shell/types.js" */
/** @import { SchemaPage } from "./schema.js" */

const LARGEST_FILE = 64 * 2 ** 20;
const GUESSED = " It has no groups: these, and pairs that it does not tell, are guessed from the names. Please check them.";

export class SchemaArchive {
  /** @param {SchemaPage} page */
  constructor(page) {
    this.page = page;
    this.session = page.session;
    /** What the server has; null until it has answered. @type {SavedDefinition | null} */
    this.saved = null;
    /** Whether a save is going on: another one meanwhile would be of a version that is none any more. */
    this.saving = false;
  }

  get version() {
    return this.saved?.version ?? 0;
  }

  savedDraft() {
    return drafts.draftOf(this.saved?.category ?? null, this.saved?.reference);
  }

  // --- saving ---------------------------------------------------------------------------------------------------

  /** Saves. A dialog first shows what contradicts itself, and the effect on the labels of an existing definition. */
  async save() {
    const { page } = this;
    if (!page.draft.landmarks.length || !page.dirty) return;
    const onSave = () => this.alone(() => this.store());
    await this.alone(() => page.trying(async () => {
      const { problems, cautions } = await page.findings();
      if (problems.length) return page.showFindings({ problems, cautions });
      if (!this.version) {
        if (!cautions.length) return this.store();
        return askToSave(page.root, { cautions, changes: null, version: 1, onSave });
      }
      const { effect, versions } = await this.told();
      const earlier = new Set(versions.flatMap(({ category }) => category.landmark_ids.map(String)));
      const changes = changesBetween(this.savedDraft(), page.draft, earlier);
      const version = this.version + 1;
      askToSave(page.root, { cautions, changes: { list: changes, effect }, version, onSave });
    }));
  }

  /**
   * Does `work`, unless a save is going on.
   * @param {() => Promise<unknown>} work
   */
  async alone(work) {
    if (this.saving) return;
    this.saving = true;
    await work().finally(() => (this.saving = false));
  }

  /**
   * The effect of the draft on the labels, and all versions.
   * @returns {Promise<{ effect: Effect, versions: DefinitionVersion[] }>}
   */
  async told() {
    const { category } = drafts.toSave(this.page.draft);
    const [effect, versions] = await Promise.all([
      this.session.request("POST", "/definition/effect", { category }),
      this.session.get("/definition/versions"),
    ]);
    return { effect, versions };
  }

  async store() {
    const { page } = this;
    const { draft } = page;
    const body = { ...drafts.toSave(draft), version: this.version, annotator: this.session.annotator };
    try {
      this.saved = await this.session.request("PUT", "/definition", body);
    } catch (error) {
      if (error instanceof ApiError && error.status === 409) return page.trying(() => this.meetNewer());
      return page.say(messageOf(error));
    }
    page.wasSaved(draft, this.savedDraft());
    this.session.announceChange();
    const first = this.version === 1;
    toast(page.root, `Saved. ${first ? "Next: label your pictures on the Label page." : "Labels stay with their landmarks."}`);
  }

  /**
   * Another version was saved since the draft began: the draft takes over what it changed, and a dialog says so. Undo takes the
   * draft back as it was.
   */
  async meetNewer() {
    const { page } = this;
    /** @type {[SavedDefinition, DefinitionVersion[]]} */
    const [saved, versions] = await Promise.all([this.session.get("/definition"), this.session.get("/definition/versions")]);
    const began = versions.find(({ version }) => version === page.history.version);
    const base = drafts.draftOf(began?.category ?? null, began?.reference);
    this.saved = saved;
    page.history.version = saved.version;
    const theirs = this.savedDraft();
    const draft = merged(page.draft, base, theirs);
    page.apply(draft);
    const earlier = new Set(versions.slice(1).flatMap(({ category }) => category.landmark_ids.map(String)));
    showNewer(page.root, {
      version: saved.version,
      changes: changesBetween(began ? base : null, theirs, earlier),
      own: changesBetween(theirs, draft, earlier),
      onSave: () => this.save(),
      onTake: async () => page.begin(await this.withPicture(theirs)),
    });
  }

  // --- versions -------------------------------------------------------------------------------------------------

  async openVersions() {
    const { page } = this;
    if (!this.version) return;
    await page.trying(async () => {
      const { effect, versions } = await this.told();
      showVersions(page.root, {
        versions,
        labels: effect.labels,
        current: new Set(page.draft.landmarks.map(({ id }) => id)),
        onRestore: (saved) => this.restoreVersion(saved),
        onRestoreLandmark: (landmark, from) => this.restoreLandmark(landmark, from),
      });
    });
  }

  /**
   * Makes an old version the draft. Its landmarks have their ids, so saving it restores their labels.
   * @param {DefinitionVersion} saved
   */
  async restoreVersion({ version, category, reference }) {
    const { page } = this;
    page.begin(await this.withPicture(drafts.draftOf(category, reference)));
    toast(page.root, `Version ${version} is the draft now. Save it to make it the newest version.`);
  }

  /**
   * A version's draft on its own reference picture, or on the page's where it has none.
   * @param {Draft} draft
   */
  async withPicture(draft) {
    const { page } = this;
    return page.has(draft.picture) || !page.picture ? draft : page.onPicture(draft, page.picture);
  }

  /**
   * Restores a deleted landmark, at its place in its version or at its label on the picture.
   * @param {Landmark} landmark
   * @param {Draft} from
   */
  async restoreLandmark(landmark, from) {
    const { page } = this;
    const { picture } = page;
    const there = from.picture === page.draft.picture || !picture ? from : await page.onPicture(from, picture);
    page.apply(drafts.restore(page.draft, landmark, there.places[landmark.id]));
    page.select(landmark.id);
  }

  // --- templates and files --------------------------------------------------------------------------------------

  /** @param {string} name */
  async startFrom(name) {
    if (name === "blank") return this.replace(drafts.emptyDraft());
    const path = `/definition/templates/${encodeURIComponent(name)}`;
    await this.startingWith(async () => this.replace(drafts.draftOf(await this.session.get(path))));
  }

  /**
   * Does `work` and says what is wrong at the field that began it.
   * @param {() => Promise<unknown>} work
   */
  async startingWith(work) {
    const { form } = this.page;
    form.note("start", null);
    try {
      await work();
    } catch (error) {
      form.note("start", { text: messageOf(error), tone: "problem" });
    }
  }

  /**
   * Replaces the draft. Landmarks with known names keep their places and labels; all others are new. Undo goes back.
   * @param {Draft} draft
   */
  replace(draft) {
    const { page } = this;
    const { landmarks, places, picture } = page.draft;
    const adopted = drafts.adoptIds(draft, [...landmarks, ...this.savedDraft().landmarks]);
    const kept = adopted.landmarks.filter(({ id }) => places[id]).map(({ id }) => [id, places[id]]);
    page.begin({ ...adopted, picture, places: Object.fromEntries(kept) });
  }

  /**
   * The JSON of the category in a file; the server reads those of other tools.
   * @param {File} file
   */
  async textOfCategory(file) {
    const text = await file.text();
    if (isForThisPage(text)) return text;
    return JSON.stringify(await this.session.request("POST", "/definition/read", { file: file.name, text }));
  }

  /** @param {File} file */
  async importFile(file) {
    await this.startingWith(async () => {
      if (file.size > LARGEST_FILE)
        throw new Error(`${file.name} has ${file.size} bytes, wanted at most ${LARGEST_FILE}`);
      const { category, guessed, labeled } = readCategory(await this.textOfCategory(file), file.name);
      /** @type {DefinitionFindings} */
      const { problems } = await this.session.request("POST", "/definition/check", { category });
      if (problems.length) throw new Error(`${file.name}: ${problems.map(({ text }) => text).join("; ")}`);
      this.replace(drafts.draftOf(category));
      const groups = guessed ? GUESSED : "";
      toast(this.page.root, `${category.keypoints.length} landmarks from ${file.name}.${groups}`);
      if (labeled)
        this.page.form.note("start", {
          text:
            `${file.name} also holds labels of ${labeled} face${labeled === 1 ? "" : "s"}. A schema takes only the landmarks. ` +
            "To bring in the labels, name the folder of the file on the Project page.",
          action: { text: "Project page", run: () => goToTab("project") },
        });
    });
  }

  exportFile() {
    const { name, text } = fileOf(this.page.draft);
    const link = el("a", { href: URL.createObjectURL(new Blob([text], { type: "application/json" })), download: name });
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href));
  }
}
