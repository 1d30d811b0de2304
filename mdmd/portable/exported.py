"""An exported model, run by ONNX Runtime: in a given box, the same predictions as those of its run.

Where a box is looked for, the graph looks with all its views and calibrated covariances, the run with one view of the
network alone. The boxes that they find differ a little, and so do the points in them.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mdmd.data.definition import Definition
from mdmd.data.records import Prediction, Sample
from mdmd.errors import DataError
from mdmd.evaluation.error_law import RadialLaw
from mdmd.evaluation.evaluate import FlagRule
from mdmd.files import read_json
from mdmd.inference.boxes import find_boxes
from mdmd.inference.images import Boxes, Predictions, predict_images
from mdmd.inference.inputs import ImageLike
from mdmd.loading.crops import Read, crops_ahead
from mdmd.portable.folder import FORMAT, GRAPH, RECORD
from mdmd.portable.onnx_file import INPUTS, package

#: How many crops the graph sees at once.
BATCH = 16
#: The largest side of a crop in pixels, and of its square in longer sides of the box, that a record may tell.
LARGEST_CROP, WIDEST = 4096, 100.0


@dataclass(frozen=True)
class Record:
    """What model.json of an exported folder says of how to use the graph, whose bytes have the digest `sha256`.

    `size` is the side of a crop in pixels and `scale` that of its square in longer sides of the box. `box_scale` is the
    size of a face's box in sizes of the box of its points; None if that is not known. `power` is that of the law by
    which covariances are read.
    """

    name: str
    definition: Definition
    sha256: str
    size: int
    scale: float
    box_scale: float | None
    power: float


def is_exported(folder: Path) -> bool:
    """Whether `folder` is one that `mdmd export` wrote."""
    return (folder / GRAPH).is_file()


def read_record(folder: Path) -> Record:
    """The record in an exported folder. Raises DataError if something is missing or of another kind."""
    file = folder / RECORD
    told = read_json(file)
    if not isinstance(told, dict) or told.get("format") != FORMAT:
        raise DataError(f"{file} does not describe an exported model of format {FORMAT}")

    def number(within: Any, key: str, most: float) -> float:
        found = within.get(key) if isinstance(within, dict) else None
        if not isinstance(found, int | float) or isinstance(found, bool) or not 0 < found <= most:
            raise DataError(f"{file}: {key} is {str(found)[:60]}, wanted a number above 0, and at most {most:g}")
        return float(found)

    for key, kind in (("name", str), ("sha256", str), ("category", dict)):
        if not isinstance(told.get(key), kind):
            raise DataError(f"{file}: {key} is {str(told.get(key))[:60]}, wanted a {kind.__name__}")
    box_scale = None if told.get("box_scale") is None else number(told, "box_scale", WIDEST)
    return Record(
        told["name"],
        Definition.from_category(told["category"], where=str(file)),
        told["sha256"],
        int(number(told.get("crop"), "size", LARGEST_CROP)),
        number(told.get("crop"), "scale", WIDEST),
        box_scale,
        number(told.get("calibration"), "power", math.inf),
    )


class ExportedModel:
    """The model of an exported folder. Raises DataError if its files do not belong together."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._record = folder, read_record(folder)

    @property
    def name(self) -> str:
        """The name of the run that it was made from."""
        return self._record.name

    @property
    def definition(self) -> Definition:
        """The definition of its landmarks."""
        return self._record.definition

    def predict(
        self,
        images: ImageLike | Sequence[ImageLike],
        boxes: Boxes | Sequence[Boxes] = None,
        *,
        tolerance: float = FlagRule.tolerance,
    ) -> Predictions:
        """Predict the landmarks of the faces on `images`; see `Model.predict`.

        Raises DataError for an image or a box that cannot be used, and if onnxruntime is not installed.
        """
        law, rule = RadialLaw(self._record.power), FlagRule(tolerance)
        return predict_images(images, boxes, self.definition, law, rule, find=self._found, look=self._look)

    def _found(self, samples: Sequence[Sample], chosen: Sequence[int], read: Read) -> list[Sample]:
        scale = self._record.box_scale
        if scale is None or not chosen:
            return list(samples)
        boxed = find_boxes(lambda into: self._look(into, read), [samples[k] for k in chosen], scale=scale)
        found = dict(zip(chosen, boxed, strict=True))
        return [found.get(k, sample) for k, sample in enumerate(samples)]

    def _look(self, samples: Sequence[Sample], read: Read) -> list[Prediction]:
        size, scale = self._record.size, self._record.scale
        predictions = []
        for pixels, crops in crops_ahead(samples, crop_scale=scale, size=size, batch_size=BATCH, read=read):
            own = samples[len(predictions) : len(predictions) + len(crops)]
            sides = [(s.box.w * crop.scale, s.box.h * crop.scale) for s, crop in zip(own, crops, strict=True)]
            given = dict(zip(INPUTS, (pixels.numpy(), np.array(sides, dtype=np.float32)), strict=True))
            points, covariances = self._session.run(["points", "covariances"], given)
            predictions += [
                Prediction(crop.to_image(mean), crop.covariance_to_image(spread))
                for crop, mean, spread in zip(crops, points, covariances, strict=True)
            ]
        return predictions

    @cached_property
    def _session(self) -> Any:
        """The graph. It is given as bytes, so that it cannot name other files."""
        content = (self._folder / GRAPH).read_bytes()
        if hashlib.sha256(content).hexdigest() != self._record.sha256:
            raise DataError(f"{self._folder / GRAPH} is not the file that {RECORD} describes: export the run again")
        runtime = package("onnxruntime")
        try:
            return runtime.InferenceSession(content, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's errors have no common class of their own
            raise DataError(f"{self._folder / GRAPH} cannot be loaded: {str(error).splitlines()[0]}") from None
