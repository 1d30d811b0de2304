"""The report of a training as one HTML file."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path

from markupsafe import Markup

from labeler.analysis.agreement import FEWEST, Noise, Pair, advice, measure
from labeler.html.charts import line_chart
from labeler.html.markup import distance_words, plural, render
from labeler.html.static_files import STATIC
from labeler.report import measures
from labeler.report.drawings import face_figure, mean_face_figure
from labeler.report.learning import FEW_HELD_OUT, learning_section
from labeler.report.measures import Comparison
from labeler.runs.heldout import HeldOut, read_heldout, read_learned, rough_sentence
from labeler.runs.model_use import ModelUse
from labeler.runs.run import Run
from mdmd.errors import DataError
from mdmd.evaluation.metrics import FEWEST_FACES

STYLES = ("shell/tokens.css", "shell/figures.css", "report/report.css")
#: The most faces in each of the two galleries.
SHOWN_FACES = 6
#: If at least this many faces all agree, the difference is significant: the sign test's p is 2 / 2^6 = 0.03.
FEWEST_AGREEING = 6
#: A table of more landmarks than this is folded away.
LISTED = 30


def report_html(
    project: str,
    run: Run,
    others: Sequence[Run] = (),
    *,
    against: Run | None = None,
    parts: Sequence[Path] = (),
    invitation: str = "",
    pairs: Sequence[Pair] = (),
    use: ModelUse | None = None,
    linked: bool = False,
) -> Markup:
    """The report of `run`, a training of `project`, as one HTML file that needs no other.

    `others` are the project's other trainings, newest first, for the table. `against` is the training to compare with,
    by default the newest of `others` that is older and was measured. `parts` are the folders of the learning curve's
    measured parts, `invitation` the text where there are none. `pairs` are faces labeled twice by the same person;
    their distance is compared with the model's error. `use` says how the model is used. With `linked`, the table links
    to the other reports on the server. Raises DataError for a run that has measured nothing yet, and for `against`
    without measurements.
    """
    found = read_heldout(run.folder)
    if found is None or not found.final:
        raise DataError(
            f"run {run.id} has no report: it has measured nothing on held-out faces" + (" yet" if run.active else "")
        )
    if against is not None and against.id == run.id:
        raise DataError(f"run {run.id} cannot be compared with itself")
    measured = {run.id: found}
    for other in others:
        heldout = _measured(other)
        if heldout is not None:
            measured[other.id] = heldout
    if against is None:
        older = [other for other in others if other.id in measured and int(other.id) < int(run.id)]
        against = older[0] if older else None
    elif against.id not in measured:
        raise DataError(f"run {against.id} has measured nothing to compare with")
    numbers, noise = measures.headline(found), measure(found.definition, pairs)
    order = measures.by_error(found)
    shown = min(SHOWN_FACES, max(len(order) // 2, 1))
    landmarks = measures.landmark_errors(found)
    return render(
        "report.html",
        project=project,
        run=run,
        linked=linked,
        use=use,
        styles=Markup("".join((STATIC / name).read_text(encoding="utf-8") for name in STYLES)),
        script=Markup((STATIC / "report" / "theme.js").read_text(encoding="utf-8")),
        facts=_facts(run),
        numbers=numbers,
        rough=rough_sentence(numbers.faces),
        fewest_faces=FEWEST_FACES,
        distance=distance_words(found.definition),
        advice=None if noise.floor is None else advice(numbers.nme, noise.floor),
        repeats=noise.faces,
        fewest_repeats=FEWEST,
        **_comparison(against, found, measured),
        error_chart=_error_chart(found, run, measured, against, noise),
        coverage_chart=_coverage_chart(found),
        learning_curve=learning_section(run.folder, found, parts, invitation),
        mean_face=mean_face_figure(found, landmarks),
        groups=[
            (name.replace("_", " "), mean, labels)
            for name, mean, labels in sorted(measures.group_errors(found), key=lambda group: -group[1])
        ],
        landmarks=sorted(landmarks, key=lambda row: (math.isnan(row.mean), -row.mean)),
        most_listed=LISTED,
        repeat_errors={row.name: row.distance for row in noise.landmarks if not math.isnan(row.distance)},
        worst=[face_figure(found, k) for k in order[:shown]],
        best=[face_figure(found, k) for k in reversed(order[shown:][-shown:])],  # no face twice
        trainings=_trainings([run, *others], measured, run),
    )


def _measured(run: Run) -> HeldOut | None:
    try:
        found = read_heldout(run.folder)
    except DataError:
        return None
    return found if found is not None and found.final else None


def _facts(run: Run) -> list[str]:
    """The line below the title."""
    learned = read_learned(run.folder)
    return [
        time.strftime("%d %b %Y, %H:%M", time.localtime(run.created_at)),
        f"trained on {_of_labeled(learned.faces, run)}" if learned else plural(run.faces, "labeled face"),
        _together(run),
        f"preset {run.preset}",
        *([f"encoder {run.encoder}"] if run.encoder else []),
        *([f"weights {Path(run.weights).name}"] if run.weights else []),
        _took(run),
        *([f"stopped early at step {run.stopped.step:,} of {run.stopped.of:,}"] if run.stopped else []),
        *(["model not shipped"] if run.lacks_model else []),
    ]


def _took(run: Run) -> str:
    """The time, and the work by which trainings on different machines can be compared."""
    minutes, learned = run.seconds / 60, read_learned(run.folder)
    time_taken = f"{minutes:.0f} minutes" if minutes >= 2 else f"{run.seconds:.0f} seconds"
    if learned is None or learned.steps is None or learned.batch_size is None:
        return time_taken
    seen = learned.steps * learned.batch_size
    return f"{time_taken}, {learned.steps:,} steps of {learned.batch_size} faces, {seen:,} faces seen"


def _comparison(against: Run | None, found: HeldOut, measured: dict[str, HeldOut]) -> dict[str, object]:
    """What the template says about the training that this one is compared with."""
    if against is None:
        return {"against": None, "own_faces": False}
    other = measured[against.id]
    faces, theirs = ({sample.face_id for sample in one.samples} for one in (found, other))
    comparison = measures.compare(found, other)
    said: dict[str, object] = {"against": against, "own_faces": faces != theirs, "comparison": comparison}
    if comparison is None:
        return said
    gain, learned = comparison.gain, read_learned(against.folder)
    return said | {
        "verdict": _verdict(comparison),
        "few_heldout": FEW_HELD_OUT,
        "interval": (gain.low, gain.high) if gain.value >= 0 else (-gain.high, -gain.low),
        "against_learned": (f"was trained on {_of_labeled(learned.faces, against)}, " if learned else "was trained ")
        + _together(against),
    }


def _verdict(found: Comparison) -> str:
    """How a training compares with another: "better", "worse" or "equal" (no significant difference); for fewer than
    FEW_HELD_OUT faces "each" where all of them agree, else "few"."""
    if FEWEST_AGREEING <= found.faces < FEW_HELD_OUT and found.agreed:
        return "each"
    if found.faces < FEW_HELD_OUT:
        return "few"
    return "better" if found.gain.low > 0 else "worse" if found.gain.high < 0 else "equal"


def _of_labeled(learned: int, run: Run) -> str:
    """How many of the run's labeled faces it was trained on; the others are held out."""
    return plural(run.faces, "labeled face") if learned == run.faces else f"{learned:,} of {run.faces:,} labeled faces"


