// The form beside the reference picture: name, template, picture, normalizer, the twelve groups, findings, saving.

import { groupTitle } from "../shell/definition.js";
import { el } from "../shell/dom.js";
import { emptyDraft, setNormalizer } from "./draft.js";
import { GroupFace } from "./group_face.js";
import { hint } from "./hints.js";

/** @import { DefinitionFindings, Draft, Landmark, Picture, Template } from "../shell/types.js" */

/** A row of the form. @typedef {"name" | "start" | "picture" | "normalizer"} FormKey */

/** Rows for which the server checks a key of the category. @type {FormKey[]} */
const OWN_KEYS = ["name", "normalizer"];

/**
 * @typedef {object} FormEvents
 * @property {(draft: Draft) => void} change
 * @property {(name: string) => void} template
 * @property {(id: number) => void} picture
 * @property {(file: File) => void} importFile
 * @property {() => void} exportFile
 * @property {(group: number) => void} group
 * @property {() => void} versions
 * @property {() => void} pairs  Shows the proposed mirror pairs.
 * @property {(id: string) => void} select
 * @property {() => void} save
 * @property {() => void} label  Goes to the Label page.
 */

export class SchemaForm {
  /** @param {FormEvents} on */
  constructor(on) {
    this.on = on;
    this.draft = emptyDraft();
    /** What is said below a row of the form. @type {Partial<Record<FormKey, HTMLElement>>} */
    this.notes = {};
    this.dirty = false;
    this.blocked = false;
    /** @type {(label: string, run: (select: HTMLSelectElement) => unknown) => HTMLSelectElement} */
    const select = (label, run) => {
      const field = el("select.field", { "aria-label": label });
      field.addEventListener("change", () => run(field));
      return field;
    };
    /** @type {(text: string, title: string, run: () => unknown) => HTMLButtonElement} */
    const button = (text, title, run) => el("button.plain.small", { type: "button", text, title, onclick: run });
    this.name = el("input.field", { type: "text", maxLength: 100, "aria-label": "Name of the schema" });
    this.name.addEventListener("change", () => on.change({ ...this.draft, name: this.name.value.trim() || "face" }));
    this.template = select("Template", (field) => {
      const { value } = field;
      field.value = "";
      if (value) on.template(value);
    });
    this.file = el("input", { type: "file", accept: ".json,.py,.xml,.txt,application/json", hidden: true });
    this.file.addEventListener("change", () => {
      const file = this.file.files?.[0];
      this.file.value = "";
      if (file) on.importFile(file);
    });
    const from = "JSON as Export writes it, or as COCO, MMPose, SLEAP, CVAT or Label Studio have them";
    const bring = button("Import…", `The landmarks of a file: ${from}. You can also drop it anywhere on this page`, () =>
      this.file.click(),
    );
    this.picture = select("Reference picture", ({ value }) => on.picture(Number(value)));
    this.ends = [1, 2].map((k) => select(`Normalizer, end ${k}`, () => this.endChosen()));
    this.to = el("span.to", { text: "to" });
    this.face = new GroupFace((group) => on.group(group));
    this.findings = el("ul.problems", { "aria-live": "polite" });
    this.save = el("button.primary", { type: "button", text: "Save", onclick: () => on.save() });
    this.next = button("Label pictures", "The next step: the Label page shows one picture after the other", on.label);
    this.next.className = "primary";
    this.state = el("span.save-state", { role: "status" });
    this.versions = button("Versions", "All versions and deleted landmarks", () => on.versions());
    /** @type {(key: FormKey, label: string, ...fields: HTMLElement[]) => HTMLElement} */
    const row = (key, label, ...fields) => {
      const note = el("div.row-note", { id: `schema-note-${key}`, role: "status", hidden: true });
      this.notes[key] = note;
      for (const field of fields) field.setAttribute("aria-describedby", note.id);
      return el("div.form-row", {}, el("span.label", { text: label }), ...fields, note);
    };
    /** @type {(name: "picture" | "normalizer", element: HTMLElement) => HTMLElement} */
    const explained = (name, element) => {
      const { button: ask, text } = hint(name);
      element.querySelector(".label")?.append(" ", ask);
      element.append(text);
      return element;
    };
    const rows = el(
      "div.form-rows",
      {},
      row("name", "Name", this.name),
      row("start", "Start from", this.template, bring, this.file),
      explained("picture", row("picture", "Picture", this.picture)),
      explained("normalizer", row("normalizer", "Normalizer", this.ends[0], this.to, this.ends[1])),
    );
    this.head = el("div.schema-form", {}, rows, this.face.element);
    this.foot = [
      this.findings,
      el(
        "div.save-row",
        {},
        this.versions,
        button("Export", "This draft as a JSON file", () => on.exportFile()),
        this.state,
        this.save,
        this.next,
      ),
    ];
  }

