"""What the Train tab says about the present run and the past ones."""

from __future__ import annotations

import time
from collections.abc import Sequence
from urllib.parse import quote

from labeler.html.charts import line_chart
from labeler.html.markup import distance_words, meter, note, plural, project_address, text
from labeler.project.project import Project
from labeler.runs.run import COMPLETE, Run, output_of
from mdmd import run_folder

STAGES = {
    "source": "Drawing the source set, once",
    "base": "Learning the source, once on this machine",
    "adapt": "Adapting to your landmarks",
    "predict": "Pre-labeling the other faces",
}


def shown_run(runs: Sequence[Run]) -> Run | None:
    """The run that the page is about: the one under way, else the newest that has had its turn, else the newest.

    A run that was cancelled in the queue must not take the place of the one that ended meanwhile.
    """
    under_way = [run for run in runs if run.state in ("running", "stopping")]
    return next(iter([*under_way, *(run for run in runs if run.had_turn), *runs]), None)


def live_html(project: Project, run: Run | None, problem: str | None) -> str:
    """A run: stage, progress, and when it is over what came out and what to do next."""
    told = note(problem, "warning") if problem else ""
    if run is None:
        return (
            told + "<div class='card quiet'><h2>No run yet</h2>"
            "<p>Loss and held-out error appear here while it learns.</p></div>"
        )
    kind = {"train": "Training", "curve": "Learning curve"}.get(run.kind, "Pre-labeling")
    of = f" of training {text(run.of)}" if run.of else ""
    head = f"<h2>{kind} {text(run.name)}{of} <span class='state {run.state}'>{run.state}</span></h2>"
    warnings = "".join(note(line, "warning") for line in run.warnings)
    return f"{told}<div class='card run'>{head}{_progress(run)}{_outcome(project, run)}{warnings}</div>"


def _progress(run: Run) -> str:
    if not run.active:
        return ""
    if run.state == "waiting":
        return f"<p class='stage'>Waiting for its turn</p><p class='facts'>{text(waiting_sentence(run))}</p>"
    stage = _part(run) if run.begun and run.stage != "base" else STAGES.get(run.stage or "", "Starting")
    if run.state == "stopping" and run.stage != "predict":
        facts = f"step {run.step:,}" if run.step else "before its first step"
        ending = (
            "Ending as asked"
            if (run.folder / run_folder.CANCEL).exists()
            else "Ending as asked: measuring and saving the model"
        )
        return f"<p class='stage'>{ending}</p><p class='facts'>{facts} · {duration(run.seconds)} so far</p>"
    if run.stage == "predict":
        faces, of = run.predicted or (0, 0)
        facts = f"{faces:,} of {plural(of, 'face')} · {duration(run.seconds)} so far"
        return f"<p class='stage'>{stage}</p>{meter(faces / max(of, 1))}<p class='facts'>{facts}</p>"
    done = run.step / run.steps if run.step and run.steps else 0.0
    if run.parts:
        done = (max(run.begun - 1, 0) + done) / len(run.parts)
    facts = []
    if run.step:
        facts.append(f"step {run.step:,}" + (f" of {run.steps:,}" if run.steps else ""))
    if run.images_per_second:
        facts.append(f"{run.images_per_second:.0f} images/s")
    facts.append(
        f"about {duration(run.eta_seconds)} left" if run.eta_seconds is not None else f"{duration(run.seconds)} so far"
    )
    if run.stage == "base" and run.minutes:
        facts.append(f"then {duration(60 * run.minutes)} for your landmarks")
    said = f"<p class='stage'>{stage}</p>{meter(done)}<p class='facts'>{text(' · '.join(facts))}</p>"
    if run.kind == "train" and run.stage in ("source", "base"):
        said += (
            "<p class='facts'>There is no model of your landmarks to keep yet. Cancelled, it keeps what it has learned "
            "of the source: the next training goes on from there.</p>"
        )
    return said


def _part(run: Run) -> str:
    return (
        f"Training {text(run.of)} again, from {run.parts[run.begun - 1]} % of its faces: part {run.begun} of "
        f"{len(run.parts)}"
    )


