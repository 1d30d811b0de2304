"""The report of one training: a page, and a file that carries all it shows."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from labeler.analysis.agreement import FEWEST, Noise, Pair, advice, measure
from labeler.html.charts import line_chart
from labeler.html.markup import distance_words, plural, text
from labeler.report import measures
from labeler.report.drawings import face_figure, mean_face_figure
from labeler.report.learning import FEW_HELD_OUT, learning_section
from labeler.report.measures import Comparison, Headline
from labeler.runs.heldout import HeldOut, read_heldout, read_learned
from labeler.runs.run import Run
from mdmd.errors import DataError
from mdmd.evaluation.metrics import Measured

STATIC = Path(__file__).parent.parent / "static"
STYLES = ("shell/tokens.css", "shell/figures.css", "report/report.css")
SHOWN_FACES = 6
#: So many faces that all say the same tell more than chance would: the sign test's p is 2 / 2^6 = 0.03.
FEWEST_AGREEING = 6
#: So many landmarks are listed one by one without being folded away.
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
    linked: bool = False,
) -> str:
    """The report of `run`, a training of `project`, as one HTML file that needs no other.

    `others` are the project's other trainings, the newest first, for the table; `against` is the one that it is
    measured against (by default the newest of `others` that is older and was measured). `parts` are the folders of its
    learning curve's parts, `invitation` what is said where there are none; `pairs` are faces labeled twice by the same
    person: what the model's errors are compared with. With `linked`, the table leads to the other reports and
    comparisons, as the server answers them. Raises DataError for a run that has nothing measured yet.
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
        seen = _measured(other)
        if seen is not None:
            measured[other.id] = seen
    if against is None:
        older = [other for other in others if other.id in measured and int(other.id) < int(run.id)]
        against = older[0] if older else None
    elif against.id not in measured:
        raise DataError(f"run {against.id} has measured nothing to compare with")
    rows = measures.landmark_errors(found)
    numbers, noise = measures.headline(found), measure(found.definition, pairs)
    body = [
        f"<header><p>{text(project)}</p><h1>{text(_title(run))}</h1>{_lines(run)}</header>",
        _headline(numbers, found),
        _human(numbers, noise),
        *([_comparison(run, against, measures.compare(found, measured[against.id]))] if against else []),
        _curves(found, run, measured, against, noise),
        learning_section(run.folder, found, parts, invitation),
        _where(found, rows, noise),
        _faces(found),
        _trainings([run, *others], measured, run, linked=linked),
        _how(found, noise),
    ]
    styles = "".join((STATIC / name).read_text(encoding="utf-8") for name in STYLES)
    script = (STATIC / "report" / "theme.js").read_text(encoding="utf-8")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{text(_title(run))}, {text(project)}</title><style>{styles}</style></head>"
        f'<body class="report"><script>{script}</script><main>{"".join(body)}</main></body></html>\n'
    )


def _measured(run: Run) -> HeldOut | None:
    try:
        found = read_heldout(run.folder)
    except DataError:
        return None
    return found if found is not None and found.final else None


def _title(run: Run) -> str:
    return f"Training {run.name}"


def _lines(run: Run) -> str:
    learned = read_learned(run.folder)
    facts = [
        time.strftime("%d %b %Y, %H:%M", time.localtime(run.created_at)),
        f"learned from {_of_labeled(learned.faces, run)}" if learned else plural(run.faces, "labeled face"),
        f"together with {run.source}" if run.source else "alone",
        f"preset {run.preset}",
        *([f"encoder {run.encoder}"] if run.encoder else []),
        *([f"weights {Path(run.weights).name}"] if run.weights else []),
        _minutes(run),
        *(["stopped at step {:,} of {:,}, as asked".format(*run.stopped)] if run.stopped else []),
    ]
    return f"<p class='facts'>{text(' · '.join(facts))}</p>"


def _minutes(run: Run) -> str:
    minutes = run.seconds / 60
    return f"{minutes:.0f} minutes in all" if minutes >= 2 else f"{run.seconds:.0f} seconds in all"


def _headline(numbers: Headline, found: HeldOut) -> str:
    recall = (
        "no point was wrong"
        if numbers.flag_recall is None
        else f"{100 * numbers.flag_recall:.0f} % of the wrong points among them"
    )
    tiles = [
        ("NME", _percent(numbers.nme), f"mean error, in percent of {distance_words(found.definition)}"),
        ("Failures", _percent(numbers.fr10), "faces with a mean error above 10 %"),
        ("AUC", _percent(numbers.auc10), "area under the error curve up to 10 %"),
        ("Inside", _percent(numbers.inside90), "points inside their 90 % ellipse"),
        ("Flagged", _percent(numbers.flagged), f"of the points; {recall}"),
    ]
    cells = "".join(
        f"<div class='tile'><h3>{name}</h3>{value}<p>{text(words)}</p></div>" for name, value, words in tiles
    )
    return (
        f"<p class='lead'>On {plural(numbers.faces, 'held-out face')}, which the model has not learned from. "
        f"In brackets: 95 % intervals over faces.</p><div class='tiles'>{cells}</div>"
    )


