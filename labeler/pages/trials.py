"""Try a model on pictures that are not in the project, and add them with what it has predicted."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import gradio as gr
from markupsafe import Markup

from labeler.guidance.proposed import run_number
from labeler.html.markup import duration, noun, plural, render
from labeler.html.refused import refused_html
from labeler.pages.in_charge import proposer_of, proposer_words
from labeler.pages.request import ANNOUNCE, QUIETLY, errors_as_messages, field_problem, open_project, wanted_project
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.report.tried_faces import tried_figure
from labeler.runs.control import model_runs
from labeler.runs.trials import MOST, Trial, Trials
from mdmd.errors import DataError

FILES = "tried-files"
POLL_SECONDS = 0.5
#: What `seen` says when the try that the page showed is not there any more.
LOST = "lost"


class TrialHandlers:
    """The handlers of the card's events. `seen` is the number and the state of the try that the page shows."""

    def __init__(self, workspace: Workspace, trials: Trials) -> None:
        self.workspace, self.trials = workspace, trials

    def offer(self, chosen: str | None, request: gr.Request) -> tuple[object, object]:
        """The card, if there is a model, and the models to choose from; `chosen` stays chosen while it is there."""
        project = open_project(self.workspace, request)
        models = model_choices(project) if project else []
        there = chosen in [number for _, number in models]
        # Without a value: this answer may be to what was chosen before a click, and must not undo the click.
        kept = gr.update(choices=models) if there else gr.update(choices=models, value=usual_model(project))
        return gr.update(visible=bool(models)), kept

    def look(self, seen: str, request: gr.Request) -> str:
        """What the page shows, or is to show, for a page that shows `seen`."""
        project = open_project(self.workspace, request)
        trial = self.trials.of(project) if project else None
        if trial is None:
            return LOST if seen else ""
        return f"{trial.number}:{trial.state}"

    def show(self, seen: str, request: gr.Request) -> tuple[object, ...]:
        """The try as it is now, its buttons and pictures, and the timer while it works."""
        project = open_project(self.workspace, request)
        trial = self.trials.of(project) if project else None
        if project is None or trial is None:
            lost = "The pictures of this try are gone, because it was ended on another page or the tool was restarted."
            again = f"{lost} Nothing was added. Drop the pictures again."
            shown = trial_html(sentence=again, tone="warning") if seen else ""
            hidden = gr.update(visible=False)
            return LOST if seen else "", gr.Timer(active=False), shown, hidden, hidden, ""
        fresh = sum(not picture.there for picture in trial.pictures)
        label = f"Add {plural(fresh, 'picture')} to the project"
        return (
            f"{trial.number}:{trial.state}",
            gr.Timer(active=trial.active),
            shown_trial(project, trial),
            gr.update(visible=trial.state == "done" and fresh > 0, value=label),
            gr.update(visible=True, value="Cancel" if trial.active else "Clear"),
            tried_html(project, trial),
        )

    def begin(self, chosen: str | None, files: list[str] | None, request: gr.Request) -> tuple[object, ...]:
        """Try the chosen model on the pictures that were dropped."""
        dropped = [Path(file) for file in files or []]
        try:
            project = wanted_project(self.workspace, request)
            trial = self.trials.begin(project, chosen or "", dropped)
        except (DataError, OSError) as error:
            return None, field_problem(FILES, error), gr.skip()
        finally:
            _forget(dropped)
        return None, Markup(), f"{trial.number}:{trial.state}"

    @errors_as_messages
    def add(self, seen: str, request: gr.Request) -> str:
        """Add the pictures that the page shows to the project."""
        trial = self.trials.add(wanted_project(self.workspace, request), seen.partition(":")[0])
        return f"{trial.number}:{trial.state}"

    @errors_as_messages
    def clear(self, seen: str, request: gr.Request) -> str:
        """End the try that the page shows."""
        self.trials.discard(wanted_project(self.workspace, request), seen.partition(":")[0])
        return ""


