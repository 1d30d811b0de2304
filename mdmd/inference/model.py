"""A trained model and the predictions that it makes for images."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mdmd.data.definition import Definition
from mdmd.data.records import Box, Prediction, Sample
from mdmd.device import compute_device
from mdmd.errors import DataError
from mdmd.evaluation.calibration import Calibration
from mdmd.evaluation.evaluate import FlagRule, probabilities_off
from mdmd.inference.boxes import find_boxes as boxes_found
from mdmd.inference.inputs import ImageLike, boxes_of_images, image_list, whole
from mdmd.inference.predict import predict as predict_samples
from mdmd.models.checkpoint import Checkpoint
from mdmd.models.landmark_model import MDMD
from mdmd.transfer.carried_labels import FEWEST_MEASURED, CarriedLabels
from mdmd.transfer.spread import LAW

logger = logging.getLogger("mdmd")

#: The threshold that no probability exceeds.
NEVER = math.nextafter(1.0, 0.0)
#: The boxes of one image: None (the model finds the face), a box, or a list of boxes (K, 4).
Boxes = Box | Sequence[Box] | Sequence[float] | Sequence[Sequence[float]] | NDArray[Any] | None


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predicted landmarks of F faces with N landmarks each, in pixels of the upright images.

    `means` (F, N, 2) are the points as x and y, and `covariances` (F, N, 2, 2) their calibrated covariances in square
    pixels. `p_off` (F, N) is the probability that the error of a point exceeds the tolerance. `image_index` (F,) is the
    index of each face's image, from 0. `boxes` (F, 4) are the x, y, width and height of the boxes used.
    """

    means: NDArray[np.float64]
    covariances: NDArray[np.float64]
    p_off: NDArray[np.float64]
    image_index: NDArray[np.int64]
    boxes: NDArray[np.float64]


