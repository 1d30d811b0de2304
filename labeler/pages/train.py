"""The Train tab: the choices for a training, the Train button, and the run."""

from __future__ import annotations

import os
from pathlib import Path

import gradio as gr

from labeler.html.markup import plural
from labeler.pages.heldout_faces import heldout_faces_html, heldout_revision
from labeler.pages.model_export import ModelExportPart
from labeler.pages.preflight import (
    FEWEST_MINUTES,
    MOST_MINUTES,
    PACES,
    Beginning,
    beginning,
    minutes_problem,
    pace_choices,
    pace_of,
    preflight_html,
)
from labeler.pages.request import ANNOUNCE, QUIETLY, STARTED, errors_as_messages, open_project, wanted_project
from labeler.pages.run_manager import RunManager, run_choices
from labeler.pages.runs import charts_html, live_html, runs_html, shown_run, waiting_html
from labeler.pages.trials import TrialCard
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.collect import uncollected
from labeler.runs.control import active_runs, cancel_run, list_runs, stop_and_keep, why_not_stop
from labeler.runs.model_exports import ModelExports
from labeler.runs.run import Run
from labeler.runs.sources import DRAWN, Source, Sources
from labeler.runs.start import FEWEST_FACES, resume, start_prelabel, start_training
from labeler.runs.trials import Trials
from mdmd.config import BASE_MINUTES, PRESETS
from mdmd.errors import DataError

ALONE = ""
POLL_SECONDS = 1.0
#: The revision of the held-out faces on a page that was just opened, or that must fetch them again.
NOTHING_SEEN = "nothing"


