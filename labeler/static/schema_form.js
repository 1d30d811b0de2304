// The form beside the reference picture: name, template, picture, normaliser, problems, and the state of saving.

import { el } from "./dom.js";
import { setNormalizer } from "./draft.js";

export class SchemaForm {
  /** `on`: {change(draft), template(name), picture(id), save()}. */
  constructor(on) {
    this.on = on;
    const select = (label, run) => el("select.field", { "aria-label": label, onchange: (event) => run(event.target) });
    this.name = el("input.field", { type: "text", maxLength: 100, "aria-label": "Name of the definition" });
    this.name.addEventListener("change", () => on.change({ ...this.draft, name: this.name.value.trim() || "face" }));
    this.template = select("Template", ({ value }) => {
      this.template.value = "";
      if (value) on.template(value);
    });
    this.picture = select("Reference picture", ({ value }) => on.picture(Number(value)));
    this.ends = [1, 2].map((k) => select(`Normaliser, end ${k}`, () => this.endChosen()));
    this.to = el("span.to", { text: "to" });
    this.problems = el("ul.problems", { "aria-live": "polite" });
    this.save = el("button.primary", { type: "button", text: "Save", onclick: () => on.save() });
    this.state = el("span.save-state", { role: "status" });
    const row = (label, ...fields) => el("div.form-row", {}, el("span.label", { text: label }), ...fields);
    this.head = el(
      "div.schema-form",
      {},
      row("Name", this.name),
      row("Start from", this.template),
      row("Picture", this.picture),
      row("Normaliser", this.ends[0], this.to, this.ends[1]),
    );
    this.head.lastElementChild.title =
      "Errors are measured in parts of this length, which every face has: mostly between the outer corners of the eyes.";
    this.foot = [this.problems, el("div.save-row", {}, this.state, this.save)];
  }

  offer(templates, pictures) {
    const titled = ({ title, landmarks }) => (title.includes(String(landmarks)) ? title : `${title} (${landmarks})`);
    this.template.replaceChildren(
      el("option", { value: "", text: "choose a template…" }),
      el("option", { value: "blank", text: "Blank: click your own landmarks" }),
      ...templates.map((template) => el("option", { value: template.name, text: titled(template) })),
    );
    this.picture.replaceChildren(...pictures.map(({ id, name }) => el("option", { value: String(id), text: name })));
  }

  show(draft, { dirty, version }) {
    this.draft = draft;
    this.name.value = draft.name;
    this.state.textContent = dirty ? "Not saved yet" : draft.landmarks.length ? `Saved, version ${version}` : "";
    this.state.dataset.dirty = String(dirty);
    this.save.disabled = !dirty || !draft.landmarks.length;
    this.showEnds();
  }

  showProblems(problems) {
    this.problems.replaceChildren(...problems.map((text) => el("li", { text })));
    if (problems.length) this.save.disabled = true;
  }

  // The normaliser: two landmarks, the middles of two sets of them (from a template), or the face's box.
  showEnds() {
    const { landmarks, normalizer } = this.draft;
    this.ends.forEach((select, k) => {
      const chosen = normalizer?.[k] ?? [];
      const options = [el("option", { value: "box", text: "the face's box" })];
      if (chosen.length > 1) {
        options.push(el("option", { value: "mean", text: `middle of ${chosen.length} landmarks` }));
      }
      select.replaceChildren(...options, ...landmarks.map(({ id, name }) => el("option", { value: id, text: name })));
      select.value = !normalizer ? "box" : chosen.length > 1 ? "mean" : chosen[0];
    });
    this.to.hidden = this.ends[1].hidden = !normalizer;
  }

  endChosen() {
    const { landmarks, normalizer } = this.draft;
    const [a, b] = this.ends.map((select) => select.value);
    if (a === "box" || (b === "box" && normalizer)) return this.on.change(setNormalizer(this.draft, null));
    if (a === "mean" || b === "mean") return this.showEnds();
    const mirrored = landmarks.find(({ id }) => id === a)?.mirror;
    const other = b === "box" ? (mirrored ?? landmarks.find(({ id }) => id !== a)?.id) : b;
    if (other) this.on.change(setNormalizer(this.draft, [a, other]));
  }
}