class Model:
    """A trained model. `name` is the name of its folder and `head` the default head of predictions."""

    def __init__(self, made: Checkpoint, name: str) -> None:
        self.checkpoint = made
        self.name = name
        self.head = made.target

    @property
    def definition(self) -> Definition:
        """The definition of the landmarks that the default head predicts."""
        return self.definition_of(self.head)

    @property
    def heads(self) -> Mapping[str, Definition]:
        """The definition of each head, by the head's name."""
        carried = self.checkpoint.carried
        return {**self.checkpoint.model.definitions, **({} if carried is None else {carried.name: carried.definition})}

    def definition_of(self, head: str) -> Definition:
        """The definition of `head`. Raises DataError if there is no such head."""
        if head not in self.heads:
            raise DataError(f"the model has no head {head!r}; it has: {', '.join(sorted(self.heads))}")
        return self.heads[head]

    def carries(self, head: str) -> CarriedLabels | None:
        """The labels that are carried over where `head` was not trained, else None."""
        carried = self.checkpoint.carried
        return carried if carried is not None and carried.name == head else None

    def seeing(self, head: str) -> str:
        """The head of the network that the predictions of `head` come from."""
        carried = self.carries(head)
        return head if carried is None else carried.head

    def predict(
        self,
        images: ImageLike | Sequence[ImageLike],
        boxes: Boxes | Sequence[Boxes] = None,
        *,
        head: str | None = None,
        tolerance: float = FlagRule.tolerance,
    ) -> Predictions:
        """Predict the landmarks of the faces on `images`.

        `images` is a path, a PIL image, a uint8 array (H, W, 3), or a list of these. `boxes` has an entry for each
        image; for a single image it is that entry. An entry is a box (a `Box` or x, y, width, height in pixels), a list
        of boxes, or None, which lets the model find one face. `p_off` is the probability of an error above `tolerance`,
        a share of the definition's normalizer. Raises DataError for an image or a box that cannot be used.
        """
        rule = FlagRule(tolerance)
        head, calibration = self.calibrated(head)
        pictures, several = image_list(images)
        given = boxes_of_images(boxes, len(pictures), several=several)
        paths = [Path(f"image-{k}") for k in range(len(pictures))]  # names only: no file is read
        memory = dict(zip(paths, pictures, strict=True))

        def read(path: Path, most: float) -> tuple[Image.Image, int]:
            return memory[path], 1

        faces: list[tuple[int, Sample]] = []
        unboxed: list[int] = []
        for k, (path, picture) in enumerate(memory.items()):
            for box in [None] if given[k] is None else given[k] or []:
                unboxed += [len(faces)] if box is None else []
                shown = box or whole(*picture.size)
                faces.append((k, Sample(path, str(path), picture.width, picture.height, shown)))
        samples = self.with_found_boxes([face for _, face in faces], unboxed, head, read=read)
        raw = predict_samples(self.network(), samples, self.seeing(head), read=read)
        found = self.finished(raw, samples, head)
        definition = self.definition_of(head)
        n = len(definition.landmarks)
        off = [
            probabilities_off(definition, p, s.box, rule.tolerance, calibration.law)
            for p, s in zip(found, samples, strict=True)
        ]
        return Predictions(
            means=np.array([p.points for p in found]).reshape(-1, n, 2),
            covariances=np.array([p.covariance for p in found]).reshape(-1, n, 2, 2),
            p_off=np.array(off).reshape(-1, n),
            image_index=np.array([k for k, _ in faces], dtype=np.int64),
            boxes=np.array([[s.box.x, s.box.y, s.box.w, s.box.h] for s in samples], dtype=np.float64).reshape(-1, 4),
        )

    def network(self) -> MDMD:
        """The network, moved to the computing device."""
        return self.checkpoint.model.to(compute_device())

    def calibrated(self, head: str | None) -> tuple[str, Calibration]:
        """The head to use and its calibration.

        Logs a warning if the head is not calibrated; raises DataError if it is unknown.
        """
        head = head or self.head
        self.definition_of(head)
        carried = self.carries(head)
        if carried is not None:
            if not carried.measured:
                logger.warning(
                    f"{head!r} is carried over from {len(carried.labels)} labeled "
                    f"face{'' if len(carried.labels) == 1 else 's'}: its ellipses are not measured and no point is "
                    f"flagged; label {FEWEST_MEASURED} faces or more"
                )
            return head, Calibration(power=LAW.power)
        if head not in self.checkpoint.calibrations:
            logger.warning(
                f"head {head!r} was not calibrated on held-out faces: its ellipses and flags are uncalibrated"
            )
        return head, self.checkpoint.calibration(head)

    def finished(self, raw: Sequence[Prediction], samples: Sequence[Sample], head: str) -> list[Prediction]:
        """The calibrated predictions of `head`, from what the head `seeing(head)` of the network predicts (`raw`)."""
        calibration = self.checkpoint.calibration(self.seeing(head))
        found = [calibration.apply(p, s.box) for p, s in zip(raw, samples, strict=True)]
        carried = self.carries(head)
        return found if carried is None else carried.carry(found, [s.box for s in samples])

    def rule_for(self, head: str, rule: FlagRule) -> FlagRule:
        """`rule`, or one that flags no point where deviations are not measured."""
        carried = self.carries(head)
        return rule if carried is None or carried.measured else replace(rule, threshold=NEVER)

    def with_found_boxes(
        self, samples: Sequence[Sample], chosen: Sequence[int], head: str, **reading: Any
    ) -> list[Sample]:
        """`samples`, with boxes found by the model for those at the indices `chosen`.

        If the model does not know the `box_scale` of its training data, the given boxes are kept.
        """
        scale = self.checkpoint.history.box_scale
        if scale is None or not chosen:
            return list(samples)
        boxed = boxes_found(self.network(), [samples[k] for k in chosen], self.seeing(head), scale=scale, **reading)
        found = dict(zip(chosen, boxed, strict=True))
        return [found.get(k, sample) for k, sample in enumerate(samples)]