def _outcome(project: Project, run: Run) -> str:
    if run.active:
        return ""
    if run.kind == "curve":
        return _curve_outcome(project, run)
    if run.state not in COMPLETE:
        sentence = {
            "cancelled": "Cancelled. Your labels are as they were; earlier models and predictions stay.",
            "interrupted": run.error or "",
        }.get(run.state, f"Failed: {run.error}")
        if run.can_resume:
            sentence = sentence.rstrip(".") + f". It can be resumed{f' near step {run.step:,}' if run.step else ''}."
        said = note(sentence, "plain" if run.state == "cancelled" else "warning")
        return said + (_broke_off_later(project, run) if run.trained else "")
    parts = [note(metrics_sentence(project, run.metrics))] if run.metrics else []
    if run.stopped:
        step, of = run.stopped
        parts.append(note(f"Stopped at step {step:,} of {of:,}, as asked, and kept: averaged weights, calibrated."))
    address = text(project_address(project.name))
    flagged = project.progress().flagged_points
    waiting = project.progress().predicted_faces
    if flagged:
        page, words = "review", f"Review {plural(flagged, 'doubtful point')} of {plural(waiting, 'face')}"
    elif waiting:
        page, words = "review", f"Review {plural(waiting, 'pre-labeled face')}"
    else:
        page, words = "export", "Export the labels"
    parts.append(f"<p><a class='button' href='{address}#{page}'>{words}</a> {_report_link(project, run)}</p>")
    return "".join(parts)


def _broke_off_later(project: Project, run: Run) -> str:
    kept = (
        "Its model was complete before that and is kept: nothing has to be trained again, “Pre-label the other faces "
        "again” goes on with it."
    )
    return note(f"{kept} {metrics_sentence(project, run.metrics or {})}") + f"<p>{_report_link(project, run)}</p>"


def has_report(run: Run) -> bool:
    """Whether it is a training that has measured itself on faces held out."""
    return run.kind == "train" and bool(run.metrics) and (run.folder / run_folder.HELDOUT).is_file()


def _report_link(project: Project, run: Run) -> str:
    if not has_report(run):
        return ""
    return f"<a class='button plain' href='{_report_url(project, run.id)}' target='_blank'>Open the report</a>"


def _curve_outcome(project: Project, run: Run) -> str:
    if run.state in COMPLETE:
        said = note(f"Measured: it stands in the report of training {run.of}.")
    else:
        why = "Cancelled." if run.state == "cancelled" else f"Broke off: {(run.error or '').rstrip('.')}."
        kept = f"{run.measured} of {len(run.parts)} parts are measured and count; measuring again does the others."
        said = note(f"{why} {kept}", "plain" if run.state == "cancelled" else "warning")
    if not (run.folder.parent / str(run.of) / run_folder.HELDOUT).is_file():
        return said + note(f"Training {run.of} has been deleted, and its report with it.")
    url = _report_url(project, str(run.of))
    return f"{said}<p><a class='button' href='{url}' target='_blank'>Open the report</a></p>"


def _report_url(project: Project, run_id: str) -> str:
    return f"api/projects/{quote(project.name)}/runs/{quote(run_id)}/report"


def metrics_sentence(project: Project, metrics: dict[str, object]) -> str:
    """The held-out error in words."""
    unit = distance_words(project.definition)

    def number(key: str, scale: float = 1.0) -> str | None:
        value = metrics.get(key)
        return f"{scale * value:.1f}" if isinstance(value, int | float) else None

    nme, count = number("nme"), metrics.get("n")
    faces = plural(count, "held-out face") if isinstance(count, int) else "the held-out faces"
    if nme is None:
        return "No held-out error could be measured."
    sentence = f"On {faces} the points are off by {nme} % of {unit} on average"
    coverage = number("coverage90", 100)
    return sentence + (f"; the 90 % ellipses hold {coverage} % of them." if coverage else ".")


