"""The Project tab: open or create a project, add pictures, see the progress."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import gradio as gr
from markupsafe import Markup

from labeler.guidance.label_index import Progress
from labeler.guidance.repeats import ONE_IN_TEN, noise_words
from labeler.html.markup import noun, plural, project_address, render
from labeler.pages.request import ANNOUNCE, QUIETLY, errors_as_messages, open_project, wanted_project
from labeler.pictures.add import IngestReport
from labeler.project.definition import templates
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.demo import NAME, open_demo
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
            with gr.Column(visible=False, elem_classes=["card"]) as trying:
                gr.HTML(
                    "<h2>Try it first</h2><p>The demo has 120 drawn pictures, labels on half of them, and a finished "
                    "training with doubtful points to review. The tool learns from the labels while you look.</p>"
                )
                demo = gr.Button("Open the demo", variant="secondary")
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
            gr.update(visible=project is None and NAME not in workspace.names()),
        )

    @errors_as_messages
    def try_demo() -> str:
        return project_address(open_demo(workspace).name)

    @errors_as_messages
    def make(name: str | None, template: str | None, files: list[str] | None, folder: str | None) -> tuple[str, str]:
        chosen = (name or "").strip()
        paths = picture_paths(files, folder)
        definition = load_definition(template) if template else None
        if not paths:
            workspace.create(chosen, definition=definition)
            return "", project_address(chosen)
        with workspace.making(chosen, definition=definition) as project:
            taken = project.add_pictures(paths)
        advised = any(each.kind.advice for each in taken.skipped)
        if taken.complete and not taken.nothing and not advised:
            return "", project_address(chosen)
        return render("created_project.html", name=None if taken.nothing else chosen, report=added_html(taken)), ""

    @errors_as_messages
    def grow(files: list[str] | None, folder: str | None, request: gr.Request) -> tuple[object, ...]:
        project = wanted_project(workspace, request)
        paths = picture_paths(files, folder)
        if not paths:
            raise DataError("no pictures chosen: upload some, or name a folder on this machine")
        taken = project.add_pictures(paths)
        return added_html(taken), None, "", *show(request)

    @errors_as_messages
    def switch(on: bool, request: gr.Request) -> tuple[str, str]:
        project = wanted_project(workspace, request)
        project.change_settings(replace(project.settings, repeats=ONE_IN_TEN if on else 0.0))
        return on_or_off(project), repeats_html(project)

    shown = [overview, adding, projects, create, repeating, repeating_is, said, trying]
    pages.load(show, None, shown, **QUIETLY)
    tab.select(show, None, shown, **QUIETLY)
    create.click(make, [name, template, files, folder], [created, address]).success(
        show, None, shown, **QUIETLY
    ).success(None, [address], None, js=GO_THERE)
    demo.click(try_demo, None, address).success(None, [address], None, js=GO_THERE)
    # The checkbox follows changes of the setting, not every refresh: an answer that was requested before a click and
    # arrives after it must not undo the click. `input` reacts to clicks only, `change` would react to updates too.
    repeating_is.change(None, repeating_is, repeat, js=IS_ON)
    switched = repeat.input(switch, repeat, [repeating_is, said], **QUIETLY).success(show, None, shown, **QUIETLY)
    switched.success(None, None, None, js=ANNOUNCE)
    add.click(grow, [more, more_folder], [report, more, more_folder, *shown]).success(None, None, None, js=ANNOUNCE)


def picture_paths(files: list[str] | None, folder: str | None) -> list[Path]:
    """Uploads and the named folder or file as paths. Raises DataError if that does not exist."""
    paths = [Path(file) for file in files or []]
    if folder and folder.strip():
        path = Path(os.path.expanduser(folder.strip()))
        if not path.exists():
            raise DataError(f"there is no folder {folder.strip()} on this machine")
        paths.append(path)
    return paths


def overview_html(project: Project | None, missing: str | None) -> Markup:
    """The open project at a glance, or what the tool is for. `missing` is a name in the address without a project."""
    if project is None:
        return render("welcome.html", missing=missing)
    progress = project.progress()
    sentence, page = next_step(project)
    return render(
        "project_overview.html",
        name=project.name,
        share=share_complete(progress),
        tiles=[
            (progress.pictures, noun(progress.pictures, "picture")),
            (progress.complete_faces, f"of {plural(progress.faces, 'face')} complete"),
            (progress.points, f"{noun(progress.points, 'point')} labeled"),
            (progress.predicted_faces, f"{noun(progress.predicted_faces, 'face')} pre-labeled"),
            (progress.flagged_points, f"doubtful {noun(progress.flagged_points, 'point')}"),
            *(
                [(progress.skipped_faces, f"{noun(progress.skipped_faces, 'face')} skipped")]
                if progress.skipped_faces
                else []
            ),
        ],
        sentence=sentence,
        page=page,
    )


def share_complete(progress: Progress) -> float:
    """The share of faces that are completely labeled."""
    return progress.complete_faces / progress.faces if progress.faces else 0.0


def on_or_off(project: Project | None) -> str:
    """Whether faces are repeated blind."""
    return "on" if project is not None and project.settings.repeats > 0 else "off"


def repeats_html(project: Project | None) -> Markup:
    """What blind repeats are for and what they have measured so far; empty without landmarks."""
    if project is None or project.definition is None:
        return Markup()
    share, noise = project.settings.repeats, project.repeats.noise(project.definition)
    return render("blind_repeats.html", measured=noise_words(share, noise) if share > 0 or noise.faces else None)


def next_step(project: Project) -> tuple[str, str]:
    """The next step in one sentence, and the page for it."""
    progress = project.progress()
    if not progress.pictures:
        return "Next: add pictures. 100 to 150 are a good start.", "project"
    if project.definition is None:
        return "Next: define the landmarks on the Schema page.", "schema"
    if progress.flagged_points:
        points = plural(progress.flagged_points, "doubtful point")
        return f"Next: look at {points} on the Review page.", "review"
    if progress.training_faces < 50 and progress.unlabeled_faces:
        faces = plural(progress.training_faces, "face")
        return f"Next: label more faces, {faces} so far. A useful model takes 50 or more.", "label"
    if progress.unlabeled_faces:
        return f"Next: train on your {plural(progress.training_pictures, 'picture')}, or label more.", "train"
    if not progress.faces:
        return "Every face is skipped: include some again on the Label page, or add more pictures.", "label"
    return "Every face is complete: export them, or add more pictures.", "export"


def projects_html(workspace: Workspace, current: Project | None) -> Markup:
    """All projects, each a link with its progress."""
    projects: list[dict[str, object]] = []
    for name in workspace.names():
        try:
            progress = workspace.open(name).progress()
        except DataError as error:
            projects.append({"name": name, "problem": error})
            continue
        complete = f"{progress.complete_faces:,} of {plural(progress.faces, 'face')} complete"
        words = complete if progress.faces else "no pictures yet"
        projects.append({"name": name, "problem": None, "share": share_complete(progress), "words": words})
    return render("project_list.html", projects=projects, current=current.name if current else None)


def added_html(taken: IngestReport) -> Markup:
    """How many pictures were added, which were refused and why, and what was passed over."""
    parts = [f"{plural(taken.added, 'picture')} added"]
    if taken.already:
        parts.append(f"{taken.already:,} {'was' if taken.already == 1 else 'were'} here already")
    if taken.refused:
        parts.append(f"{len(taken.refused)} refused")
    if skipped := sum(len(each.names) for each in taken.skipped if each.kind.advice):
        parts.append(f"{skipped:,} skipped")
    return render(
        "added_pictures.html",
        sentence=", ".join(parts) + ".",
        complete=taken.complete and not taken.nothing,
        refused=taken.refused,
        skipped=[(each.words, each.kind.advice) for each in taken.skipped if each.kind.advice],
        others=", ".join(each.words for each in taken.skipped if not each.kind.advice),
    )
