"""Predictions in parts. Each part is kept on the disk once it is made, so that an interrupted prediction goes on."""

from __future__ import annotations

import hashlib
import os
import shutil
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mdmd.data.records import Box, Prediction, Sample
from mdmd.errors import DataError
from mdmd.files import read_json, replace_file, write_json
from mdmd.inference.decoded import Decoded
from mdmd.inference.model import Model
from mdmd.inference.predict import predict as predict_samples

#: Faces of a part. The same faces are computed together whether or not a prediction was interrupted, so that results
#: are the same.
PART = 64
FORMAT = 1
ABOUT = "about.json"


@dataclass(frozen=True, eq=False)
class Found:
    """What was predicted: `samples` with the boxes that were used, and a calibrated prediction in pixels for each.

    `problems` says of each sample why its picture cannot be used; None if it can, else its prediction has no meaning.
    """

    samples: list[Sample]
    predictions: list[Prediction]
    problems: list[str | None]


def predict_part(
    model: Model, samples: Sequence[Sample], head: str, find: Sequence[bool], told: Callable[[int], None]
) -> Found:
    """Predict `samples` with `head`, those marked in `find` in boxes that the model finds.

    `told` is called with the number of finished samples.
    """
    unusable: dict[Path, str] = {}
    read = Decoded()
    wanted = [k for k, finds in enumerate(find) if finds]
    boxed = model.with_found_boxes(samples, wanted, head, unusable=unusable, read=read)
    raw = predict_samples(model.network(), boxed, model.seeing(head), on_batch=told, unusable=unusable, read=read)
    return Found(boxed, model.finished(raw, boxed, head), [unusable.get(s.path) for s in boxed])


def predict_in_parts(
    model: Model,
    samples: Sequence[Sample],
    head: str,
    find: Sequence[bool],
    *,
    kept: Path | None = None,
    told: Callable[[int], None] = lambda done: None,
) -> Found:
    """`predict_part` of all `samples`, PART at a time.

    Parts are kept in the folder `kept`. What it holds of an earlier, interrupted prediction of the same samples by the
    same model is used; anything else in it is removed.
    """
    parts = None if kept is None else KeptParts(kept, model, samples, head, find)
    found = Found([], [], [])
    for number, start in enumerate(range(0, len(samples), PART)):
        own = slice(start, start + PART)
        part = None if parts is None else parts.read(number, samples[own])
        if part is None:
            part = predict_part(model, samples[own], head, find[own], lambda done, start=start: told(start + done))
            if parts is not None:
                parts.write(number, part)
        else:
            told(min(start + PART, len(samples)))
        found.samples.extend(part.samples)
        found.predictions.extend(part.predictions)
        found.problems.extend(part.problems)
    return found


class KeptParts:
    """The parts of one prediction in a folder, which is made."""

    def __init__(self, folder: Path, model: Model, samples: Sequence[Sample], head: str, find: Sequence[bool]) -> None:
        self._folder = folder
        self._landmarks = len(model.definition_of(head).landmarks)
        about = {
            "format": FORMAT,
            "model": model.fingerprint(head),
            "faces": _digest(samples, find),
            "part": PART,
        }
        try:
            known = read_json(folder / ABOUT)
        except (DataError, OSError):
            known = None
        if known != about:
            remove_parts(folder)
            folder.mkdir(parents=True)
            write_json(folder / ABOUT, about)

    def read(self, number: int, samples: Sequence[Sample]) -> Found | None:
        """The part `number`, which is of `samples`; None if it is not there or not whole."""
        n, b = self._landmarks, len(samples)
        try:
            with np.load(self._file(number), allow_pickle=False) as stored:
                boxes, points, covariances = (
                    stored[key].astype(np.float64).reshape(b, *shape)
                    for key, shape in (("boxes", (4,)), ("points", (n, 2)), ("covariances", (n, 2, 2)))
                )
                problems = [str(problem) or None for problem in stored["problems"].reshape(b)]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            return None
        boxed = [replace(s, box=Box(*map(float, box))) for s, box in zip(samples, boxes, strict=True)]
        return Found(boxed, [Prediction(p, c) for p, c in zip(points, covariances, strict=True)], problems)

    def write(self, number: int, part: Found) -> None:
        """Keep the part `number`."""
        arrays = {
            "boxes": np.array([[s.box.x, s.box.y, s.box.w, s.box.h] for s in part.samples]),
            "points": np.array([p.points for p in part.predictions]),
            "covariances": np.array([p.covariance for p in part.predictions]),
            "problems": np.array([problem or "" for problem in part.problems]),
        }

        def save(partial: Path) -> None:
            with partial.open("wb") as stream:
                np.savez(stream, **arrays)

        replace_file(self._file(number), save)

    def _file(self, number: int) -> Path:
        return self._folder / f"{number:06}.npz"


def parts_folder(out: Path) -> Path:
    """Where the parts of the prediction that is written to the file `out` are kept until it is there."""
    return out.with_name(f".{out.name}.parts")


def remove_parts(folder: Path) -> None:
    """Remove kept parts, if there are any."""
    shutil.rmtree(folder, ignore_errors=True)


def _digest(samples: Sequence[Sample], find: Sequence[bool]) -> str:
    """A digest of what the predictions of `samples` depend on, with the size and time of each file."""
    digest = hashlib.sha256()
    for sample, finds in zip(samples, find, strict=True):
        try:
            about = os.stat(sample.path)
            state = (about.st_size, about.st_mtime_ns)
        except OSError:
            state = (0, 0)
        box = sample.box
        digest.update(
            repr((os.fspath(sample.path), state, (box.x, box.y, box.w, box.h), finds)).encode(errors="replace")
        )
    return digest.hexdigest()
