"""The part of the Export tab that writes a data set for another tool."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import gradio as gr
from markupsafe import Markup

from labeler.guidance.progress import Only
from labeler.html.markup import plural, render
from labeler.pages.request import QUIETLY, errors_as_messages, wanted_project
from labeler.project.exchange import SetReport
from labeler.project.outgoing import Split
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.heldout import held_out_of_newest
from labeler.runs.model_exports import zip_folder
from mdmd.errors import DataError
from mdmd.files import replace_file
from mdmd.formats.known import FORMATS, by_name

KEPT, AS_TRAINED, SHARES = "kept", "as-trained", "shares"
SPLITS = [
    ("As the pictures came in", KEPT),
    ("As trained: held-out faces are val", AS_TRAINED),
    ("In shares", SHARES),
]


#: Which faces are written, on both parts of the tab.
FACES = [
    ("All labeled", "labeled"),
    ("Complete: every landmark", "complete"),
    ("Reviewed: none accepted unseen", "reviewed"),
]


def only_of(chosen: str) -> Only | None:
    """The faces that are wanted, of a choice among `FACES`."""
    choices: dict[str, Only] = {"complete": "complete", "reviewed": "reviewed"}
    return choices.get(chosen)


def build_export_set(workspace: Workspace, chosen: gr.Radio, with_predictions: gr.Checkbox) -> None:
    """A folded form. What it writes is zipped, to be downloaded. `chosen` says which faces are written."""
    with gr.Accordion("For another tool", open=False):
        with gr.Row():
            written = [(form.title, form.name) for form in FORMATS if form.write is not None]
            form = gr.Dropdown(written, value=written[0][1], label="Format")
            split = gr.Dropdown(SPLITS, value=KEPT, label="Train, val and test")
            shares = gr.Textbox("train=80,val=20", label="Shares, in percent", visible=False)
        with_pictures = gr.Checkbox(label="With the pictures", value=True)
        clip = gr.Checkbox(label="Move points outside their picture to its border", value=False)
        write = gr.Button("Write the data set")
        report = gr.HTML(padding=False)
        download = gr.DownloadButton("Download", visible=False)

    @errors_as_messages
    def export(
        name: str,
        split: str,
        shares: str,
        with_pictures: bool,
        chosen: str,
        with_predictions: bool,
        clip: bool,
        request: gr.Request,
    ) -> tuple[str, object]:
        project = wanted_project(workspace, request)
        written = export_set(
            project,
            name,
            split_of(split, shares, project),
            with_pictures=with_pictures,
            only=only_of(chosen),
            with_predictions=with_predictions,
            clip=clip,
        )
        path = written.path.resolve()
        return set_html(written), gr.update(visible=True, value=str(path), label=f"Download {path.name}")

    split.change(lambda chosen: gr.update(visible=chosen == SHARES), split, shares, show_progress="hidden")
    told = [form, split, shares, with_pictures, chosen, with_predictions, clip]
    # What an earlier click wrote is not what this one does.
    cleared = write.click(lambda: (Markup(), gr.update(visible=False)), None, [report, download], **QUIETLY)
    cleared.then(export, told, [report, download])


def split_of(chosen: str, shares: str, project: Project) -> Split:
    """The split that was chosen. Raises DataError."""
    if chosen == SHARES:
        return Split.of(shares)
    return Split(held_out=held_out_of_newest(project)) if chosen == AS_TRAINED else Split()


def export_set(
    project: Project,
    name: str,
    split: Split,
    *,
    with_pictures: bool,
    only: Only | None,
    with_predictions: bool,
    clip: bool,
) -> SetReport:
    """Write a set in the format `name` as one zip file, which replaces an earlier one. Raises DataError."""
    folder = project.folder / "exports" if project.read_only is None else Path(tempfile.mkdtemp(prefix="labeler-"))
    with tempfile.TemporaryDirectory(prefix="labeler-") as made:
        out = Path(made) / f"{project.name}-{name}"
        written = project.export_set(
            by_name(name),
            out,
            split=split,
            pictures="link" if with_pictures else "none",
            only=only,
            with_predictions=with_predictions,
            clip=clip,
        )
        return zipped(written, folder)


def zipped(written: SetReport, folder: Path) -> SetReport:
    """`written` as a zip file in `folder`, with the files that its links lead to. Raises DataError."""
    target = folder / f"{written.path.name}.zip"
    try:
        folder.mkdir(exist_ok=True)
        replace_file(target, lambda partial: zip_folder(written.path, partial))
    except OSError as error:
        raise DataError(f"cannot write {target}: {error.strerror or error}") from None
    return replace(written, path=target)


def set_html(written: SetReport) -> Markup:
    """What was written, and what the format cannot keep."""
    splits = ", ".join(f"{name} {count:,}" for name, count in written.images.items())
    sentence = f"{plural(written.points, 'point')} of {plural(written.faces, 'face')} written; pictures: {splits}."
    if written.predicted:
        sentence += f" Predictions of {plural(written.predicted, 'face')} are beside the labels."
    problems = [f"{written.title} cannot keep all: {loss.words}." for loss in written.lost]
    return render("exported.html", sentence=sentence, problems=problems, path=written.path.resolve())
