"""The HTML of the Train tab about the present run and the past ones."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import NamedTuple
from urllib.parse import quote

from markupsafe import Markup

from labeler.html.charts import line_chart
from labeler.html.markup import distance_words, duration, plural, render
from labeler.pages.in_charge import history_sentence, proposer_of, standing_sentence
from labeler.project.project import Project
from labeler.runs.heldout import rough_sentence
from labeler.runs.model_use import ModelUse, model_use
from labeler.runs.run import COMPLETE, NO_MODEL, Run, output_of
from mdmd import run_folder
from mdmd.evaluation.metrics import FEWEST_FACES

#: How many of the newest changes of what proposes points the page shows.
CHANGES = 6
STAGES = {
    "source": "Drawing the source data set, once",
    "base": "Training on the source, once on this machine",
    "adapt": "Adapting to your landmarks",
    "measure": "Trained: measuring the error, and how far off points may be",
    "predict": "Trained: pre-labeling the other faces",
    "check": "Pre-labeled: predicting the labeled faces, which the label checks compare",
}


NO_MODEL_YET = "There is no model of your landmarks yet."
SOURCE_IS_KEPT = "If you cancel, the training on the source is kept and the next training continues it."


def shown_run(runs: Sequence[Run]) -> Run | None:
    """The run that the page shows: the active one, else the newest that has started, else the newest.

    A run that was cancelled in the queue must not replace the one that ended meanwhile.
    """
    under_way = [run for run in runs if run.state in ("running", "stopping")]
    return next(iter([*under_way, *(run for run in runs if run.had_turn), *runs]), None)


def live_html(project: Project, run: Run | None) -> Markup:
    """A run: stage and progress, or its result and the next step."""
    if run is None:
        return render("run.html", run=None)
    return render(
        "run.html",
        project=project.name,
        run=run,
        kind={"train": "Training", "curve": "Learning curve"}.get(run.kind, "Pre-labeling"),
        progress=_progress(run, project.progress().faces_to_go) if run.active else None,
        outcome=Outcome() if run.active else _outcome(project, run)._replace(use=model_use(project, run)),
    )


class Progress(NamedTuple):
    """How far a run is: its stage, the share that is done (None without a bar) and lines of facts."""

    stage: str
    share: float | None
    lines: list[str]


def _progress(run: Run, to_go: int) -> Progress:
    """`to_go` faces are not complete."""
    if run.state == "waiting":
        return Progress("Waiting for its turn", None, [waiting_sentence(run)])
    so_far = f"{duration(run.seconds)} so far"
    stage = _part(run) if run.begun and run.stage != "base" else STAGES.get(run.stage or "", "Starting")
    if run.kind == "prelabel":
        stage = "Pre-labeling the faces that are not complete"
    if run.state == "stopping" and run.stage not in ("predict", "check"):
        cancelled = (run.folder / run_folder.CANCEL).exists()
        ending = "Cancelling" if cancelled else "Stopping: measuring and saving the model"
        facts = f"step {run.step:,}" if run.step else "before its first step"
        return Progress(ending, None, [f"{facts} · {so_far}"])
    if run.predicted is not None:
        faces, of = run.predicted
        lines = [f"{faces:,} of {plural(of, 'face')} · {so_far}"]
        return Progress(stage, faces / max(of, 1), lines + ([NO_MODEL_YET] if run.stage == "source" else []))
    if run.stage == "predict" or run.kind == "prelabel":
        # Until the model is read and the first faces are done, there is no count.
        return Progress(stage, None, [f"{plural(to_go, 'face')} · {so_far}"])
    if run.stage == "measure":
        return Progress(stage, None, [so_far])
    done = run.step / run.steps if run.step and run.steps else 0.0
    if run.parts:
        done = (max(run.begun - 1, 0) + done) / len(run.parts)
    facts = []
    if run.step:
        facts.append(f"step {run.step:,}" + (f" of {run.steps:,}" if run.steps else ""))
    if run.images_per_second:
        facts.append(f"{run.images_per_second:.0f} pictures/s")
    facts.append(so_far if run.eta_seconds is None else f"about {duration(run.eta_seconds)} left")
    if run.stage == "base" and run.minutes:
        facts.append(f"then {duration(60 * run.minutes)} for your landmarks")
    lines = [" · ".join(facts)]
    if run.kind == "train" and run.stage in ("source", "base"):
        lines.append(f"{NO_MODEL_YET} {SOURCE_IS_KEPT}")
    return Progress(stage, done, lines)


def _part(run: Run) -> str:
    return f"Training {run.of} on {run.parts[run.begun - 1]} % of its faces: part {run.begun} of {len(run.parts)}"


class Outcome(NamedTuple):
    """The end of a run: notes (sentence, tone), the `page` to go to with the `label` of its button, the address of the
    report, and how its model is used."""

    notes: Sequence[tuple[str, str]] = ()
    page: str | None = None
    label: str | None = None
    report: str | None = None
    use: ModelUse | None = None


def _outcome(project: Project, run: Run) -> Outcome:
    if run.kind == "curve":
        return _curve_outcome(project, run)
    report = _report_address(project, run.id) if has_report(run) else None
    if run.state not in COMPLETE:
        sentence = {
            "cancelled": "Cancelled. Labels, earlier models and predictions are unchanged.",
            "interrupted": run.error or "",
        }.get(run.state, f"Failed: {run.error}")
        if run.can_resume:
            sentence = sentence.rstrip(".") + f". It can be resumed{f' near step {run.step:,}' if run.step else ''}."
        notes = [(sentence, "plain" if run.state == "cancelled" else "warning")]
        if not run.trained:
            return Outcome(notes)
        kept = (
            "The model was complete before that and is kept: “Pre-label the other faces again” uses it. "
            f"{metrics_sentence(project, run.metrics or {})}"
        )
        return Outcome([*notes, (kept, "plain")], report=report)
    notes = [(metrics_sentence(project, run.metrics), "plain")] if run.metrics else []
    if run.lacks_model:
        notes.append((f"{NO_MODEL[0].upper()}{NO_MODEL[1:]}.", "plain"))
    if run.stopped:
        step, of = run.stopped.step, run.stopped.of
        kept = f"Stopped early at step {step:,} of {of:,}. The model is kept, and was measured like any other."
        notes.append((kept, "plain"))
    standing = standing_sentence(project, run) if run.kind == "train" else None
    if standing is not None:
        notes.append((standing, "plain"))
        if project.proposed.in_charge() != proposer_of(run):
            return Outcome(notes, "label", "Go on labeling", report)
    progress = project.progress()
    if progress.flagged_points:
        return Outcome(notes, "review", f"Review {progress.doubtful_words}", report)
    if progress.predicted_faces:
        return Outcome(notes, "review", f"Review {plural(progress.predicted_faces, 'pre-labeled face')}", report)
    return Outcome(notes, "export", "Export the labels", report)


def has_report(run: Run) -> bool:
    """Whether it is a training that was measured on held-out faces."""
    return run.kind == "train" and bool(run.metrics) and (run.folder / run_folder.HELDOUT).is_file()


def _curve_outcome(project: Project, run: Run) -> Outcome:
    if run.state in COMPLETE:
        notes = [(f"Measured: the report of training {run.of} shows the curve.", "plain")]
    else:
        why = "Cancelled." if run.state == "cancelled" else f"Failed: {(run.error or '').rstrip('.')}."
        kept = f"{run.measured} of {len(run.parts)} parts are measured and kept; measure again to add the others."
        notes = [(f"{why} {kept}", "plain" if run.state == "cancelled" else "warning")]
    if not (run.folder.parent / str(run.of) / run_folder.HELDOUT).is_file():
        return Outcome([*notes, (f"Training {run.of} has been deleted, and its report with it.", "plain")])
    return Outcome(notes, report=_report_address(project, str(run.of)))


def _report_address(project: Project, run_id: str) -> str:
    return f"api/projects/{quote(project.name)}/runs/{quote(run_id)}/report"


def metrics_sentence(project: Project, metrics: dict[str, object]) -> str:
    """The held-out error in words, and the coverage of the ellipses where it was measured on enough faces."""
    unit = distance_words(project.definition)

    def number(key: str, scale: float = 1.0) -> str | None:
        value = metrics.get(key)
        return f"{scale * value:.1f}" if isinstance(value, int | float) else None

    nme, count = number("nme"), metrics.get("n")
    faces = plural(count, "held-out face") if isinstance(count, int) else "the held-out faces"
    if nme is None:
        return "No held-out error could be measured."
    sentence = f"On {faces}, which it has not learned from, the points are off by {nme} % of {unit} on average"
    if isinstance(count, int) and count < FEWEST_FACES:
        return f"{sentence}. {rough_sentence(count)}"
    coverage = number("coverage90", 100)
    return sentence + (f"; the 90 % ellipses contain {coverage} % of them." if coverage else ".")


def charts_html(run: Run | None) -> Markup:
    """A training's curves: held-out error, loss and learning rate by step; empty before it has begun."""
    if run is None or run.kind == "prelabel" or run.state == "waiting" or (not run.active and not run.series):
        return Markup()
    steps = [event for event in run.series if event.get("stage") == "adapt"] or run.series
    stage = steps[-1].get("stage") if steps else None
    names = sorted({name for event in steps for name in event.get("losses") or {}})
    losses = [
        (
            name,
            *_pairs([(event["step"], event["losses"][name]) for event in steps if name in (event.get("losses") or {})]),
        )
        for name in names
    ]
    if not losses:
        losses = [("loss", *_pairs([(event["step"], event["loss"]) for event in steps if "loss" in event]))]
    evals = [event for event in run.evals if event.get("stage") in (None, stage)]
    ranged = [event for event in evals if {"low", "high"} <= event.keys() and event.get("faces", 0) >= FEWEST_FACES]
    at, low, high = ([event[key] for event in ranged] for key in ("step", "low", "high"))
    band = (at, low, high) if ranged else None
    rates = [(event["step"], 1000 * event["learning_rate"]) for event in steps if "learning_rate" in event]
    title = "Loss, learning the source" if stage == "base" else "Loss"
    loss = line_chart(title, losses, x_label="step", y_label="negative log-likelihood")
    errors = _pairs([(event["step"], event["nme"]) for event in evals])
    unit = "NME, %" + ("; shaded: 95 % interval" if band else "")
    nme = line_chart("Held-out error", [("NME", *errors)], x_label="step", y_label=unit, from_zero=True, band=band)
    pace = [("rate", *_pairs(rates))]
    rate = line_chart("Learning rate", pace, x_label="step", y_label="× 0.001", from_zero=True)
    # No face of a source is held out, and a run that has ended without a measurement will not get one.
    measured = bool(evals) or (run.active and stage != "base")
    return render("training_charts.html", charts=[nme, loss, rate] if measured else [loss, rate])


