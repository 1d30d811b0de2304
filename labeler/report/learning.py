"""The learning curve in a report: the held-out error by the number of faces learned from, and what more would buy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from labeler.html.charts import line_chart
from labeler.html.markup import plural, text
from labeler.runs.heldout import HeldOut, read_heldout, read_learned
from mdmd import run_folder
from mdmd.errors import DataError
from mdmd.evaluation import metrics
from mdmd.evaluation.error_law import Array
from mdmd.evaluation.metrics import Measured, measured

#: What the sentence is about.
MORE = 25
#: A power law is drawn through no fewer trainings than this.
FEWEST_POINTS = 3
#: Below so many held-out faces an interval over them is itself a guess.
FEW_HELD_OUT = 10
ROUNDS = 2000
#: An error of zero has no logarithm; percent.
LEAST = 1e-6


@dataclass(frozen=True)
class PowerLaw:
    """NME = `scale` n^-`exponent` by least squares in log-log, in percent. `gain` is by how many points MORE faces
    lower it; its interval is over held-out faces, all trainings measured on the same resample."""

    scale: float
    exponent: float
    gain: Measured

    def at(self, faces: float) -> float:
        return self.scale * faces**-self.exponent


@dataclass(frozen=True)
class LearningCurve:
    """Trainings that learned from `faces` (ascending) and differ in nothing else, with the NME of each on the same
    `heldout` faces; `law` is None where they are too few for one."""

    faces: tuple[int, ...]
    nme: tuple[Measured, ...]
    heldout: int
    law: PowerLaw | None


def learning_curve(trainings: Sequence[tuple[int, HeldOut]]) -> LearningCurve:
    """Of (faces learned from, what was found) of each training; all have held out the same faces."""
    ordered = sorted(trainings, key=lambda training: training[0])
    order = [sample.face_id for sample in ordered[0][1].samples]
    errors = np.stack([_by_face(found, order) for _, found in ordered])
    faces = tuple(count for count, _ in ordered)
    nme = tuple(measured(row) for row in errors)
    return LearningCurve(faces, nme, len(order), _power_law(faces, errors) if len(faces) >= FEWEST_POINTS else None)


def _by_face(found: HeldOut, order: Sequence[int]) -> Array:
    places = {sample.face_id: k for k, sample in enumerate(found.samples)}
    return 100 * metrics.face_nme(found.errors)[[places[face] for face in order]]


def _power_law(faces: Sequence[int], errors: Array) -> PowerLaw:
    """Through the mean `errors` (trainings, held-out faces) of trainings from so many `faces`."""
    count = errors.shape[1]
    picks = np.random.default_rng(0).integers(0, count, (ROUNDS, count))
    means = np.concatenate([errors.mean(axis=1)[:, None], errors[:, picks].mean(axis=2)], axis=1)
    x, y = np.log(np.array(faces, dtype=np.float64)), np.log(np.maximum(means, LEAST))
    away = x - x.mean()
    slope = away @ y / (away @ away)
    level = y.mean(axis=0) - slope * x.mean()
    last = float(faces[-1])
    gain = np.exp(level + slope * np.log(last)) - np.exp(level + slope * np.log(last + MORE))
    low, high = np.quantile(gain[1:], [0.025, 0.975])
    return PowerLaw(float(np.exp(level[0])), float(-slope[0]), Measured(float(gain[0]), float(low), float(high)))


def learning_section(run: Path, found: HeldOut, parts: Sequence[Path], invitation: str) -> str:
    """The curve of the training in the folder `run`, which has `found` this, with its measured `parts`; where there
    are none the sentence `invitation`, and without one nothing."""
    learned = read_learned(run)
    trainings = [] if learned is None else [*_measured(parts, found), (learned.faces, found)]
    if len(trainings) < 2:
        return f"<section><h2>Learning curve</h2><p>{text(invitation)}</p></section>" if invitation else ""
    curve = learning_curve(trainings)
    rows = "".join(
        f"<tr><td class='number'>{faces}</td><td><b>{nme.value:.2f} %</b> "
        f"<span>({nme.low:.2f} to {nme.high:.2f})</span></td></tr>"
        for faces, nme in zip(curve.faces, curve.nme, strict=True)
    )
    table = f"<table><thead><tr><th>faces learned from</th><th>NME</th></tr></thead><tbody>{rows}</tbody></table>"
    return (
        "<section><h2>Learning curve</h2><p>The same training from fewer of its faces, and this one from all: each "
        f"learned for as long and is measured on the same {plural(curve.heldout, 'held-out face')}. In brackets: "
        f"95 % intervals over these.</p><div class='charts'>{_chart(curve)}<div>{table}</div></div>"
        f"{_sentences(curve)}</section>"
    )


def _measured(parts: Sequence[Path], found: HeldOut) -> list[tuple[int, HeldOut]]:
    """Parts that learned from another number of faces each and are measured on the faces of `found`."""
    held = {sample.face_id for sample in found.samples}
    trainings: dict[int, HeldOut] = {}
    for part in parts:
        learned = read_learned(part)
        try:
            told = read_heldout(part, target=part.parent / run_folder.TARGET)
        except DataError:
            continue  # a spoiled part is one that is missing; the rest of the report stands
        if learned is not None and told is not None and {sample.face_id for sample in told.samples} == held:
            trainings[learned.faces] = told
    return list(trainings.items())


def _chart(curve: LearningCurve) -> str:
    counts = [float(count) for count in curve.faces]
    series = [("measured", counts, [nme.value for nme in curve.nme])]
    if curve.law is not None:
        grid = np.linspace(counts[0], counts[-1] + MORE, 41).tolist()
        series.append(("power law", grid, [curve.law.at(n) for n in grid]))
    band = (counts, [nme.low for nme in curve.nme], [nme.high for nme in curve.nme])
    title = "Error by labels, 95 %"
    return line_chart(title, series, x_label="faces learned from", y_label="NME, %", from_zero=True, band=band)


def _sentences(curve: LearningCurve) -> str:
    if curve.law is None:
        return (
            f"<p>{len(curve.faces)} trainings are too few to say what more labels would buy: measuring the curve "
            "again adds those that are missing.</p>"
        )
    law, gain, last = curve.law, curve.law.gain, curve.faces[-1]
    if gain.low > 0:
        said = (
            f"{MORE} more faces to learn from are expected to lower the error by <b>{gain.value:.2f} points</b> "
            f"(95 % interval {gain.low:.2f} to {gain.high:.2f}), along the fitted curve from {law.at(last):.2f} to "
            f"{law.at(last + MORE):.2f} %."
        )
    else:
        said = (
            f"{MORE} more faces to learn from: <b>no gain to be seen</b>. Along the fitted curve the error changes by "
            f"{-gain.value:+.2f} points (95 % interval {-gain.high:+.2f} to {-gain.low:+.2f})."
        )
    few = " With so few held-out faces the interval is itself a guess." if curve.heldout < FEW_HELD_OUT else ""
    return (
        f"<p class='lead'>{said}</p><p>This extrapolates a power law (NME = {law.scale:.1f} · n<sup>"
        f"{-law.exponent:.2f}</sup>) from one training for each number of faces. The interval knows of the held-out "
        f"faces, not of chance in which faces are learned from and how.{few}</p>"
    )
