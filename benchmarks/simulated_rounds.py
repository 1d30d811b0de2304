"""Background rounds of training on a simulated clock, for benchmarks/from_nothing.py.

One core learns. A round begins when `labeler.analysis.rounds` says so, and what it predicts is there when as many
seconds have passed as it took. Each is kept in a folder under a hash of what it learned from, with its seconds, so an
interrupted benchmark goes on, and repeats itself exactly.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np

import mdmd
from labeler.analysis.better_model import measuring
from labeler.analysis.rounds import SETTINGS, due, steps_of
from mdmd.data.definition import Definition
from mdmd.data.records import Annotation, Dataset, Prediction, Sample
from mdmd.inference.model import Model
from mdmd.inference.predict import predict


@dataclass(frozen=True, eq=False)
class Strip:
    """The faces of a set in the order in which they are labeled, others to measure errors on, and the base's points.

    `base` is the folder of the base, `seen` its predictions on `faces` and `seen_test` those on `test`, all calibrated,
    by its head `head` of the definition `known`.
    """

    name: str
    definition: Definition
    faces: Sequence[Sample]
    test: Sequence[Sample]
    base: Path
    head: str
    known: Definition
    seen: Sequence[Prediction]
    seen_test: Sequence[Prediction]

    def in_order(self, seed: int) -> Strip:
        """The same in another order of the faces."""
        order = np.random.default_rng(seed).permutation(len(self.faces))
        return replace(self, faces=[self.faces[k] for k in order], seen=[self.seen[k] for k in order])


@dataclass(frozen=True, eq=False)
class Round:
    """A finished round. It learned from `faces` faces, those of `subjects`, in `steps` steps and `seconds`.

    `found` is what its model predicts on the strip and `on_test` on the test faces. `model` is the model's folder.
    """

    number: int
    faces: int
    subjects: frozenset[str]
    steps: int
    seconds: float
    found: Sequence[Prediction]
    on_test: Sequence[Prediction]
    model: Path

    @property
    def name(self) -> str:
        return f"round {self.number}"


class Learner:
    """Learns from the labels of a strip. Rounds are kept in `folder`.

    With `rate` a step takes so many seconds, else a round takes as long as it did. Measuring subjects are left out.
    """

    def __init__(self, strip: Strip, folder: Path, *, rate: float | None) -> None:
        self._strip, self._folder, self._rate = strip, folder, rate
        self._running: tuple[float, Round] | None = None
        self._learned, self._start = 0, strip.base
        self.rounds: list[Round] = []

    def until(self, now: float, labels: Mapping[int, Annotation], *, anew: bool = False) -> None:
        """Let the clock run to `now`. `labels` are those of the strip's faces, by index, since the last call.

        With `anew` a round does not begin where the last one ended, but at the base.
        """
        since = now
        while True:
            if self._running is not None:
                ends, made = self._running
                if ends > now:
                    return
                self._running, since, anew = None, ends, False
                self.rounds.append(made)
            target = self._target(labels)
            faces = len(target.labeled("train"))
            if not due(faces, self._learned):
                return
            made = self._round(target, self._strip.base if anew else self._start)
            self._learned, self._start = faces, made.model
            self._running = (since + made.seconds, made)

    def _target(self, labels: Mapping[int, Annotation]) -> Dataset:
        labeled = [replace(self._strip.faces[k], annotation=own, split="train") for k, own in sorted(labels.items())]
        learning = [face for face in labeled if not measuring(face.group)]
        return Dataset(self._strip.name, self._strip.definition, tuple(learning))

    def _round(self, target: Dataset, start: Path) -> Round:
        learning, number = target.labeled("train"), len(self.rounds) + 1
        steps = steps_of(len(learning))
        out = self._folder / _key(start, target, steps, number)
        seconds = out / "seconds.json"
        if not seconds.is_file():
            began = time.process_time()
            made = mdmd.adapt(target, out, base=start, steps=steps, seed=number, settings=SETTINGS, quiet=True)
            spent = time.process_time() - began
            began = time.process_time()
            predictions(made, made.head, self._strip.faces, out / "found.npz")
            spent += time.process_time() - began
            predictions(made, made.head, self._strip.test, out / "on_test.npz")
            seconds.write_text(json.dumps(spent), encoding="utf-8")
        spent = float(json.loads(seconds.read_text(encoding="utf-8")))
        return Round(
            number,
            len(learning),
            frozenset(face.group for face in learning),
            steps,
            spent if self._rate is None else self._rate * steps,
            read(out / "found.npz"),
            read(out / "on_test.npz"),
            out,
        )


def predictions(model: Model, head: str, faces: Sequence[Sample], file: Path) -> list[Prediction]:
    """What `head` of `model` predicts on `faces`, calibrated where it is, from `file` if that is there."""
    if not file.is_file():
        found = model.finished(predict(model.network(), faces, head), faces, head)
        points, covariance = (np.stack([getattr(one, key) for one in found]) for key in ("points", "covariance"))
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, points=points, covariance=covariance)
    return read(file)


def read(file: Path) -> list[Prediction]:
    """The predictions in `file`."""
    with np.load(file) as arrays:
        return [Prediction(*one) for one in zip(arrays["points"], arrays["covariance"], strict=True)]


def _key(start: Path, target: Dataset, steps: int, seed: int) -> str:
    """A hash of what a round learns from. The name of the folder `start` stands for what that one learned from."""
    found = blake2b(json.dumps([start.name, target.name, steps, seed, SETTINGS]).encode(), digest_size=12)
    for face in target.samples:
        assert face.annotation is not None
        found.update(f"{face.file_name} {face.split} {face.box}".encode())
        found.update(face.annotation.points.tobytes())
    return found.hexdigest()
