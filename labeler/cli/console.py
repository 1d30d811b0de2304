"""Follow a run in the terminal."""

from __future__ import annotations

import time
from collections.abc import Callable

from labeler.html.markup import plural
from labeler.project.project import Project
from labeler.runs.collect import collect_predictions
from labeler.runs.control import cancel_run, list_runs
from labeler.runs.run import COMPLETE, Run

STAGES = {
    "source": "drawing the source's faces",
    "base": "learning the source",
    "adapt": "learning the project",
    "measure": "measuring the error",
    "predict": "pre-labeling the other faces",
    "check": "predicting the labeled faces, for the label checks",
}
WAITING = "waiting for another run to end"


def follow(
    project: Project, run: Run, *, say: Callable[[str], None] = print, every: float = 5.0, cancels: bool = True
) -> int:
    """Print the progress of a run until it ends, then collect its predictions; returns an exit code.

    Ctrl-C cancels the run, or only stops following it if `cancels` is False. `every` is the interval of progress lines
    in seconds.
    """
    told: list[str] = []
    next_line = 0.0
    try:
        while True:
            run = next(r for r in list_runs(project) if r.id == run.id)
            stage = WAITING if run.state == "waiting" else _stage(run)
            for line in [f"warning: {text}" for text in run.warnings] + [stage]:
                if line and line not in told:
                    told.append(line)
                    say(line)
            line = _progress_line(run) if run.active and time.monotonic() >= next_line else None
            if line is not None:
                next_line = time.monotonic() + every
                say(line)
            if not run.active:
                break
            time.sleep(0.2)
    except KeyboardInterrupt:
        if not cancels:
            say(f"run {run.id} continues; `labeler runs {project.name}` shows its progress")
            return 130
        say("stopping ...")
        run = cancel_run(project, run.id, patience=15)
    if run.state in COMPLETE:
        collect_predictions(project)
        say(_result_line(project, run))
        return 0
    say(f"run {run.id} was {run.state}" if run.error is None else f"run {run.id} {run.state}: {run.error}")
    if run.trained:
        say(f"its model is complete: `labeler prelabel {project.name}` predicts with it")
    if run.can_resume:
        say(f"`labeler resume {project.name}` continues it")
    return 130 if run.state == "cancelled" else 2 if run.exit_code == 2 else 1


def _stage(run: Run) -> str:
    if run.begun and run.stage != "base":
        return f"learning from {run.parts[run.begun - 1]} % of the faces, part {run.begun} of {len(run.parts)}"
    return STAGES.get(run.stage or "", "")


def _progress_line(run: Run) -> str | None:
    if run.predicted is not None:
        return f"  {run.predicted[0]} of {plural(run.predicted[1], 'face')}"
    if not run.series or run.stage in ("measure", "predict"):
        return None
    step = run.series[-1]
    parts = [f"  step {step['step']}" + (f" of {step['steps']}" if step.get("steps") else "")]
    parts += [f"loss {step['loss']:.3f}"] if "loss" in step else []
    if run.evals:
        parts.append(f"held-out NME {run.evals[-1]['nme']:.2f} %")
    if run.eta_seconds is not None:
        parts.append(f"{run.eta_seconds:.0f} s left")
    return ", ".join(parts)


def _result_line(project: Project, run: Run) -> str:
    if run.kind == "curve":
        return f"done in {run.seconds:.0f} s: {run.what}"
    step = f"stopped at step {run.stopped.step} of {run.stopped.of}" if run.stopped else "done"
    text = f"{step} in {run.seconds:.0f} s"
    match run.metrics:
        case {"steps": int(steps), "batch_size": int(batch), "faces_seen": int(seen)}:
            text += f", {steps:,} steps of {batch} faces, {seen:,} faces seen"
    if run.metrics and run.metrics.get("nme") is not None:
        text += f"; NME {run.metrics['nme']:.2f} % on {plural(run.metrics['n'], 'held-out face')}"
    number = int(run.id)
    if faces := project.store.predictions.faces_of(number):
        doubtful = project.store.predictions.tally(number).flagged
        text += f"; {plural(faces, 'face')} pre-labeled, {plural(doubtful, 'doubtful point')}"
    return text