  /**
   * @param {Template[]} templates
   * @param {Picture[]} pictures
   */
  offer(templates, pictures) {
    /** @param {Template} template */
    const titled = ({ title, landmarks }) => (title.includes(String(landmarks)) ? title : `${title} (${landmarks})`);
    this.template.replaceChildren(
      el("option", { value: "", text: "choose a template…" }),
      el("option", { value: "blank", text: "Blank: click your own landmarks" }),
      ...templates.map((template) => el("option", { value: template.name, text: titled(template) })),
    );
    this.picture.replaceChildren(...pictures.map(({ id, name }) => el("option", { value: String(id), text: name })));
  }

  /**
   * `group`: the group of the current landmark, or of the next ones.
   * @param {Draft} draft
   * @param {{ dirty: boolean, version: number, group: number | null }} state
   */
  show(draft, { dirty, version, group }) {
    const listed = this.draft.landmarks === draft.landmarks && this.draft.normalizer === draft.normalizer;
    this.draft = draft;
    if (document.activeElement !== this.name) this.name.value = draft.name;
    this.picture.value = String(draft.picture ?? "");
    this.face.show(draft.landmarks, group);
    this.state.textContent = dirty ? "Not saved yet" : draft.landmarks.length ? `Saved, version ${version}` : "";
    this.state.dataset.dirty = String(dirty);
    this.dirty = dirty;
    this.leadOn(!dirty && version > 0 && draft.landmarks.length > 0);
    this.allowSave();
    this.versions.disabled = !version;
    if (!listed) this.showEnds();
  }

  /**
   * The rows of the list show all findings; here, cautions are one line. `proposed`: how many mirror pairs are proposed.
   * @param {DefinitionFindings} findings
   * @param {Landmark[]} landmarks
   * @param {number} proposed
   */
  showFindings({ problems, cautions }, landmarks, proposed) {
    /** @type {(tone: string, text: string, run: (() => void) | null) => HTMLElement} */
    const line = (tone, text, run) =>
      el(`li.${tone}`, {}, run ? el("button", { type: "button", text, onclick: run }) : el("span", { text }));
    /** @type {(tone: string, text: string, landmark: Landmark | undefined) => HTMLElement} */
    const item = (tone, text, landmark) => line(tone, text, landmark ? () => this.on.select(landmark.id) : null);
    for (const key of OWN_KEYS) {
      const problem = problems.find((other) => other.key === key);
      this.note(key, problem ? { text: problem.text, tone: "problem" } : null);
    }
    const others = problems.filter(({ key }) => !OWN_KEYS.some((own) => own === key));
    const items = others.map(({ text, landmarks: [first] }) => item("problem", text, landmarks[first]));
    const [odd] = cautions;
    if (odd) {
      const more = cautions.length > 1 ? ` (and ${cautions.length - 1} more)` : "";
      items.push(item("caution", `Please check: ${odd.text}${more}`, landmarks[odd.landmarks[0]]));
    }
    if (proposed) {
      const pairs = proposed === 1 ? "1 mirror pair is" : `${proposed} mirror pairs are`;
      items.push(line("proposal", `${pairs} proposed: look at ${proposed === 1 ? "it" : "them"}`, this.on.pairs));
    }
    this.findings.replaceChildren(...items);
    this.blocked = problems.length > 0;
    this.allowSave();
  }