def _human(numbers: Headline, noise: Noise) -> str:
    """How the model stands to the person who labeled; nothing where nobody has labeled a face twice."""
    if noise.floor is None:
        few = f"How exact your own labels are is not known yet: {noise.faces} of at least {FEWEST} repeats."
        return f"<p class='quiet'>{few}</p>" if noise.faces else ""
    return f"<p class='advice'>{text(advice(numbers.nme, noise.floor))}</p>"


def _percent(number: Measured) -> str:
    return f"<b>{number.value:.1f} %</b> <span>({number.low:.1f} to {number.high:.1f})</span>"


def _comparison(run: Run, against: Run, found: Comparison | None) -> str:
    title = f"<h2>Against training {text(against.name)}</h2>"
    if found is None:
        return (
            f"{title}<p>The two held out different faces or have other landmarks, so they cannot be compared face by "
            "face. Their own figures stand in the table below.</p>"
        )
    low, high = found.gain.low, found.gain.high
    word = "better" if low > 0 else "worse" if high < 0 else "not different beyond chance"
    said = f"<b>{word}</b> by {abs(found.gain.value):.1f} points ({_interval(found.gain)})"
    if FEWEST_AGREEING <= found.faces < FEW_HELD_OUT and found.agreed:
        said = f"<b>{'better' if found.agreed > 0 else 'worse'}</b> on each of them"
    elif found.faces < FEW_HELD_OUT:
        said = f"which is better <b>cannot be told</b> from fewer than {FEW_HELD_OUT} faces"
    learned = read_learned(against.folder)
    faces = f" learned from {_of_labeled(learned.faces, against)}," if learned else " learned"
    return (
        f"{title}<p>On the {plural(found.faces, 'face')} that neither has learned from: NME <b>{found.nme:.1f} %</b> "
        f"against {found.other:.1f} %: {said}. Training {text(against.name)}{faces} {text(_together(against))}.</p>"
    )


def _of_labeled(learned: int, run: Run) -> str:
    """From how many of the run's labeled faces it has learned: some are held out."""
    return plural(run.faces, "labeled face") if learned == run.faces else f"{learned:,} of {run.faces:,} labeled faces"


def _interval(gain: Measured) -> str:
    low, high = sorted((gain.low, gain.high)) if gain.value >= 0 else sorted((-gain.low, -gain.high))
    return f"95 % interval {low:.1f} to {high:.1f}"


def _together(run: Run) -> str:
    return f"together with {run.source}" if run.source else "alone"


def _curves(found: HeldOut, run: Run, measured: dict[str, HeldOut], against: Run | None, noise: Noise) -> str:
    curves = [(f"training {run.id}", *measures.error_curve(found))]
    if against is not None:
        curves.append((f"training {against.id}", *measures.error_curve(measured[against.id])))
    cumulative = line_chart(
        "Cumulative errors",
        curves,
        x_label="mean error of a face, %",
        y_label="faces, %",
        from_zero=True,
        up_to=100.0,
        upright=None if noise.floor is None else (f"you, twice:\n{noise.floor.value:.1f} %", noise.floor.value),
    )
    promised, inside = measures.coverage_curve(found)
    coverage = line_chart(
        "What ellipses hold",
        [("measured", promised, inside), ("promised", [0.0, 100.0], [0.0, 100.0])],
        x_label="promised, %",
        y_label="points inside, %",
        from_zero=True,
        up_to=100.0,
    )
    faces = [{sample.face_id for sample in one.samples} for one in (found, measured[(against or run).id])]
    own = "" if faces[0] == faces[1] else "<p>The cumulative errors are of each training's own held-out faces.</p>"
    return f"<section><h2>Curves</h2>{own}<div class='charts'>{cumulative}{coverage}</div></section>"