def _together(run: Run) -> str:
    return f"together with {run.source}" if run.source else "alone"


def _error_chart(found: HeldOut, run: Run, measured: dict[str, HeldOut], against: Run | None, noise: Noise) -> Markup:
    curves = [(f"training {run.id}", *measures.error_curve(found))]
    if against is not None:
        curves.append((f"training {against.id}", *measures.error_curve(measured[against.id])))
    return line_chart(
        "Cumulative errors",
        curves,
        x_label="mean error of a face, %",
        y_label="faces, %",
        from_zero=True,
        up_to=100.0,
        upright=None if noise.floor is None else (f"your repeats:\n{noise.floor.value:.1f} %", noise.floor.value),
    )


def _coverage_chart(found: HeldOut) -> Markup:
    promised, inside = measures.coverage_curve(found)
    return line_chart(
        "Coverage of the ellipses",
        [("measured", promised, inside), ("ideal", [0.0, 100.0], [0.0, 100.0])],
        x_label="nominal coverage, %",
        y_label="points inside, %",
        from_zero=True,
        up_to=100.0,
    )


def _trainings(runs: Sequence[Run], measured: dict[str, HeldOut], shown: Run) -> list[dict[str, object]]:
    """Rows of the table of all trainings that were measured, newest first."""
    return [
        {
            "run": run,
            "shown": run.id == shown.id,
            "when": time.strftime("%d %b %H:%M", time.localtime(run.created_at)),
            "took": _took(run),
            "numbers": measures.headline(measured[run.id]),
        }
        for run in sorted(runs, key=lambda run: -int(run.id))
        if run.id in measured
    ]
