"""The Project tab: open or create a project, add pictures, see the progress."""

from __future__ import annotations

import gradio as gr
from markupsafe import Markup

from labeler.errors import NoProjectError, StorageError
from labeler.guidance.progress import Progress
from labeler.guidance.repeats import ONE_IN_TEN, noise_words
from labeler.html.markup import noun, plural, project_address, render
from labeler.pages.add_pictures import AddPicturesForm
from labeler.pages.housekeeping import ProjectForm, TrashForm
from labeler.pages.import_labels import ImportForm
from labeler.pages.new_project import NewProjectForm
from labeler.pages.request import ANNOUNCE, DONE, QUIETLY, TO_PROBLEM, errors_as_messages, open_project, wanted_project
from labeler.pages.restore import RestoreForm
from labeler.pages.subjects import SubjectsForm, subjects_html
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.demo import open_demo
from mdmd.errors import DataError

GO_THERE = "(address) => { if (address) window.location.assign(address); }"
DEMO, MAKING_DEMO = "or look at the demo project", "Making the demo project…"
IS_ON = "(state) => state === 'on'"


def build_project(workspace: Workspace, pages: gr.Blocks, tab: gr.Tab) -> None:
    with gr.Row(elem_classes=["page"]):
        with gr.Column(scale=3):
            overview = gr.HTML(padding=False)
            with gr.Column(visible=False, elem_classes=["try-demo"]) as trying:
                demo = gr.Button(DEMO, size="sm", elem_classes=["link-button", "narrow-button"])
                gr.HTML(
                    "<p>120 drawn pictures, half of them labeled, and a finished training with doubtful points.</p>",
                    padding=False,
                )
            with gr.Column(visible=False, elem_classes=["card"]) as adding:
                more = AddPicturesForm(workspace)
            importing = ImportForm(workspace)
            with gr.Column(visible=False, elem_classes=["card"]) as grouping:
                subjects = SubjectsForm(workspace)
            with gr.Column(visible=False, elem_classes=["card"]) as repeating:
                repeat = gr.Checkbox(label="Repeat one face in ten blind")
                said = gr.HTML(padding=False)
            address = gr.Textbox(visible=False)
            outcome = [address, gr.Textbox(visible=False)]
            restoring = RestoreForm(workspace)
            form = ProjectForm(workspace, outcome)
            projects = gr.HTML(padding=False)
            trash = TrashForm(workspace, outcome)
        with gr.Column(scale=2, elem_classes=["card"]):
            new = NewProjectForm(workspace)
    repeating_is = gr.Textbox(visible=False)

    def show(request: gr.Request) -> tuple[object, ...]:
        project, name = open_project(workspace, request), request.query_params.get("project")
        try:
            overview = overview_html(project, name, problem_of(workspace, name))
        except StorageError as error:  # its labels were damaged while they were open
            project, overview = None, overview_html(None, name, str(error))
        return (
            overview,
            gr.update(visible=project is not None),
            projects_html(workspace, project),
            gr.update(variant="primary" if project is None else "secondary"),
            gr.update(visible=project is not None),
            subjects_html(project),
            gr.update(visible=project is not None and project.definition is not None),
            on_or_off(project),
            repeats_html(project),
            gr.update(visible=project is None),
            gr.update(visible=project is not None),
            *trash.show(project),
            *restoring.show(request),
            *importing.show(request),
        )

    @errors_as_messages
    def try_demo() -> str:
        return project_address(open_demo(workspace).name)

    @errors_as_messages
    def switch(on: bool, request: gr.Request) -> tuple[str, str]:
        project = wanted_project(workspace, request)
        project.change_settings(repeats=ONE_IN_TEN if on else 0.0)
        return on_or_off(project), repeats_html(project)

    shown = [overview, adding, projects, new.button, grouping, subjects.said, repeating, repeating_is, said, trying]
    shown += [form.frame, *trash.shown, *restoring.shown, *importing.shown]
    pages.load(show, None, shown, **QUIETLY)
    # Not with `show`, which runs again and again: it would undo what a person is typing.
    pages.load(subjects.remembered, None, subjects.rule, **QUIETLY)
    tab.select(show, None, shown, **QUIETLY)
    tab.select(Markup, None, form.problem, **QUIETLY)  # what was refused before may be possible now
    made = new.created.success(None, None, None, js=TO_PROBLEM).success(show, None, shown, **QUIETLY)
    made.success(None, new.address, None, js=GO_THERE)
    demo.click(lambda: gr.update(value=MAKING_DEMO, interactive=False), None, demo, **QUIETLY)
    opened = demo.click(try_demo, None, address, show_progress="hidden")
    opened.success(None, [address], None, js=GO_THERE)
    opened.then(lambda: gr.update(value=DEMO, interactive=True), None, demo, **QUIETLY)
    # The checkbox follows changes of the setting, not every refresh: an answer that was requested before a click and
    # arrives after it must not undo the click. `input` reacts to clicks only, `change` would react to updates too.
    repeating_is.change(None, repeating_is, repeat, js=IS_ON)
    switched = repeat.input(switch, repeat, [repeating_is, said], **QUIETLY).success(show, None, shown, **QUIETLY)
    switched.success(None, None, None, js=ANNOUNCE)
    for moved in form.moved:
        moved.success(None, None, None, js=TO_PROBLEM).success(None, outcome, None, js=DONE)
    importing.looked.success(None, None, None, js=TO_PROBLEM)
    for changed in (*restoring.changes, *importing.changes):
        done = changed.success(None, None, None, js=TO_PROBLEM).success(show, None, shown, **QUIETLY)
        done.success(None, None, None, js=ANNOUNCE)
    for changed in trash.changes:
        back = changed.success(None, None, None, js=TO_PROBLEM).success(show, None, shown, **QUIETLY)
        back.success(None, None, None, js=ANNOUNCE).success(None, outcome, None, js=DONE)
    subjects.changed.success(None, None, None, js=TO_PROBLEM).success(None, None, None, js=ANNOUNCE)
    more.searched.success(None, None, None, js=TO_PROBLEM)
    grown = more.grown.success(None, None, None, js=TO_PROBLEM).success(show, None, shown, **QUIETLY)
    grown.success(None, None, None, js=ANNOUNCE)