def charts_html(run: Run | None) -> str:
    """A training's curves: held-out error, loss and learning rate by step; empty before it has begun."""
    if run is None or run.kind == "prelabel" or run.state == "waiting" or (not run.active and not run.series):
        return ""
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
    ranged = [event for event in evals if "low" in event]
    at, low, high = ([event[key] for event in ranged] for key in ("step", "low", "high"))
    band = (at, low, high) if ranged else None
    rates = [(event["step"], 1000 * event["learning_rate"]) for event in steps if "learning_rate" in event]
    title = "Loss, learning the source" if stage == "base" else "Loss"
    loss = line_chart(title, losses, x_label="step", y_label="negative log-likelihood")
    errors = _pairs([(event["step"], event["nme"]) for event in evals])
    unit = "NME, %" + ("; shaded: 95 % interval" if band else "")
    nme = line_chart("Held-out error", [("NME", *errors)], x_label="step", y_label=unit, from_zero=True, band=band)
    pace = [("rate", *_pairs(rates))]
    rate = line_chart("Learning rate", pace, x_label="step", y_label="thousandths", from_zero=True)
    if stage == "base" and not evals:
        nme = ""  # a source is learned from whole
    return f"<div class='card'><div class='charts'>{nme}{loss}{rate}</div></div>"


def _pairs(points: list[tuple[float, float]]) -> tuple[list[float], list[float]]:
    kept = [(x, y) for x, y in points if isinstance(x, int | float) and isinstance(y, int | float)]
    return [x for x, _ in kept], [y for _, y in kept]


def waiting_sentence(run: Run) -> str:
    """What becomes of a run in the queue."""
    if run.kind == "curve":
        does = f"learns from the labels of training {run.of}"
    elif run.kind == "train":
        how = [f"together with {run.source}" if run.source else "alone"]
        how += [f"for {duration(60 * run.minutes)}"] if run.minutes else []
        images = plural(run.images, "image")
        does = f"learns from the {images} that were labeled when it was started, {', '.join(how)}"
    else:
        does = f"pre-labels {plural(run.images, 'image')}"
    return f"It {does}, and begins by itself when the run before it ends, whether this page is open or not."


def waiting_html(run: Run) -> str:
    """A run that waits behind the one that the page is about."""
    head = f"<h2>Run {text(run.name)} <span class='state waiting'>waiting</span></h2>"
    return f"<div class='card quiet'>{head}<p class='facts'>{text(waiting_sentence(run))}</p></div>"


def log_html(run: Run) -> str:
    """What a run has printed and warned of, as text."""
    told = [f"warning: {line}" for line in run.warnings]
    printed = output_of(run.folder)
    lines = "\n".join([*told, *([printed] if printed else [])]) or "It has printed nothing."
    return f"<pre class='log' tabindex='0'>{text(lines)}</pre><p class='path'><code>{text(run.folder)}</code></p>"


def runs_html(project: Project, runs: Sequence[Run], shown: Run | None) -> str:
    """The runs beside the one that is `shown` and one that waits, which has its own card; newest first."""
    rows = []
    for run in runs:
        if run == shown or run.state == "waiting":
            continue
        facts = [time.strftime("%d %b %H:%M", time.localtime(run.created_at)), run.what]
        if run.kind != "curve":  # it has the images and the source of its training
            facts += [plural(run.images, "image"), run.source or "alone"]
        facts.append(duration(run.seconds))
        nme = (run.metrics or {}).get("nme")
        result = f"NME {nme:.2f} %" if isinstance(nme, int | float) else ""
        if has_report(run):
            result += f" <a href='{_report_url(project, run.id)}' target='_blank'>report</a>"
        why = f"<p class='facts'>{text(run.error)}</p>" if run.error else ""
        rows.append(
            f"<tr><td><b>{text(run.name)}</b><p class='facts'>{text(' · '.join(facts))}</p>{why}</td>"
            f"<td class='state {run.state}'>{run.state}</td><td class='number'>{result}</td></tr>"
        )
    if not rows:
        return ""
    return f"<h2>Other runs</h2><table class='runs'><tbody>{''.join(rows)}</tbody></table>"


def duration(seconds: float | None) -> str:
    """ "40 s", "3 min", "1 h 20 min"."""
    whole = round(seconds or 0)
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