class TrialCard:
    """The card's components and their events. `offered` is the event that fills the menu of models."""

    def __init__(self, workspace: Workspace, trials: Trials) -> None:
        self.on = TrialHandlers(workspace, trials)
        with gr.Column(visible=False, elem_classes=["card", "trial"], elem_id="trial") as self.frame:
            gr.HTML(
                "<h2>Try a model</h2><p>Drop pictures to see the points that it finds, and which it would flag. They "
                "do not come into the project unless you add them.</p>",
                padding=False,
            )
            self.model = gr.Dropdown([], label="Model", filterable=False)
            self.files = gr.File(
                file_count="multiple", label=f"Drop up to {MOST} pictures", height="8.75rem", elem_id=FILES
            )
            self.problem = gr.HTML(padding=False)
            self.result = gr.HTML(padding=False)
            with gr.Row(elem_classes=["run-buttons"]):
                self.add = gr.Button("", variant="primary", size="sm", visible=False, elem_classes=["narrow-button"])
                self.clear = gr.Button("Clear", size="sm", visible=False, elem_classes=["narrow-button"])
            self.pictures = gr.HTML(padding=False)
        self.seen = gr.Textbox(visible=False)
        self.timer = gr.Timer(POLL_SECONDS, active=False)
        #: The events that fill the menu of models, and that show the try of a page that was just opened.
        self.offered = (self.on.offer, self.model, [self.frame, self.model])
        shown = [self.seen, self.timer, self.result, self.add, self.clear, self.pictures]
        self.shown = (self.on.show, self.seen, shown)
        # An answer that comes late sets an older state, which asks once more.
        self.seen.change(*self.shown, **QUIETLY)
        self.timer.tick(self.on.look, self.seen, self.seen, **QUIETLY)
        self.files.upload(self.on.begin, [self.model, self.files], [self.files, self.problem, self.seen])
        added = self.add.click(self.on.add, self.seen, self.seen)
        added.then(None, None, None, js=ANNOUNCE)
        self.clear.click(self.on.clear, self.seen, self.seen)


def model_choices(project: Project) -> list[tuple[str, str]]:
    """The models that can be tried, newest first, each with what tells it from the others."""
    in_charge = project.proposed.in_charge()
    return [
        (f"run {run.name}" + (", in charge" if proposer_of(run) == in_charge else ""), run.id)
        for run in model_runs(project)
    ]


def usual_model(project: Project | None) -> str | None:
    """The model in charge, else the newest one; None without one."""
    if project is None:
        return None
    ids = [number for _, number in model_choices(project)]
    in_charge = run_number(project.proposed.in_charge())
    return next((number for number in ids if int(number) == in_charge), ids[0] if ids else None)


def shown_trial(project: Project, trial: Trial) -> Markup:
    """A try as HTML: what it does, what it has found or why it failed, or what came into the project."""
    refused = refused_html(trial.refused) if trial.refused else ""
    if trial.active:
        return trial_html(running=f"Run {trial.run.name} looks at {plural(len(trial.pictures), 'picture')}")
    if trial.state == "failed":
        return trial_html(sentence=f"{trial.problem}.", tone="warning", refused=refused)
    if trial.added is not None:
        return _added_html(project, trial)
    faces = list(trial.faces.values())
    points = plural(sum(len(face.points) for face in faces), "point")
    flagged = sum(face.flagged for face in faces)
    pictures = plural(len(faces), "picture")
    there = sum(picture.there for picture in trial.pictures)
    all_there = there == len(trial.pictures)
    already = f"{'All' if all_there else f'{there:,}'} of them {'is' if there == 1 else 'are'} in the project already."
    return trial_html(
        sentence=f"Run {trial.run.name} found {points} on {pictures} and would flag {flagged:,} of them for review. "
        f"It took {duration(trial.seconds)}.",
        tone="plain",
        further=already if there else "",
        refused=refused,
    )


def tried_html(project: Project, trial: Trial) -> Markup:
    """The pictures with the points that were found; empty before that, and when they have been added."""
    if trial.state != "done":
        return Markup()
    definition = project.definition
    names = dict(zip(definition.ids, definition.landmarks, strict=True)) if definition else {}
    figures = [tried_figure(picture, trial.faces.get(picture.id), names) for picture in trial.pictures]
    return render("tried_faces.html", figures=figures)


def _added_html(project: Project, trial: Trial) -> Markup:
    added = trial.added
    assert added is not None
    said = [f"{plural(len(added.new), 'picture')} added, with the points of run {trial.run.name} as proposals"]
    if added.back:
        said.append(f"{plural(len(added.back), 'removed picture')} came back as it was")
    if added.there:
        said.append(f"{len(added.there):,} {'was' if len(added.there) == 1 else 'were'} here already")
    shown, own = project.proposed.in_charge(), proposer_of(trial.run)
    further = (
        ""
        if shown == own or not added.new
        else (
            f"They show {proposer_words(shown)}, which is in charge of proposing points. To see those of run "
            f"{trial.run.name}, put it in charge on the Review page."
        )
    )
    return trial_html(
        sentence="; ".join(said) + ".",
        tone="warning" if added.refused else "good",
        further=further,
        refused=refused_html(added.refused) if added.refused else "",
        project=project.name,
        page="review" if added.new else "",
        label=f"Review the new {noun(len(added.new), 'picture')}",
    )


def trial_html(**said: object) -> Markup:
    """The template with what is `said`, and nothing for the rest."""
    nothing = dict.fromkeys(("running", "sentence", "further", "refused", "page", "label", "project"), "")
    return render("trial.html", **{**nothing, "tone": "plain", **said})


def _forget(uploads: Iterable[Path]) -> None:
    """Remove what is left of uploads."""
    for file in uploads:
        with suppress(OSError):
            file.unlink(missing_ok=True)
        with suppress(OSError):  # another upload is there too
            file.parent.rmdir()
