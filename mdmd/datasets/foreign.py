"""Sets of other tools as data sets: what commands read that is not in this project's own dialect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

import numpy as np

from mdmd.data.coco import ORIGINAL_NAME, check_file_name, ids_are_sound
from mdmd.data.definition import Definition
from mdmd.data.records import Annotation, Dataset, Sample
from mdmd.datasets.incoming import Incoming, incoming, of_labels
from mdmd.datasets.matching import matched
from mdmd.datasets.reading import Reading, must_be_usable, usable
from mdmd.errors import DataError
from mdmd.formats import coco, known
from mdmd.formats.format import Reading as How
from mdmd.formats.images import parts_of
from mdmd.formats.lost import Places


@dataclass(frozen=True, eq=False)
class ForeignSet:
    """A file or folder of another tool, and how to read it.

    `form` names its format (`mdmd.formats.known`); by default it is found. `definition` tells the groups of its
    landmarks, where the file does not, and `chosen` which of its landmarks some of the definition's are. Pictures lie
    beside the labels or in the folder `pictures`. `one_based` says whether coordinates count from 1, where only a
    person can know.
    """

    place: Path
    form: str | None = None
    definition: Definition | None = None
    chosen: Mapping[str, str] = field(default_factory=dict)
    pictures: Path | None = None
    one_based: bool | None = None

    @property
    def options(self) -> list[str]:
        """The options that say how to read it, as on the command line."""
        given = {
            "--format": self.form is not None,
            "--definition": self.definition is not None,
            "--map": bool(self.chosen),
            "--pictures": self.pictures is not None,
            "--one-based or --zero-based": self.one_based is not None,
        }
        return [option for option, is_given in given.items() if is_given]


def is_own(place: Path, *, boxes: bool = False) -> bool:
    """Whether `place` is for the reader of this project's own dialect: it tells groups, or is nothing that is known.

    That reader also says what is wrong with a file that is not there or damaged. With `boxes`, COCO with boxes alone is
    known, too.
    """
    file = place / "annotations.json" if (place / "annotations.json").is_file() else place
    if coco.tells_groups(file):
        return True
    return not place.is_dir() and known.found_at(place) is None and not (boxes and coco.may_hold_boxes(place))


def must_be_bare(asked: ForeignSet) -> Path:
    """The place of a set of our own dialect. Raises DataError if options say how to read it."""
    if asked.options:
        raise DataError(
            f"{asked.place} is in the format of this tool, which needs no {', '.join(asked.options)}: leave them out, "
            "or add --format coco to read it as COCO of another tool"
        )
    return asked.place


def read_foreign(asked: ForeignSet, *, name: str, unpacked: Path | None = None) -> Reading:
    """Read a set of another tool as the dataset `name`. Raises DataError, also if no face can be used.

    Pictures that a file embeds are written into the folder `unpacked`, or left out. Faces that only a model labeled
    have no labels.
    """
    found = incoming(
        asked.place, name=asked.form, pictures=asked.pictures, one_based=asked.one_based, unpacked=unpacked
    )
    own = asked.definition or found.definition
    if own is None:
        raise DataError(f"{found.where} does not tell which part of the face its landmarks belong to: add --definition")
    match = matched(
        found.landmarks,
        own,
        found.where,
        mirror=found.mirror,
        chosen=asked.chosen,
        ours="the definition",
        partial=bool(asked.chosen),
    )
    column = {key: k for k, key in enumerate(match.ids) if key is not None}
    columns = [column.get(key) for key in own.ids]
    samples, problems = _named(found)
    unlabeled = [f"faces that only a model labeled have no labels: {found.predicted:,}"] if found.predicted else []
    reading = usable(Dataset(name, own, tuple(_in_order(sample, columns) for sample in samples)))
    reading = replace(
        reading,
        problems=(*problems, *reading.problems),
        notes=(*found.changes, *unlabeled, *match.words(found.landmarks, own)),
    )
    return must_be_usable(reading, found.title, asked.place)


def boxes_of_faces(asked: ForeignSet) -> tuple[list[Sample], list[str], list[str]]:
    """The faces of a set with their boxes, without labels: what can be predicted.

    COCO needs no keypoints, only boxes such as a detector writes. Also returns a sentence on each record that was left
    out, and on what was read otherwise than it stands. Raises DataError if nothing can be read.
    """
    form = None if asked.form is None else known.by_name(asked.form)
    form = form or known.found_at(asked.place)
    if (form is None or form is coco.FORMAT) and coco.may_hold_boxes(asked.place):
        how = How(asked.pictures, asked.one_based)
        found = of_labels(coco.FORMAT, coco.read_boxes(asked.place, how), asked.place, how)
    else:
        found = incoming(asked.place, name=asked.form, pictures=asked.pictures, one_based=asked.one_based)
    samples, problems = _named(found)
    if not samples:
        raise DataError(f"no face is in {asked.place}" + (f": {problems[0]}" if problems else ""))
    return [replace(sample, annotation=None) for sample in samples], problems, list(found.changes)


def _named(found: Incoming) -> tuple[list[Sample], list[str]]:
    """The faces with ids, and with names of pictures that a COCO file can hold; and what is left out."""
    problems = [f"{out.record}: {out.why}" for out in found.left_out]
    places, names = Places(), dict[tuple[str, Path], str]()
    samples = []
    for sample in found.faces:
        picture = (sample.file_name, sample.path)  # one that is missing is another one than its namesake
        name = names.get(picture)
        if name is None:
            name = str(places.free(PurePosixPath(*parts_of(sample.file_name))))
            names[picture] = name
        try:
            check_file_name(name, f"picture {sample.file_name}")
            if sample.path.is_file() and not any(sample.path.resolve().is_relative_to(root) for root in found.roots):
                raise DataError(f"picture {sample.file_name} lies outside the folder of {found.where}: name its folder")
        except DataError as error:
            problems.append(str(error))
            continue
        told = sample.extra.get(ORIGINAL_NAME)
        extra = {ORIGINAL_NAME: told} if told not in (None, name) else {}
        samples.append(replace(sample, file_name=name, extra=extra))
    return (samples if ids_are_sound(samples) else _numbered(samples)), problems


def _numbered(samples: Sequence[Sample]) -> list[Sample]:
    images = {name: k for k, name in enumerate(dict.fromkeys(s.file_name for s in samples), start=1)}
    return [replace(s, image_id=images[s.file_name], face_id=k) for k, s in enumerate(samples, start=1)]


def _in_order(sample: Sample, columns: Sequence[int | None]) -> Sample:
    """`sample` with landmark `columns[k]` of the file as the k-th one; without one it has no label."""
    if sample.annotation is None:
        return sample
    points = np.zeros((len(columns), 2))
    visibility = np.zeros(len(columns), dtype=np.int64)
    for k, column in enumerate(columns):
        if column is not None and sample.annotation.visibility[column] > 0:
            points[k] = sample.annotation.points[column]
            visibility[k] = sample.annotation.visibility[column]
    labels = Annotation(points, visibility)
    return replace(sample, annotation=labels if labels.labeled.any() else None)
