"""The rounds that a project has learned by itself: each in a folder with what it learned from and what it predicts.

The newest has its model, too. All of them can be deleted: the next round then begins at the base.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from labeler.analysis.rounds import with_carried
from mdmd import run_folder
from mdmd.data.coco import read_coco
from mdmd.data.records import Prediction
from mdmd.errors import DataError
from mdmd.evaluation.predictions import read_predicted
from mdmd.files import write_json

#: The folder of the round that is learning now.
MAKING = "making"
#: What a round was asked to do.
ROUND = "round.json"


@dataclass(frozen=True)
class RoundRecord:
    """round.json. Round `number` learns from `faces` faces in `steps` steps, from the round before or from `base`.

    `version` is that of the definition.
    """

    number: int
    base: str
    version: int
    faces: int
    steps: int

    def write(self, folder: Path) -> None:
        """Write round.json."""
        write_json(folder / ROUND, asdict(self), indent=1)

    def same_start(self, other: RoundRecord) -> bool:
        """Whether both begin at the same base and learn the same definition."""
        return (self.base, self.version) == (other.base, other.version)

    def continues(self, other: RoundRecord) -> bool:
        """Whether `other` is the same round if it began now, perhaps with more faces. A file may hold anything."""
        fewer = 0 < self.faces <= other.faces and 0 < self.steps <= other.steps
        return fewer and self.number == other.number and self.same_start(other)


@dataclass(frozen=True, eq=False)
class LearnedRound:
    """A finished round, and what its own model predicts by face.

    It has learned from the pictures with the ids `learned_from`, which were of `subjects` at that time.
    """

    record: RoundRecord
    subjects: frozenset[str]
    learned_from: frozenset[int]
    points: Mapping[int, Prediction]

    def propose(self, carried: Mapping[int, Prediction]) -> dict[int, Prediction]:
        """What it proposes: its own points fused with those carried over, for the faces that have both."""
        faces = [face for face in carried if face in self.points]
        own = [self.points[face] for face in faces]
        return dict(zip(faces, with_carried(own, [carried[f] for f in faces]), strict=True))


class LearnedRounds:
    """The rounds in `folder`. Safe to share between threads; one process writes them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock = threading.Lock()
        self._known: dict[int, LearnedRound | None] = {}

    def numbers(self) -> tuple[int, ...]:
        """The finished rounds, oldest first."""
        try:
            return tuple(sorted(int(path.name) for path in self.folder.iterdir() if path.name.isdecimal()))
        except OSError:
            return ()

    def newest(self) -> LearnedRound | None:
        """The last round; None before the first one."""
        numbers = self.numbers()
        return self.get(numbers[-1]) if numbers else None

    def get(self, number: int) -> LearnedRound | None:
        """The round of that number; None if it is gone or its files cannot be used."""
        with self._lock:
            if number not in self._known:
                try:
                    self._known[number] = _read(self.path(number))
                except (DataError, OSError):
                    self._known[number] = None
            return self._known[number]

    def path(self, number: int) -> Path:
        """The folder of a round."""
        return self.folder / f"{number:04d}"

    def publish(self, record: RoundRecord, *, keep: Collection[int]) -> None:
        """Make the round in the folder MAKING the newest one; of the others, those in `keep` keep their points."""
        before = self.numbers()
        made = self.path(record.number)
        shutil.rmtree(made, ignore_errors=True)
        (self.folder / MAKING).replace(made)
        for number in before:
            if number in keep:
                (self.path(number) / run_folder.WEIGHTS).unlink(missing_ok=True)
            else:
                shutil.rmtree(self.path(number), ignore_errors=True)
                with self._lock:
                    self._known.pop(number, None)


def read_round(folder: Path) -> RoundRecord | None:
    """The record in `folder`; None without one that can be used."""
    file = folder / ROUND
    try:
        return run_folder.typed(RoundRecord, run_folder.read_object(file) or {}, file)
    except DataError:
        return None


def _read(folder: Path) -> LearnedRound:
    target = read_coco(folder / run_folder.TARGET).samples
    found = read_predicted(folder / run_folder.PREDICTIONS)
    rows = zip(found.face_ids, found.points, found.covariance, strict=True)
    record = read_round(folder)
    if record is None:
        raise DataError(f"{folder} holds no round")
    return LearnedRound(
        record,
        frozenset(sample.group for sample in target),
        frozenset(sample.image_id for sample in target),
        {face: Prediction(points, covariance) for face, points, covariance in rows},
    )
