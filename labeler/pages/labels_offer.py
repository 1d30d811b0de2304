"""The question whether labels that lie beside a folder of pictures come in, below the field that names the folder."""

from __future__ import annotations

from pathlib import Path

import gradio as gr
from markupsafe import Markup

from labeler.html.markup import plural, render
from labeler.html.refused import NOT_THERE, refused_html
from labeler.project.found_labels import FoundLabels, LabelsBeside
from labeler.project.importer import ImportReport

NOTHING = LabelsBeside(Path(), (), ())


class LabelsOffer:
    """The components: the question with its `choice`, and `notes` on files that cannot be used."""

    def __init__(self) -> None:
        self.choice = gr.Radio([], label="Labels", visible=False, elem_classes=["labels-offer"])
        self.notes = gr.HTML(padding=False)
        self.shown = [self.choice, self.notes]


def offer(beside: LabelsBeside, chosen: str | None = None, *, advice: str = "") -> tuple[object, Markup]:
    """Updates of the question and its notes. `chosen` stays chosen if it can; otherwise the most labels are.

    `advice` is what to do about files whose landmarks do not fit.
    """
    notes = render("labels_beside.html", unusable=beside.unusable, advice=advice) if beside.unusable else Markup()
    if not beside.found:
        return gr.update(choices=[], value=None, visible=False), notes
    choices = [*((f"Bring in {words_of(each)}", str(each.file)) for each in beside.found)]
    choices.append(("Only the pictures", _refusal(beside)))
    values = [value for _, value in choices]
    if len(beside.found) == 1:
        [only] = beside.found
        question = f"{plural(only.points, 'label')} in {only.name}: bring them in?"
    else:
        question = f"{len(beside.found)} files beside the pictures hold labels: bring some in?"
    value = chosen if chosen in values else values[0]
    return gr.update(choices=choices, value=value, label=question, visible=True), notes


def words_of(labels: FoundLabels) -> str:
    """ "150 labels of 40 faces on 38 pictures, from annotations.json"."""
    faces = plural(labels.faces, "face")
    return f"{plural(labels.points, 'label')} of {faces} on {plural(labels.images, 'picture')}, from {labels.name}"


def is_answered(beside: LabelsBeside, chosen: str | None) -> bool:
    """Whether `chosen` answers the question about these labels."""
    return not beside.found or chosen == _refusal(beside) or chosen_labels(beside, chosen) is not None


def chosen_labels(beside: LabelsBeside, chosen: str | None) -> FoundLabels | None:
    """The labels to bring in; None for none, and for a choice that was made for another folder."""
    return next((each for each in beside.found if str(each.file) == chosen), None)


def _refusal(beside: LabelsBeside) -> str:
    """The choice to bring in no labels. It names the place, so that it answers no question about another one."""
    return f"only the pictures in {beside.place}"


def imported_html(taken: ImportReport, file: Path) -> Markup:
    """How many labels came in, and which pictures of the file did not."""
    sentence = f"{plural(taken.points, 'label')} of {plural(taken.faces, 'face')} came in from {file.name}"
    if taken.proposed and not taken.faces:
        sentence = (
            f"points of a model came in from {file.name} for {plural(taken.proposed, 'face')}: see the Review page"
        )
    elif taken.proposed:
        sentence += f", and points of a model for {plural(taken.proposed, 'face')}: see the Review page"
    if taken.replaced:
        sentence += f"; labels were replaced on {plural(taken.replaced, 'face')}"
    if taken.already:
        stays = (
            "picture has labels and stays as it is"
            if taken.already == 1
            else "pictures have labels and stay as they are"
        )
        sentence += f"; {taken.already:,} {stays}"
    refused = refused_html(taken.refused, missing=NOT_THERE, thing="record") if taken.refused else ""
    some = bool(taken.faces or taken.proposed)
    return render("imported_labels.html", sentence=f"{sentence}.", refused=refused, notes=taken.notes, some=some)
