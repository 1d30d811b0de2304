"""What reading a dataset results in: the faces that can be used, and what is wrong with the others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mdmd.data.definition import Definition
from mdmd.data.images import picture_size
from mdmd.data.records import Annotation, Dataset, Sample
from mdmd.errors import DataError

#: A label farther from the box's middle than this many times its longer side is an error, which harms a training.
FARTHEST_POINT = 5


@dataclass(frozen=True, eq=False)
class Reading:
    """The result of reading a dataset.

    `missing` names the images that do not exist, and `problems` has a sentence, with file and line, for each record
    that cannot be read; their faces are not in `dataset`. `far` names the faces with labels that are too far from the
    face; these labels are treated as unlabeled. `notes` are sentences about what was read otherwise than it stands.
    """

    dataset: Dataset
    missing: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    far: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


def usable(dataset: Dataset) -> Reading:
    """`dataset` without the faces whose image is missing or does not match the file, and labels far from their face."""
    missing = dict.fromkeys(s.file_name for s in dataset.samples if not s.path.is_file())
    first = {s.file_name: s for s in dataset.samples if s.file_name not in missing}
    problems = {name: said for name, sample in first.items() if (said := picture_problem(sample))}
    here, far = [], []
    for sample in dataset.samples:
        if sample.file_name not in missing and sample.file_name not in problems:
            kept, names = _without_far_points(sample, dataset.definition)
            here.append(kept)
            far += [f"{sample.file_name}, face {sample.face_id}: {', '.join(names)}"] if names else []
    return Reading(replace(dataset, samples=tuple(here)), tuple(missing), tuple(problems.values()), tuple(far))


def must_be_usable(found: Reading, kind: str, path: Path) -> Reading:
    """`found`, read from `path`. Raises DataError, with the first reason, if it has no face."""
    if not found.dataset.samples:
        reasons = [*found.problems, *(f"no such picture: {file}" for file in found.missing)]
        raise DataError(f"no face of {kind} can be used in {path}" + (f": {reasons[0]}" if reasons else ""))
    return found


def picture_problem(sample: Sample) -> str | None:
    """The reason why the image of `sample` cannot be used or does not match the file; None if it can be used."""
    try:
        size = picture_size(sample.path)
    except DataError as error:
        return str(error)
    if size == (sample.width, sample.height):
        return None
    return (
        f"picture {sample.file_name}: the file says {sample.width} x {sample.height} pixels, but it has "
        f"{size[0]} x {size[1]} when upright"
    )


def _without_far_points(sample: Sample, definition: Definition) -> tuple[Sample, list[str]]:
    """`sample` without labels that are farther away than FARTHEST_POINT allows, and the names of these."""
    if sample.annotation is None:
        return sample, []
    box, labels = sample.box, sample.annotation
    middle = np.array([box.x + box.w / 2, box.y + box.h / 2])
    far = labels.labeled & (np.abs(labels.points - middle).max(axis=1) > FARTHEST_POINT * max(box.w, box.h))
    if not far.any():
        return sample, []
    kept = Annotation(np.where(far[:, None], 0, labels.points), np.where(far, 0, labels.visibility))
    names = [definition.landmarks[k] for k in np.flatnonzero(far)]
    return replace(sample, annotation=kept if kept.labeled.any() else None), names