class TrainHandlers:
    """The handlers of the tab's events. The address of the request names the project."""

    def __init__(self, workspace: Workspace, sources: Sources) -> None:
        self.workspace = workspace
        self.sources = sources

    def refresh(self, request: gr.Request) -> tuple[object, ...]:
        """Everything about the runs, as for a page that was just opened."""
        return self.watch("", NOTHING_SEEN, request)

    def watch(self, seen: str, revision: str, request: gr.Request) -> tuple[object, ...]:
        """What changed about the runs since the fingerprint `seen`, and the held-out faces if not of `revision`; skips
        the rest."""
        project = open_project(self.workspace, request)
        if project is None:
            return gr.Timer(active=False), *(gr.skip(),) * 7
        runs = list_runs(project)
        idle = not any(run.active for run in runs) and not uncollected(project)
        project.judge_proposers()  # so that the card of a run that has just ended says whether it is in charge
        collected = f"{len(project.store.predictions.collected_runs())} {project.proposed.in_charge()}"
        left = idle and project.index.progress().faces_to_go > 0
        states, numbers = fingerprint(runs, collected, left=left)
        timer = gr.Timer(active=not idle)
        shown = shown_run(runs)
        newest = heldout_revision(shown)
        faces = gr.skip() if newest == revision else heldout_faces_html(project, shown) if shown and newest else ""
        if numbers == seen:
            return timer, gr.skip(), gr.skip(), gr.skip(), gr.skip(), gr.skip(), newest, faces
        keep = gr.update(visible=shown is not None and why_not_stop(shown) is None)
        return timer, numbers, live_html(project, shown), charts_html(shown), keep, states, newest, faces

    def settle(self, chosen: str | None, request: gr.Request) -> tuple[object, ...]:
        """All that depends on the states of the runs and not on their progress: buttons, menus, other runs.

        The run `chosen` in the run manager stays chosen while it exists.
        """
        project = open_project(self.workspace, request)
        if project is None:
            return (gr.skip(),) * 10
        runs = list_runs(project)
        shown = shown_run(runs)
        waiting = next((run for run in runs if run.state == "waiting"), None)
        behind = waiting is not None and waiting != shown
        again = any(run.has_model for run in runs) and not any(run.active for run in runs)
        return (
            shown.id if shown else "",
            gr.update(visible=shown is not None and shown.active),
            gr.update(visible=shown is not None and shown.can_resume),
            waiting.id if waiting else "",
            gr.update(value=waiting_html(waiting) if waiting else "", visible=behind),
            gr.update(visible=behind),
            runs_html(project, runs, shown),
            gr.update(visible=again and project.progress().faces_to_go > 0),
            gr.update(visible=bool(runs)),
            gr.update(
                choices=run_choices(runs),
                value=chosen if chosen in [run.id for run in runs] else shown.id if shown else None,
            ),
        )

    def plan(
        self,
        source: str | None,
        minutes: float | None,
        preset: str | None,
        encoder: str | None,
        weights: str | None,
        request: gr.Request,
    ) -> tuple[object, ...]:
        """What a training with these choices would use, the Train button, and the choices of time."""
        project = open_project(self.workspace, request)
        chosen = find_source(self.sources, source)
        if project is None:
            nothing = gr.update(value="Train", interactive=False)
            return preflight_html(None, None, "", "", "default", minutes), nothing, gr.skip()
        ready = project.definition is not None and project.progress().training_faces >= FEWEST_FACES
        ready = ready and minutes_problem(minutes) is None
        others = active_runs(self.workspace.root)
        full = next(((name, run) for name, run in others if run.state == "waiting"), None)
        label = f"Train on my {plural(project.progress().training_pictures, 'picture')}"
        if others and not full:
            name, run = others[0]
            label += f", after run {run.id}" + ("" if name == project.name else f" of {name}")
        queue_full = None
        if full:
            name, run = full
            of = "" if name == project.name else f" of {name}"
            queue_full = f"Run {run.name}{of} is waiting already: another one can be started once it has begun."
        preflight = preflight_html(
            project, chosen, encoder or "", weights or "", preset or "default", minutes, queue_full=queue_full
        )
        begins = beginning(project, chosen, encoder or "", weights or "", preset or "default")
        learned = begins is not Beginning.SOURCE_FIRST
        # Without a value: this answer may be to what was chosen before a click, and must not undo the click.
        paces = gr.update(choices=pace_choices(chosen, learned=learned))
        return preflight, gr.update(value=label, interactive=ready and not full), paces

    def offer(self, source: str | None, request: gr.Request) -> object:
        """The sources to choose from; `source` stays chosen if it still exists."""
        chosen = (source, usual_source(self.sources, newest_training(open_project(self.workspace, request))))
        offered = source_choices(self.sources)
        return gr.update(choices=offered, value=next(name for name in chosen if name in [key for _, key in offered]))

    def recall(self, request: gr.Request) -> tuple[object, ...]:
        """The choices of the newest training, for a page that was just opened."""
        last = newest_training(open_project(self.workspace, request))
        source = gr.update(choices=source_choices(self.sources), value=usual_source(self.sources, last))
        if last is None:
            return source, *(gr.skip(),) * 5
        minutes = min(max(round(last.minutes), FEWEST_MINUTES), MOST_MINUTES) if last.minutes else None
        pace = gr.skip() if minutes is None else pace_of(minutes)
        preset = last.preset if last.preset in PRESETS else gr.skip()
        return source, minutes or gr.skip(), preset, last.encoder or "", last.weights or "", pace

    @errors_as_messages
    def begin(
        self,
        source: str | None,
        minutes: float | None,
        preset: str,
        encoder: str | None,
        weights: str | None,
        request: gr.Request,
    ) -> None:
        """Start a training with these choices."""
        project = wanted_project(self.workspace, request)
        problem = minutes_problem(minutes)
        if problem:
            raise DataError(problem)
        chosen = find_source(self.sources, source)
        begins = beginning(project, chosen, encoder or "", weights or "", preset)
        start_training(
            project,
            source=chosen,
            base_minutes=None if begins is Beginning.STARTER else BASE_MINUTES,
            preset=preset,
            encoder=(encoder or "").strip() or None,
            weights=Path(os.path.expanduser(weights.strip())) if weights and weights.strip() else None,
            minutes=minutes,
        )

    @errors_as_messages
    def begin_prelabel(self, request: gr.Request) -> None:
        """Predict the faces without complete labels with the newest model."""
        start_prelabel(wanted_project(self.workspace, request))

    @errors_as_messages
    def stop_and_keep(self, run_id: str, request: gr.Request) -> None:
        """Stop the run that the page shows and keep its model."""
        stop_and_keep(wanted_project(self.workspace, request), run_id)

    @errors_as_messages
    def cancel(self, run_id: str, request: gr.Request) -> None:
        """Cancel the run that the page shows, not one that was started since."""
        cancel_run(wanted_project(self.workspace, request), run_id)

    @errors_as_messages
    def resume(self, run_id: str, request: gr.Request) -> None:
        """Resume the run that the page shows."""
        resume(wanted_project(self.workspace, request), run_id)

    @errors_as_messages
    def register(self, path: str | None) -> tuple[object, str]:
        """Add the data set at `path` to the sources."""
        if not (path or "").strip():
            raise DataError("no file named: give the path of a COCO keypoint file on this machine")
        added = self.sources.add(Path(os.path.expanduser(str(path).strip())))
        return gr.update(choices=source_choices(self.sources), value=added.name), ""