def problem_of(workspace: Workspace, name: str | None) -> str | None:
    """Why the project of this name cannot be opened; None if there is no such project."""
    if name not in workspace.names():
        return None
    try:
        workspace.open(name)
    except DataError as error:
        return str(error)
    return None


def overview_html(project: Project | None, missing: str | None = None, problem: str | None = None) -> Markup:
    """The open project at a glance, or what the tool is for.

    Without a project, `missing` is the name in the address, and `problem` says why a project of that name cannot be
    opened.
    """
    if project is None:
        return render("welcome.html", missing=missing, problem=problem)
    progress = project.progress()
    sentence, page = next_step(project)
    return render(
        "project_overview.html",
        name=project.name,
        warnings=project.safekeeping.warnings,
        share=share_complete(progress),
        tiles=[
            (progress.pictures, noun(progress.pictures, "picture")),
            (progress.complete_faces, f"of {plural(progress.faces, 'face')} complete"),
            (progress.labeled_faces, progress.labeled_words.partition(" ")[2]),
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
    if progress.training_faces < 50 and progress.faces_to_go:
        return f"Next: label more faces, {progress.training_words} so far. A useful model takes 50 or more.", "label"
    if progress.faces_to_go:
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
        except NoProjectError:
            continue  # removed meanwhile
        except DataError as error:
            projects.append({"name": name, "problem": error})
            continue
        words = progress.complete_words if progress.faces else "no pictures yet"
        projects.append({"name": name, "problem": None, "share": share_complete(progress), "words": words})
    return render("project_list.html", projects=projects, current=current.name if current else None)
