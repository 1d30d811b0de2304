"""The faces on images in memory or in files, given by boxes or to be found, and what is predicted for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mdmd.data.definition import Definition
from mdmd.data.records import Box, Prediction, Sample
from mdmd.evaluation.error_law import RadialLaw
from mdmd.evaluation.evaluate import FlagRule, probabilities_off
from mdmd.inference.inputs import ImageLike, boxes_of_images, image_list, whole
from mdmd.loading.crops import Read

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


def predict_images(
    images: ImageLike | Sequence[ImageLike],
    boxes: Boxes | Sequence[Boxes],
    definition: Definition,
    law: RadialLaw,
    rule: FlagRule,
    *,
    find: Callable[[Sequence[Sample], Sequence[int], Read], list[Sample]],
    look: Callable[[Sequence[Sample], Read], list[Prediction]],
) -> Predictions:
    """The predictions of `look` for the faces on `images`, whose covariances are read by `law`.

    `find` finds the boxes of the samples at the indices that it is given. Raises DataError for an image or a box that
    cannot be used.
    """
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
    samples = find([face for _, face in faces], unboxed, read)
    found = look(samples, read)
    n = len(definition.landmarks)
    off = [probabilities_off(definition, p, s.box, rule.tolerance, law) for p, s in zip(found, samples, strict=True)]
    return Predictions(
        means=np.array([p.points for p in found]).reshape(-1, n, 2),
        covariances=np.array([p.covariance for p in found]).reshape(-1, n, 2, 2),
        p_off=np.array(off).reshape(-1, n),
        image_index=np.array([k for k, _ in faces], dtype=np.int64),
        boxes=np.array([[s.box.x, s.box.y, s.box.w, s.box.h] for s in samples], dtype=np.float64).reshape(-1, 4),
    )