def _where(found: HeldOut, rows: list[measures.LandmarkError], noise: Noise) -> str:
    groups = "".join(
        f"<tr><td>{text(name.replace('_', ' '))}</td><td class='number'>{mean:.1f} %</td>"
        f"<td class='number'>{n}</td></tr>"
        for name, mean, n in sorted(measures.group_errors(found), key=lambda row: -row[1])
    )
    human = {row.name: row.distance for row in noise.landmarks}
    ordered = sorted(rows, key=lambda row: (math.isnan(row.mean), -row.mean))
    cells = "".join(
        f"<tr><td>{text(row.name)}</td><td class='number'>{_mean(row.mean)}</td>"
        f"{_twice(human, row.name)}<td class='number'>{_mean(row.most)}</td><td class='number'>{row.labels}</td></tr>"
        for row in ordered
    )
    twice = "<th>you, twice</th>" if human else ""
    head = (
        f"<thead><tr><th>Landmark</th><th>mean error</th>{twice}<th>largest</th><th>held-out labels</th></tr></thead>"
    )
    table = f"<table>{head}<tbody>{cells}</tbody></table>"
    if len(rows) > LISTED:
        table = f"<details><summary>All {len(rows)} landmarks, the worst first</summary>{table}</details>"
    return (
        "<section><h2>Where it errs</h2><div class='where'>"
        f"<figure>{mean_face_figure(found, rows)}<figcaption>The mean face. A disc is as large as the landmark's mean "
        "error; the three worst stand out.</figcaption></figure>"
        "<div><table><thead><tr><th>Group</th><th>mean error</th><th>held-out labels</th></tr></thead>"
        f"<tbody>{groups}</tbody></table>{table}</div></div></section>"
    )


def _twice(human: Mapping[str, float], name: str) -> str:
    """The cell for how far two labelings of a landmark are apart; none where that was not measured."""
    if not human:
        return ""
    return f"<td class='number'>{'' if math.isnan(human[name]) else f'{human[name]:.1f} %'}</td>"


def _mean(value: float) -> str:
    return "no label" if math.isnan(value) else f"{value:.1f} %"


def _faces(found: HeldOut) -> str:
    order = measures.by_error(found)
    shown = min(SHOWN_FACES, max(len(order) // 2, 1))
    worst = "".join(face_figure(found, k) for k in order[:shown])
    best = "".join(face_figure(found, k) for k in reversed(order[shown:][-shown:]))  # none twice
    return (
        "<section><h2>The worst faces</h2><p>Rings are labels, dots what the model says; orange where they are more "
        f"than 10 % apart. A label may be the slip.</p><div class='faces'>{worst}</div>"
        + (f"<h2>The best faces</h2><div class='faces'>{best}</div>" if best else "")
        + "</section>"
    )


def _trainings(runs: Sequence[Run], measured: dict[str, HeldOut], shown: Run, *, linked: bool) -> str:
    rows = []
    for run in sorted(runs, key=lambda run: -int(run.id)):
        found = measured.get(run.id)
        if found is None:
            continue
        numbers = measures.headline(found)
        mark = " class='this'" if run.id == shown.id else ""
        name = _link(run, shown) if linked else text(run.name)
        when = time.strftime("%d %b %H:%M", time.localtime(run.created_at))
        rows.append(
            f"<tr{mark}><td>{name}</td><td>{when}</td><td class='number'>{run.faces}</td>"
            f"<td>{text(run.source or 'alone')}</td><td>{text(_minutes(run))}</td>"
            f"<td class='whole'>{_percent(numbers.nme)}</td><td class='number'>{numbers.fr10.value:.1f} %</td>"
            f"<td class='number'>{numbers.faces}</td></tr>"
        )
    if len(rows) < 2:
        return ""
    head = "".join(
        f"<th>{word}</th>"
        for word in ("training", "when", "labeled faces", "together with", "took", "NME", "failures", "held out")
    )
    return (
        "<section><h2>All trainings</h2><p>Each on its own held-out faces.</p>"
        f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table></section>"
    )


def _link(run: Run, shown: Run) -> str:
    if run.id == shown.id:
        return f"{text(run.name)}, this one"
    compare = f"<a href='../{text(shown.id)}/report?against={text(run.id)}'>compare</a>"
    return f"<a href='../{text(run.id)}/report'>{text(run.name)}</a> · {compare}"


def _how(found: HeldOut, noise: Noise) -> str:
    twice = (
        f" &quot;You, twice&quot; is the mean distance between your two labelings of {noise.faces} faces, the second "
        "one blind, in the same unit: a model there is as good as a second labeling."
        if noise.floor is not None
        else ""
    )
    return (
        "<footer><p>Errors are distances between label and prediction, in percent of "
        f"{text(distance_words(found.definition))}, measured on each face. The held-out faces were not learned from, "
        "but the ellipses were calibrated on them, so the share inside is kinder here than on new faces. All of this "
        f"can be recomputed from heldout.json and target.json in the training's folder.{twice}</p></footer>"
    )
