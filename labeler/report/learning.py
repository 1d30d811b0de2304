"""The learning curve in a report: held-out error by number of training faces, and the expected gain from more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup

from labeler.html.charts import line_chart
from labeler.html.markup import render
from labeler.runs.heldout import HeldOut, read_heldout, read_learned
from mdmd import run_folder
from mdmd.errors import DataError
from mdmd.evaluation import metrics
from mdmd.evaluation.error_law import Array
from mdmd.evaluation.metrics import FEWEST_FACES, Measured, measured

#: The gain is estimated for this many more training faces.
MORE = 25
#: A power law is fitted to at least this many trainings.
FEWEST_POINTS = 3
#: With fewer held-out faces than this, an interval over them is itself uncertain.
FEW_HELD_OUT = 10
#: Bootstrap resamples of the held-out faces.
ROUNDS = 2000
#: Smaller errors, in percent, count as this: zero has no logarithm.
LEAST = 1e-6


@dataclass(frozen=True)
class PowerLaw:
    """NME = `scale` n^-`exponent` in percent for n training faces, fitted by least squares in log-log space.

    `gain` is by how many points MORE faces lower the NME; its interval is a bootstrap over held-out faces, with all
    trainings measured on the same resample, and NaN for fewer than FEWEST_FACES.
    """

    scale: float
    exponent: float
    gain: Measured

    def at(self, faces: float) -> float:
        return self.scale * faces**-self.exponent


@dataclass(frozen=True)
class LearningCurve:
    """Trainings on `faces` (ascending) that differ in nothing else, with the NME of each on the same `heldout` faces.

    `law` is None for fewer than FEWEST_POINTS trainings.
    """

    faces: tuple[int, ...]
    nme: tuple[Measured, ...]
    heldout: int
    law: PowerLaw | None


def learning_curve(trainings: Sequence[tuple[int, HeldOut]]) -> LearningCurve:
    """The curve of trainings (number of training faces, predictions); all have held out the same faces."""
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
    """Fitted to the mean `errors` (trainings, held-out faces) of trainings on so many `faces`."""
    count = errors.shape[1]
    picks = np.random.default_rng(0).integers(0, count, (ROUNDS, count))
    means = np.concatenate([errors.mean(axis=1)[:, None], errors[:, picks].mean(axis=2)], axis=1)
    x, y = np.log(np.array(faces, dtype=np.float64)), np.log(np.maximum(means, LEAST))
    away = x - x.mean()
    slope = away @ y / (away @ away)
    level = y.mean(axis=0) - slope * x.mean()
    last = float(faces[-1])
    gain = np.exp(level + slope * np.log(last)) - np.exp(level + slope * np.log(last + MORE))
    low, high = np.quantile(gain[1:], [0.025, 0.975]) if count >= FEWEST_FACES else (np.nan, np.nan)
    return PowerLaw(float(np.exp(level[0])), float(-slope[0]), Measured(float(gain[0]), float(low), float(high)))


def learning_section(run: Path, found: HeldOut, parts: Sequence[Path], invitation: str) -> Markup:
    """The learning curve of the training in the folder `run` with predictions `found`; `parts` are the folders of its
    measured parts.

    Without measured parts the section says `invitation`, and is empty where that is empty.
    """
    learned = read_learned(run)
    trainings = [] if learned is None else [*_measured(parts, found), (learned.faces, found)]
    if len(trainings) < 2:
        return render("learning_curve.html", curve=None, invitation=invitation) if invitation else Markup()
    curve = learning_curve(trainings)
    rows = list(zip(curve.faces, curve.nme, strict=True))
    return render(
        "learning_curve.html",
        curve=curve,
        rows=rows,
        chart=_chart(curve),
        more=MORE,
        few=FEW_HELD_OUT,
        fewest_faces=FEWEST_FACES,
    )


def _measured(parts: Sequence[Path], found: HeldOut) -> list[tuple[int, HeldOut]]:
    """The parts that were measured on the faces of `found`, one for each number of training faces."""
    held = {sample.face_id for sample in found.samples}
    trainings: dict[int, HeldOut] = {}
    for part in parts:
        learned = read_learned(part)
        try:
            measured_part = read_heldout(part, target=part.parent / run_folder.TARGET)
        except DataError:
            continue  # a damaged part counts as missing; the rest of the report stays
        if (
            learned is not None
            and measured_part is not None
            and {sample.face_id for sample in measured_part.samples} == held
        ):
            trainings[learned.faces] = measured_part
    return list(trainings.items())


def _chart(curve: LearningCurve) -> Markup:
    counts = [float(count) for count in curve.faces]
    series = [("measured", counts, [nme.value for nme in curve.nme])]
    if curve.law is not None:
        grid = np.linspace(counts[0], counts[-1] + MORE, 41).tolist()
        series.append(("power law", grid, [curve.law.at(n) for n in grid]))
    band = (counts, [nme.low for nme in curve.nme], [nme.high for nme in curve.nme])
    title = "Error by labels" + (", 95 % interval" if curve.nme[0].has_interval else "")
    return line_chart(title, series, x_label="training faces", y_label="NME, %", from_zero=True, band=band)
