"""The labels that a run carries over, with what its base predicts on their faces: carried.json in the run's folder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mdmd.data.definition import Definition
from mdmd.data.places import box_problem
from mdmd.data.records import Annotation, Box, Prediction, Sample
from mdmd.errors import DataError
from mdmd.transfer.candidates import LabeledFaces
from mdmd.transfer.carry import CarriedShape, fit
from mdmd.transfer.weights import Array, Complex

#: With fewer labeled faces the deviations are not measured, and no point is flagged.
FEWEST_MEASURED = 5


@dataclass(frozen=True, eq=False)
class CarriedLabels:
    """The labels of K faces, to be carried over to others through the head `head` of a base.

    `name` and `definition` are the set of the labels, `base` the definition of the head. `seen` is what the base
    predicts on the faces in `boxes`, `labels` are theirs, and `unseen` says which have labels that were not reviewed.
    `within` says how far their true places may be from the labels (`LabeledFaces`). None: anywhere on the faces in
    `unseen`, exactly there on the others.
    """

    name: str
    definition: Definition
    head: str
    base: Definition
    seen: tuple[Prediction, ...]
    boxes: tuple[Box, ...]
    labels: tuple[Annotation, ...]
    unseen: tuple[bool, ...]
    within: tuple[Array, ...] | None = None

    @classmethod
    def of(
        cls,
        name: str,
        definition: Definition,
        head: str,
        base: Definition,
        seen: Sequence[Prediction],
        faces: Sequence[Sample],
    ) -> CarriedLabels:
        """Of labeled `faces` with one prediction of the base each."""
        labels = tuple(face.annotation for face in faces if face.annotation is not None)
        boxes, unseen = tuple(face.box for face in faces), tuple(face.unseen for face in faces)
        return cls(name, definition, head, base, tuple(seen), boxes, labels, unseen)

    @property
    def measured(self) -> bool:
        """Whether there are enough faces to measure the deviations of carried points."""
        return len(self.labels) >= FEWEST_MEASURED

    @cached_property
    def shape(self) -> CarriedShape:
        """Where the landmarks lie on other faces."""
        points = np.stack([np.where(one.labeled, complex_of(one.points), np.nan) for one in self.labels])
        if self.within is None:
            within = np.where(np.array(self.unseen)[:, None], np.inf, np.zeros(points.shape))
        else:
            within = np.stack(self.within)
        return fit(LabeledFaces(*_arrays(self.seen), points, within), self.boxes, self.base)

    def carry(self, seen: Sequence[Prediction], boxes: Sequence[Box]) -> list[Prediction]:
        """The landmarks of other faces, of which the base has predicted `seen` in `boxes`, in pixels."""
        if not seen:
            return []
        points, covariance = self.shape.place(*_arrays(seen), boxes)
        pairs = np.stack([points.real, points.imag], axis=-1)
        return [Prediction(*one) for one in zip(pairs, covariance, strict=True)]

    def to_json(self) -> dict[str, Any]:
        """As a JSON object; lengths are pixels."""
        return {
            "name": self.name,
            "definition": self.definition.to_category(),
            "head": self.head,
            "faces": [
                {
                    "box": [box.x, box.y, box.w, box.h],
                    "points": np.where(labels.labeled[:, None], labels.points, 0.0).tolist(),
                    "visibility": labels.visibility.tolist(),
                    "unseen": unseen,
                    "seen": seen.points.tolist(),
                    "covariance": seen.covariance.tolist(),
                }
                for box, labels, unseen, seen in zip(self.boxes, self.labels, self.unseen, self.seen, strict=True)
            ],
        }

    @classmethod
    def from_json(cls, record: Any, heads: dict[str, Definition], file: Path) -> CarriedLabels:
        """The labels in the record of `file`, carried by one of `heads`. Raises DataError for one that does not fit."""
        try:
            definition = Definition.from_category(record["definition"], where=str(file))
            base, faces = heads[record["head"]], record["faces"]
            labels = tuple(
                Annotation(
                    _array(face["points"], len(definition.landmarks), 2), np.array(face["visibility"], dtype=int)
                )
                for face in faces
            )
            seen = tuple(
                Prediction(
                    _array(face["seen"], len(base.landmarks), 2), _array(face["covariance"], len(base.landmarks), 2, 2)
                )
                for face in faces
            )
            boxes = tuple(_box(face["box"]) for face in faces)
            unseen = tuple(bool(face["unseen"]) for face in faces)
            name, head = str(record["name"]), str(record["head"])
        except (KeyError, TypeError, ValueError) as error:
            raise DataError(f"{file} does not hold labels to carry over: {type(error).__name__} {error}") from None
        if not faces or any(one.visibility.shape != one.points.shape[:1] for one in labels):
            raise DataError(
                f"{file} does not hold labels to carry over: found {len(faces)} faces, wanted complete ones"
            )
        return cls(name, definition, head, base, seen, boxes, labels, unseen)


def complex_of(points: np.ndarray) -> Complex:
    """Points (..., 2) as complex numbers (...)."""
    return points[..., 0] + 1j * points[..., 1]


def _arrays(seen: Sequence[Prediction]) -> tuple[Complex, np.ndarray]:
    return complex_of(np.stack([one.points for one in seen])), np.stack([one.covariance for one in seen])


def _box(values: Any) -> Box:
    box = Box(*map(float, values))
    if problem := box_problem(box):
        raise ValueError(f"box {values} {problem}")
    return box


def _array(values: Any, *shape: int) -> np.ndarray:
    found = np.array(values, dtype=float)
    if found.shape != shape or not np.isfinite(found).all():
        raise ValueError(f"found numbers of the shape {found.shape}, wanted finite ones of {shape}")
    return found
