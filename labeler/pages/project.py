"""The Project tab: open a project, make one, add pictures, see how far it is."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import gradio as gr

from labeler.guidance.repeats import ONE_IN_TEN, noise_words
from labeler.html.markup import ANNOUNCE, meter, note, plural, progress_tiles, project_address, refused_list, text
from labeler.pages.request import QUIETLY, open_project, refusals_as_messages, wanted_project
from labeler.pictures.intake import IngestReport
from labeler.project.definition import templates
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from mdmd.data.definition import load_definition
from mdmd.errors import DataError

NO_TEMPLATE = ""
GO_THERE = "(address) => { if (address) window.location.assign(address); }"
IS_ON = "(state) => state === 'on'"


def build_project(workspace: Workspace, pages: gr.Blocks, tab: gr.Tab) -> None:
    with gr.Row(elem_classes=["page"]):
        with gr.Column(scale=3):
            overview = gr.HTML(padding=False)
            with gr.Column(visible=False, elem_classes=["card"]) as adding:
                gr.HTML("<h2>Add pictures</h2>")
                more = gr.File(file_count="multiple", label="Upload", height="8.75rem")
                more_folder = gr.Textbox(label="or a folder on this machine", placeholder="/home/me/pictures/macaques")
                add = gr.Button("Add pictures", variant="secondary")
            report = gr.HTML(padding=False)
            with gr.Column(visible=False, elem_classes=["card"]) as repeating:
                repeat = gr.Checkbox(label="Repeat one face in ten blind")
                said = gr.HTML(padding=False)
            projects = gr.HTML(padding=False)
        with gr.Column(scale=2, elem_classes=["card"]):
            gr.HTML("<h2>New project</h2>")
            name = gr.Textbox(label="Name", placeholder="macaques", max_length=60)
            choices = [("Define my own landmarks", NO_TEMPLATE), *((t["title"], t["name"]) for t in templates())]
            template = gr.Dropdown(choices, value=NO_TEMPLATE, label="Landmarks")
            files = gr.File(file_count="multiple", label="Pictures", height="8.75rem")
            folder = gr.Textbox(label="or a folder on this machine", placeholder="/home/me/pictures/macaques")
            create = gr.Button("Create project", variant="primary")
            created = gr.HTML(padding=False)
    address, repeating_is = (gr.Textbox(visible=False) for _ in range(2))

    def show(request: gr.Request) -> tuple[object, ...]:
        project = open_project(workspace, request)
        missing = request.query_params.get("project") if project is None else None
        return (
            overview_html(project, missing),
            gr.update(visible=project is not None),
            projects_html(workspace, project),
            gr.update(variant="primary" if project is None else "secondary"),
            gr.update(visible=project is not None and project.definition is not None),
            on_or_off(project),
            repeats_html(project),
        )

    @refusals_as_messages
    def make(name: str | None, template: str | None, files: list[str] | None, folder: str | None) -> tuple[str, str]:
        chosen = (name or "").strip()
        paths = picture_paths(files, folder)
        project = workspace.create(chosen, definition=load_definition(template) if template else None)
        if not paths:
            return "", project_address(chosen)
        try:
            taken = project.add_pictures(paths)
        except DataError as error:
            return created_html(project, note(f"The project was made, but without pictures: {error}", "warning")), ""
        if taken.refused:
            return created_html(project, ingest_html(taken)), ""
        return "", project_address(chosen)

    @refusals_as_messages
    def grow(files: list[str] | None, folder: str | None, request: gr.Request) -> tuple[object, ...]:
        project = wanted_project(workspace, request)
        paths = picture_paths(files, folder)
        if not paths:
            raise DataError("no pictures chosen: upload some, or name a folder on this machine")
        taken = project.add_pictures(paths)
        return ingest_html(taken), None, "", *show(request)

    @refusals_as_messages
    def switch(on: bool, request: gr.Request) -> tuple[str, str]:
        project = wanted_project(workspace, request)
        project.change_settings(replace(project.settings, repeats=ONE_IN_TEN if on else 0.0))
        return on_or_off(project), repeats_html(project)

    shown = [overview, adding, projects, create, repeating, repeating_is, said]
    pages.load(show, None, shown, **QUIETLY)
    tab.select(show, None, shown, **QUIETLY)
    create.click(make, [name, template, files, folder], [created, address]).success(
        show, None, shown, **QUIETLY
    ).success(None, [address], None, js=GO_THERE)
    # The switch moves when what it stands for has changed, not with every look: an answer that was asked for before a
    # click, and that comes after it, leaves it alone. `input`: only a person's click is a choice.
    repeating_is.change(None, repeating_is, repeat, js=IS_ON)
    switched = repeat.input(switch, repeat, [repeating_is, said], **QUIETLY).success(show, None, shown, **QUIETLY)
    switched.success(None, None, None, js=ANNOUNCE)
    add.click(grow, [more, more_folder], [report, more, more_folder, *shown]).success(None, None, None, js=ANNOUNCE)


def picture_paths(files: list[str] | None, folder: str | None) -> list[Path]:
    """Uploads and the named folder (or file) as paths; raises DataError for one that is not there."""
    paths = [Path(file) for file in files or []]
    if folder and folder.strip():
        path = Path(os.path.expanduser(folder.strip()))
        if not path.exists():
            raise DataError(f"there is no folder {folder.strip()} on this machine")
        paths.append(path)
    return paths


def overview_html(project: Project | None, missing: str | None) -> str:
    """The open project at a glance, or what to do first."""
    if project is None:
        found = note(f"There is no project named {missing!r} here.", "warning") if missing else ""
        return (
            f"<div class='welcome'>{found}<h1>Your landmarks, on your pictures</h1>"
            "<p>Define the points you want, label about a hundred pictures, train, and let the model do the rest: "
            "it says where it is unsure, you look only there.</p></div>"
        )
    progress = project.progress()
    share = progress.complete_faces / progress.faces if progress.faces else 0.0
    sentence, page = next_step(project)
    address = f"{project_address(project.name)}#{page}"
    button = f"<p><a class='button' href='{text(address)}'>Go to {page.title()}</a></p>" if page != "project" else ""
    return f"<h1>{text(project.name)}</h1>{meter(share)}{progress_tiles(progress)}{note(sentence)}{button}"


def on_or_off(project: Project | None) -> str:
    """Whether faces are repeated blind."""
    return "on" if project is not None and project.settings.repeats > 0 else "off"


def repeats_html(project: Project | None) -> str:
    """What the blind repeats are for, and what they say so far."""
    if project is None or project.definition is None:
        return ""
    found = noise_words(project.settings.repeats, project.repeats.noise(project.definition))
    return (
        "<p>While you label, one of your faces is offered again now and then, without its labels. How far your two "
        "labelings are apart says how exact your labels are, and when a model errs no more than you do.</p>"
        f"<p class='repeats-said'><b>Measured: {text(found)}.</b></p>"
    )


def next_step(project: Project) -> tuple[str, str]:
    """What a person does next, in one sentence, and the page where that is done."""
    progress = project.progress()
    if not progress.pictures:
        return "Next: add pictures. A hundred to a hundred and fifty are a good start.", "project"
    if project.definition is None:
        return "Next: define the landmarks on the Schema page.", "schema"
    if progress.flagged_points:
        points = plural(progress.flagged_points, "doubtful point")
        return f"Next: look at {points} on the Review page.", "review"
    if progress.training_faces < 50 and progress.unlabeled_faces:
        faces = plural(progress.training_faces, "face")
        return f"Next: label. So far {faces} of the fifty or more that make a useful model.", "label"
    if progress.unlabeled_faces:
        return f"Next: train on your {plural(progress.training_pictures, 'picture')}, or label more.", "train"
    if not progress.faces:
        return "Every face is skipped: take some in again on the Label page, or add more pictures.", "label"
    return "Every face is complete: export them, or add more pictures.", "export"


def projects_html(workspace: Workspace, current: Project | None) -> str:
    """All projects, each a link with its progress."""
    rows = []
    for name in workspace.names():
        try:
            progress = workspace.open(name).progress()
        except DataError as error:
            rows.append(f"<li class='broken'><b>{text(name)}</b><span>{text(error)}</span></li>")
            continue
        share = progress.complete_faces / progress.faces if progress.faces else 0.0
        done = f"{progress.complete_faces:,} of {plural(progress.faces, 'face')} complete"
        words = done if progress.faces else "no pictures yet"
        here = " aria-current='page'" if current is not None and current.name == name else ""
        link = (
            f"<a href='{text(project_address(name))}'{here}><b>{text(name)}</b>{meter(share)}<span>{words}</span></a>"
        )
        rows.append(f"<li>{link}</li>")
    listed = "".join(rows) or "<li class='none'>None yet: make the first one.</li>"
    return f"<h2>Projects</h2><ul class='projects'>{listed}</ul>"


def ingest_html(taken: IngestReport) -> str:
    """What became of the pictures."""
    parts = [f"{plural(taken.added, 'picture')} added"]
    if taken.already:
        parts.append(f"{taken.already} were here already")
    if taken.refused:
        parts.append(f"{len(taken.refused)} refused")
    tone = "warning" if taken.refused else "good"
    return note(", ".join(parts) + ".", tone) + refused_list(taken.refused)


def created_html(project: Project, report: str) -> str:
    link = f"<a class='button' href='{text(project_address(project.name))}'>Open {text(project.name)}</a>"
    return f"{report}<p>{link}</p>"