  /**
   * Says something below a row: what is wrong with it, or what came of it; null takes it away.
   * @param {FormKey} key
   * @param {{ text: string, tone?: "problem" | "plain", action?: { text: string, run: () => unknown } } | null} said
   */
  note(key, said) {
    const note = this.notes[key];
    if (!note) return;
    note.hidden = !said;
    note.dataset.tone = said?.tone ?? "plain";
    const action = said?.action && el("button.plain.small", { type: "button", text: said.action.text, onclick: said.action.run });
    note.replaceChildren(said?.text ?? "", ...(action ? [" ", action] : []));
    for (const field of note.parentElement?.querySelectorAll(".field") ?? [])
      field.setAttribute("aria-invalid", String(said?.tone === "problem"));
  }

  /**
   * Once all is saved, the button for the next step stands in place of Save, and takes the focus from it.
   * @param {boolean} saved
   */
  leadOn(saved) {
    const focused = document.activeElement === this.save;
    this.next.hidden = !saved;
    this.save.hidden = saved;
    if (saved && focused) this.next.focus();
  }

  allowSave() {
    this.save.disabled = !this.dirty || this.blocked || !this.draft.landmarks.length;
  }

  /** The normalizer: two landmarks, the means of groups or of other sets of landmarks, or the face's box. */
  showEnds() {
    const { landmarks, normalizer } = this.draft;
    const members = groupMembers(landmarks);
    this.ends.forEach((select, k) => {
      const chosen = normalizer?.[k] ?? [];
      const group = [...members].find(([, ids]) => ids.length > 1 && sameSet(ids, chosen))?.[0];
      const options = [el("option", { value: "box", text: "the face's box" })];
      if (chosen.length > 1 && group === undefined) {
        options.push(el("option", { value: "mean", text: `middle of ${chosen.length} landmarks` }));
      }
      const middles = [...members]
        .filter(([, ids]) => ids.length > 1)
        .map(([key, ids]) => el("option", { value: `group ${key}`, text: `${groupTitle(key)} (${ids.length})` }));
      select.replaceChildren(
        ...options,
        el("optgroup", { label: "Landmark" }, ...landmarks.map(({ id, name }) => el("option", { value: id, text: name }))),
        el("optgroup", { label: "Middle of a group" }, ...middles),
      );
      if (!normalizer) select.value = "box";
      else if (group !== undefined) select.value = `group ${group}`;
      else select.value = chosen.length > 1 ? "mean" : chosen[0];
      select.title = select.selectedOptions[0]?.text ?? "";
    });
    this.to.hidden = this.ends[1].hidden = !normalizer;
  }

  endChosen() {
    const { landmarks, normalizer } = this.draft;
    const values = this.ends.map((select) => select.value);
    if (values[0] === "box" || (normalizer && values[1] === "box"))
      return this.on.change(setNormalizer(this.draft, null));
    const members = groupMembers(landmarks);
    const [a, b] = values.map((value, k) => {
      if (value === "mean") return normalizer?.[k] ?? [];
      return value.startsWith("group ") ? (members.get(Number(value.slice(6))) ?? []) : [value];
    });
    const other = normalizer ? b : opposite(a, landmarks);
    if (other.length) this.on.change(setNormalizer(this.draft, [a, other]));
  }
}

/**
 * The landmarks of each group, in the order of the groups.
 * @param {Landmark[]} landmarks
 * @returns {Map<number, string[]>}
 */
function groupMembers(landmarks) {
  /** @type {Map<number, string[]>} */
  const members = new Map();
  for (const { id, group } of landmarks) members.set(group, [...(members.get(group) ?? []), id]);
  return new Map([...members].sort(([a], [b]) => a - b));
}

/**
 * The mirror partners of `ids` as the other end; without them, the first other landmark.
 * @param {string[]} ids
 * @param {Landmark[]} landmarks
 * @returns {string[]}
 */
function opposite(ids, landmarks) {
  const own = landmarks.filter(({ id }) => ids.includes(id));
  const partners = own.map(({ mirror }) => mirror).filter((mirror) => mirror !== null && !ids.includes(mirror));
  if (partners.length === own.length) return partners.filter((mirror) => mirror !== null);
  return landmarks.filter(({ id }) => !ids.includes(id)).map(({ id }) => id).slice(0, 1);
}

/**
 * @param {string[]} a
 * @param {string[]} b
 */
const sameSet = (a, b) => a.length === b.length && a.every((id) => b.includes(id));