def build_train(
    workspace: Workspace, sources: Sources, trials: Trials, exports: ModelExports, pages: gr.Blocks, tab: gr.Tab
) -> None:
    with gr.Row(elem_classes=["page"]):
        with gr.Column(scale=2, min_width=320, elem_classes=["card"]):
            gr.HTML("<h1>Train</h1>", padding=False)
            source = gr.Dropdown(
                [],
                label="Learn together with",
                info="A large data set with other landmarks makes yours more accurate.",
            )
            pace = gr.Radio([(name, name) for name in PACES], value="standard", label="How long")
            # Below the choices, which the button would cover in a low window.
            preflight = gr.HTML(padding=False)
            start = gr.Button("Train", variant="primary", size="lg", interactive=False, elem_classes=["in-sight"])
            prelabel = gr.Button("Pre-label the other faces again", size="sm", visible=False)
            with gr.Accordion("Advanced", open=False):
                minutes = gr.Number(10, label="Minutes")  # limits of the component itself would answer with a traceback
                preset = gr.Dropdown(
                    sorted(PRESETS),
                    value="default",
                    label="Preset",
                    info="The other settings of a training: paper needs a GPU, tiny is a toy for tests.",
                )
                encoder = gr.Textbox(
                    label="Encoder",
                    placeholder=PRESETS["default"].model.encoder,
                    info="The part of the model that sees the picture: the name of any vision transformer of timm.",
                )
                weights = gr.Textbox(
                    label="Weights",
                    placeholder=os.environ.get("MDMD_WEIGHTS") or "the encoder's own",
                    info="What the encoder knows already: a safetensors file on this machine, or starter, or none.",
                )
                gr.HTML("<h3>Add a data set</h3>")
                source_path = gr.Textbox(label="COCO-keypoint file", placeholder="/data/300w/annotations.json")
                add_source = gr.Button("Add the data set", size="sm")
        with gr.Column(scale=3, min_width=380):
            live = gr.HTML(padding=False, elem_id="run")
            with gr.Row(elem_classes=["run-buttons"]):
                keep = gr.Button("Stop and keep", size="sm", visible=False, elem_classes=["narrow-button"])
                cancel = gr.Button(
                    "Cancel the run", variant="stop", size="sm", visible=False, elem_classes=["narrow-button"]
                )
                resume = gr.Button("Resume", size="sm", visible=False, elem_classes=["narrow-button"])
                export = ModelExportPart(workspace, exports)
            export.place()
            queued = gr.HTML(padding=False, visible=False)
            cancel_waiting = gr.Button(
                "Cancel the waiting run", size="sm", visible=False, elem_classes=["narrow-button"]
            )
            trial = TrialCard(workspace, trials)
            faces, charts = gr.HTML(padding=False), gr.HTML(padding=False)
            history = gr.HTML(padding=False)
            manager = RunManager(workspace)
    timer = gr.Timer(POLL_SECONDS, active=False)
    seen, states, shown, waiting, revision = (gr.Textbox(visible=False) for _ in range(5))
    export.connect(shown)

    on = TrainHandlers(workspace, sources)
    watched = [timer, seen, live, charts, keep, states, revision, faces]
    settled = [shown, cancel, resume, waiting, queued, cancel_waiting, history, prelabel, manager.frame, manager.chosen]
    choices = [source, minutes, preset, encoder, weights]
    planned = [preflight, start, pace]
    filled = (
        pages.load(on.recall, None, [*choices, pace], **QUIETLY),
        tab.select(on.offer, source, source, **QUIETLY),
    )
    for event in filled:
        event.then(on.plan, choices, planned, **QUIETLY).then(on.refresh, None, watched, **QUIETLY)
        event.then(*trial.offered, **QUIETLY).then(*trial.shown, **QUIETLY)
    timer.tick(on.watch, [seen, revision], watched, **QUIETLY)
    # One at a time, and the last one last: an answer to earlier choices must not replace a newer one.
    changes = [choice.change for choice in choices]
    gr.on(changes, on.plan, choices, planned, trigger_mode="always_last", **QUIETLY)
    minutes.input(pace_of, minutes, pace, **QUIETLY)
    pace.input(lambda name: PACES.get(name, PACES["standard"]), pace, minutes, **QUIETLY)
    started = start.click(on.begin, choices, None)
    started.success(None, None, None, js=STARTED)
    clicks = (
        started,
        prelabel.click(on.begin_prelabel, None, None),
        keep.click(on.stop_and_keep, shown, None),
        cancel.click(on.cancel, shown, None),
        resume.click(on.resume, shown, None),
        cancel_waiting.click(on.cancel, waiting, None),
        *manager.changes,
    )
    for event in clicks:
        event.then(on.refresh, None, watched, **QUIETLY)
    preset.change(_encoder_of, preset, encoder, **QUIETLY)
    add_source.click(on.register, source_path, [source, source_path])
    changed = states.change(on.settle, manager.chosen, settled, **QUIETLY)
    changed.then(*manager.refresh, **QUIETLY)
    changed.then(*trial.offered, **QUIETLY)
    changed.then(on.plan, choices, planned, **QUIETLY).then(None, None, None, js=ANNOUNCE)


