"""The Export tab: how complete the labels are, and the COCO keypoint file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import gradio as gr
from markupsafe import Markup

from labeler.html.markup import plural, render
from labeler.pages.export_set import FACES, build_export_set, only_of
from labeler.pages.request import QUIETLY, errors_as_messages, open_project, wanted_project
from labeler.project.exchange import ExportReport
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.control import list_runs
from labeler.runs.model_use import usable_model
from labeler.runs.run import NO_MODEL


def build_export(workspace: Workspace, pages: gr.Blocks, tab: gr.Tab) -> None:
    with gr.Column(elem_classes=["page", "narrow"]):
        checks = gr.HTML(padding=False)
        chosen = gr.Radio(FACES, value=FACES[0][1], label="Faces")
        with_predictions = gr.Checkbox(
            label="Also the predictions of faces to go, apart from the labels", value=False, visible=False
        )
        write = gr.Button("Write the COCO file", variant="primary")
        report = gr.HTML(padding=False)
        with gr.Row():
            download = gr.DownloadButton("Download", visible=False)
            download_predictions = gr.DownloadButton("Download", visible=False)
        build_export_set(workspace, chosen, with_predictions)
        model = gr.HTML(padding=False)

    def show(request: gr.Request) -> tuple[str, str, object]:
        project = open_project(workspace, request)
        there = project is not None and project.progress().predicted_faces > 0
        # What a person has chosen stays, unless it is not there any more.
        choice = gr.update(visible=True) if there else gr.update(visible=False, value=False)
        return checks_html(project), model_html(project), choice

    @errors_as_messages
    def export(chosen: str, with_predictions: bool, request: gr.Request) -> tuple[str, object, object]:
        project = wanted_project(workspace, request)
        folder = project.folder / "exports" if project.read_only is None else Path(tempfile.mkdtemp(prefix="labeler-"))
        out = folder / f"{project.name}.json"
        written = project.export(out, only=only_of(chosen), with_predictions=with_predictions)
        predictions = offered(written.predictions, "predictions")
        return exported_html(written), offered(written.path), predictions

    shown = [checks, model, with_predictions]
    pages.load(show, None, shown, **QUIETLY)
    tab.select(show, None, shown, **QUIETLY)
    write.click(export, [chosen, with_predictions], [report, download, download_predictions])


def offered(path: Path | None, name: str | None = None) -> object:
    """A button that downloads the file `path`, called `name` or as it is; hidden without one."""
    if path is None:
        return gr.update(visible=False, value=None)
    return gr.update(visible=True, value=str(path.resolve()), label=f"Download {name or path.name}")


def exported_html(written: ExportReport) -> Markup:
    """What is in the written file, and what is missing from it."""
    sentence = (
        f"{plural(written.points, 'point')} of {plural(written.faces, 'face')} on "
        f"{plural(written.images, 'picture')} written."
    )
    if written.left_out:
        sentence += f" Faces left out: {written.left_out}."
    if written.predictions is not None:
        sentence += f" Predictions of {plural(written.predicted, 'face')} are in {written.predictions.name}."
    return render("exported.html", sentence=sentence, problems=written.problems, path=written.path.resolve())


def model_html(project: Project | None) -> Markup:
    """How the model that the project trained is used elsewhere; empty without a training."""
    if project is None:
        return Markup()
    use = usable_model(project)
    lacking = use is None and any(run.lacks_model for run in list_runs(project))
    return render("exported_model.html", use=use, lacking=NO_MODEL) if use or lacking else Markup()


def checks_html(project: Project | None) -> Markup:
    """What the file will contain and what is missing from it."""
    if project is None:
        return render("export_checks.html", checks=None)
    progress = project.progress()
    unseen = sum(sample.unseen for sample in project.exchange.labeled_set().samples) if progress.labeled_faces else 0
    checks = [
        (
            progress.complete_faces == progress.faces > 0,
            progress.complete_words,
        ),
        (
            progress.labeled_faces > 0,
            progress.labeled_words,
        ),
        (
            progress.flagged_points == 0,
            f"{progress.doubtful_words} not reviewed; predictions are not exported as labels",
        ),
        *(
            [
                (
                    False,
                    f"{plural(unseen, 'face')} with points accepted unseen; the file marks these points",
                )
            ]
            if unseen
            else []
        ),
        *(
            [(True, f"{plural(progress.skipped_faces, 'face')} skipped; skipped faces are not exported")]
            if progress.skipped_faces
            else []
        ),
    ]
    return render("export_checks.html", checks=checks)
