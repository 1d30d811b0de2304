"""A trained model and the predictions that it makes for images."""

from __future__ import annotations

import hashlib
import json
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from mdmd.config import to_json
from mdmd.data.definition import Definition
from mdmd.data.records import Prediction, Sample
from mdmd.device import compute_device
from mdmd.errors import DataError
from mdmd.evaluation.calibration import Calibration
from mdmd.evaluation.evaluate import FlagRule
from mdmd.inference.boxes import find_boxes
from mdmd.inference.images import Boxes, Predictions, predict_images
from mdmd.inference.inputs import ImageLike
from mdmd.inference.predict import VIEWS
from mdmd.inference.predict import predict as predict_samples
from mdmd.loading.crops import Read
from mdmd.models.checkpoint import Checkpoint
from mdmd.models.landmark_model import MDMD
from mdmd.transfer.carried_labels import FEWEST_MEASURED, CarriedLabels
from mdmd.transfer.spread import LAW

logger = logging.getLogger("mdmd")

#: The threshold that no probability exceeds.
NEVER = math.nextafter(1.0, 0.0)


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

        def find(samples: Sequence[Sample], chosen: Sequence[int], read: Read) -> list[Sample]:
            return self.with_found_boxes(samples, chosen, head, read=read)

        def look(samples: Sequence[Sample], read: Read) -> list[Prediction]:
            raw = predict_samples(self.network(), samples, self.seeing(head), read=read)
            return self.finished(raw, samples, head)

        return predict_images(images, boxes, self.definition_of(head), calibration.law, rule, find=find, look=look)

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
        calibration = self.checkpoint.calibration(head)
        if calibration == Calibration():  # version 0.1.0 also kept the one of a head that no face was held out for
            logger.warning(
                f"head {head!r} was not calibrated on held-out faces: its ellipses and flags are uncalibrated"
            )
        return head, calibration

    def finished(self, raw: Sequence[Prediction], samples: Sequence[Sample], head: str) -> list[Prediction]:
        """The calibrated predictions of `head`, from what the head `seeing(head)` of the network predicts (`raw`)."""
        calibration = self.checkpoint.calibration(self.seeing(head))
        found = [calibration.apply(p, s.box) for p, s in zip(raw, samples, strict=True)]
        carried = self.carries(head)
        return found if carried is None else carried.carry(found, [s.box for s in samples])

    def fingerprint(self, head: str) -> str:
        """A digest of all that the predictions of `head` depend on: weights, settings, calibration, carried labels."""
        made = self.checkpoint
        digest = hashlib.sha256()
        for key, tensor in sorted(made.model.state_dict().items()):
            digest.update(key.encode())
            digest.update(tensor.detach().cpu().reshape(-1).contiguous().numpy().tobytes())
        carried = self.carries(head)
        about = {
            "head": head,
            "definition": self.definition_of(head).to_category(),
            "config": to_json(made.model.config),
            "calibration": made.calibration(self.seeing(head)).to_json(),
            "box_scale": made.history.box_scale,
            "carried": None if carried is None else carried.to_json(),
        }
        if made.model.follows:  # only then, so that other models keep their digest
            about["follows"] = made.model.follows
        digest.update(json.dumps(about, sort_keys=True).encode())
        return digest.hexdigest()

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

        def look(into: Sequence[Sample]) -> list[Prediction]:
            return predict_samples(self.network(), into, self.seeing(head), views=VIEWS["single"], **reading)

        boxed = find_boxes(look, [samples[k] for k in chosen], scale=scale)
        found = dict(zip(chosen, boxed, strict=True))
        return [found.get(k, sample) for k, sample in enumerate(samples)]