def fingerprint(runs: list[Run], collected: str, *, left: bool) -> tuple[str, str]:
    """Two fingerprints: one of the states and titles of the runs, what is known of `collected` predictions, and whether
    faces are `left` to pre-label; and one of everything that the page shows."""
    states = ",".join([f"{run.name} {run.state}" for run in runs] + (["left"] if left else [])) or "none"
    states += f";{collected}"
    shown = shown_run(runs)
    numbers = f"{len(shown.series)}.{len(shown.evals)}.{shown.stage}.{int(shown.seconds)}" if shown else ""
    return states, f"{states};{numbers}"


def newest_training(project: Project | None) -> Run | None:
    """The newest training, whose choices fill the form."""
    return next((run for run in list_runs(project) if run.kind == "train"), None) if project else None


def usual_source(sources: Sources, last: Run | None) -> str:
    """The source of the last training; without one a registered data set, else the built-in one."""
    return ALONE if last is not None and not last.source else sources.usual(last.source if last else None)


def source_choices(sources: Sources) -> list[tuple[str, str]]:
    named = [(f"{known.name} · {_faces_of(known)} · {known.landmarks} points", known.name) for known in sources.all()]
    return [*named, ("nothing, my pictures alone", ALONE)]


def _faces_of(source: Source) -> str:
    return f"{source.faces:,} drawn faces" if source.name == DRAWN else plural(source.faces, "face")


def find_source(sources: Sources, name: str | None) -> Source | None:
    return next((known for known in sources.all() if known.name == name), None) if name else None


def _encoder_of(preset: str | None) -> object:
    """The preset's encoder as the hint in the empty field."""
    return gr.update(placeholder=PRESETS.get(preset or "", PRESETS["default"]).model.encoder)
