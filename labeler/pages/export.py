"""The Export tab: how complete the labels are, and the COCO keypoint file."""

from __future__ import annotations

import tempfile
from pathlib import Path

import gradio as gr
from markupsafe import Markup

from labeler.html.markup import plural, render
from labeler.pages.export_set import build_export_set
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
        only_complete = gr.Checkbox(label="Only faces with every landmark labeled", value=False)
        write = gr.Button("Write the COCO file", variant="primary")
        report = gr.HTML(padding=False)
        download = gr.DownloadButton("Download", visible=False)
        build_export_set(workspace, only_complete)
        model = gr.HTML(padding=False)

    def show(request: gr.Request) -> tuple[str, str]:
        project = open_project(workspace, request)
        return checks_html(project), model_html(project)

    @errors_as_messages
    def export(only_complete: bool, request: gr.Request) -> tuple[str, object]:
        project = wanted_project(workspace, request)
        folder = project.folder / "exports" if project.read_only is None else Path(tempfile.mkdtemp(prefix="labeler-"))
        written = project.export(folder / f"{project.name}.json", only_complete=only_complete)
        path = written.path.resolve()
        return exported_html(written), gr.update(visible=True, value=str(path), label=f"Download {path.name}")

    pages.load(show, None, [checks, model], **QUIETLY)
    tab.select(show, None, [checks, model], **QUIETLY)
    write.click(export, only_complete, [report, download])


def exported_html(written: ExportReport) -> Markup:
    """What is in the written file, and what is missing from it."""
    sentence = (
        f"{plural(written.points, 'point')} of {plural(written.faces, 'face')} on "
        f"{plural(written.images, 'picture')} written."
    )
    if written.left_out:
        sentence += f" Faces left out: {written.left_out}."
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
            f"{progress.doubtful_words} not reviewed; predictions are not exported",
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