def _pairs(points: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    kept = [(x, y) for x, y in points if isinstance(x, int | float) and isinstance(y, int | float)]
    return [x for x, _ in kept], [y for _, y in kept]


def waiting_sentence(run: Run) -> str:
    """What a waiting run will do, and when it starts."""
    if run.kind == "curve":
        does = f"trains on the labels of training {run.of}"
    elif run.kind == "train":
        how = [f"together with {run.source}" if run.source else "alone"]
        how += [f"for {duration(60 * run.minutes)}"] if run.minutes else []
        pictures = plural(run.images, "picture")
        does = f"trains on the {pictures} that were labeled when it was started, {', '.join(how)}"
    else:
        does = f"pre-labels {plural(run.images, 'picture')}"
    return f"It {does}. It starts by itself when the run before it ends, even if this page is closed."


def waiting_html(run: Run) -> Markup:
    """A waiting run, below the run that the page shows."""
    return render("waiting_run.html", name=run.name, sentence=waiting_sentence(run))


def log_html(run: Run) -> Markup:
    """The warnings and the output of a run, and its folder."""
    warnings = [f"warning: {line}" for line in run.warnings]
    printed = output_of(run.folder)
    lines = "\n".join([*warnings, *([printed] if printed else [])]) or "No output yet."
    return render("run_log.html", lines=lines, folder=run.folder)


def runs_html(project: Project, runs: Sequence[Run], shown: Run | None) -> Markup:
    """A table of all runs, newest first, except the one that is `shown` and a waiting one, which have cards."""
    rows = []
    for run in runs:
        if run == shown or run.state == "waiting":
            continue
        facts = [time.strftime("%d %b %H:%M", time.localtime(run.created_at)), run.what]
        if run.kind != "curve":  # a curve has the images and the source of its training
            facts += [plural(run.images, "picture"), run.source or "alone"]
        facts.append(duration(run.seconds))
        facts += ["model not shipped"] if run.lacks_model else []
        nme = (run.metrics or {}).get("nme")
        rows.append(
            {
                "name": run.name,
                "state": run.state,
                "facts": facts,
                "error": run.error,
                "nme": nme if isinstance(nme, int | float) else None,
                "report": _report_address(project, run.id) if has_report(run) else None,
            }
        )
    changes = [
        (time.strftime("%d %b %H:%M", time.localtime(charge.at)), history_sentence(charge))
        for charge in reversed(project.store.charges.all()[-CHANGES:])
    ]
    return render("other_runs.html", runs=rows, changes=changes) if rows or changes else Markup()
