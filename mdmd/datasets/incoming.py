"""What comes in from a file or folder of any format: pictures with their faces, and which landmarks they have."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mdmd.data.boxes import box_of_points
from mdmd.data.coco import ORIGINAL_NAME
from mdmd.data.definition import LARGEST_ID, Definition
from mdmd.data.images import PictureError, picture_size
from mdmd.data.places import box_problem
from mdmd.data.records import Annotation, Box, Sample, ScoredPoint
from mdmd.data.text import path_problem, text_problem
from mdmd.errors import DataError
from mdmd.formats.archive import is_archive, unpack
from mdmd.formats.coco import ANNOTATIONS
from mdmd.formats.format import Format, Reading
from mdmd.formats.images import base_name, ends_in, parts_of
from mdmd.formats.known import read
from mdmd.formats.labels import Face, Image, LabelSet, LeftOut

#: The keys of `extra` of a face for a model's points, and for where each of its labels comes from.
PREDICTED = "predicted_points"
POINT_SOURCES = "point_sources"
#: The keys of what a file says beyond labels of an image and of a face.
OF_IMAGE, OF_FACE = "extra_of_image", "extra_of_face"


@dataclass(frozen=True, eq=False)
class Incoming:
    """The pictures of a file or folder in the format `title`, which messages call `where`.

    `entries` are the faces of each picture, of which one without a face has one without labels. `landmarks` are the
    names in their order, and `definition` is there if the file tells groups. `roots` are the folders in which pictures
    may lie. `left_out`, `changes`, `extra` and `edges` are as in `LabelSet`; `predicted` counts faces that a model
    labeled, whose points are no labels. Ids of images and faces are those that the file tells, else 0.
    """

    title: str
    where: str
    landmarks: tuple[str, ...]
    mirror: tuple[int, ...] | None
    definition: Definition | None
    entries: tuple[tuple[Sample, ...], ...]
    roots: tuple[Path, ...]
    left_out: tuple[LeftOut, ...]
    changes: tuple[str, ...]
    predicted: int
    extra: Mapping[str, Any] = field(default_factory=dict)
    edges: tuple[tuple[int, int], ...] = ()

    @property
    def notes(self) -> list[str]:
        """What was read otherwise than it stands in the file, as sentences."""
        unreviewed = f"faces that a model labeled come in as proposals to review, not as labels: {self.predicted:,}"
        return [*self.changes, *([unreviewed] if self.predicted else [])]

    @property
    def faces(self) -> list[Sample]:
        """The faces of all pictures, not counting pictures without one."""
        return [sample for samples in self.entries for sample in samples if POINT_SOURCES in sample.extra]

    def in_folder(self, folder: Path) -> Incoming:
        """Only the pictures that lie in `folder`, and those that are nowhere, as if they were to lie there."""
        kept = []
        for samples in self.entries:
            path = samples[0].path
            if not path.is_file():
                kept.append(tuple(replace(sample, path=folder / Path(sample.file_name).name) for sample in samples))
            elif path.resolve().is_relative_to(folder.resolve()):
                kept.append(samples)
        return replace(self, entries=tuple(kept))


def incoming(
    place: Path,
    *,
    name: str | None = None,
    pictures: Path | None = None,
    one_based: bool | None = None,
    unpacked: Path | None = None,
    as_predictions: bool = False,
) -> Incoming:
    """Read a file or folder in the format `name`, by default the one that is found. Raises DataError.

    Pictures are searched in the folder `pictures`, if any, and beside the labels. Those that a file embeds are written
    into the folder `unpacked`, or left out, and a zip file is unpacked there. With `as_predictions`, all points are
    those of a model.
    """
    where = place.resolve().name
    if unpacked is not None and is_archive(place):
        place = unpack(place, unpacked / "archive")
    how = Reading(pictures, one_based, unpacked)
    form, labels = read(place, name=name, how=how)
    if as_predictions:
        labels = replace(labels, images=tuple(_as_predictions(image) for image in labels.images))
    return replace(of_labels(form, labels, place, how), where=where)


def of_labels(form: Format, labels: LabelSet, place: Path, how: Reading) -> Incoming:
    """What comes in from the `labels` that were read so from a file or folder."""
    around = place if place.is_dir() else place.parent
    if not place.is_dir() and around.name == ANNOTATIONS:
        around = around.parent
    entries, left_out = [], list(labels.left_out)
    meant = _names_by_path(labels.images)
    for image in labels.images:
        try:
            if image.path is not None and len(meant[image.path]) > 1 and not ends_in(image.path, image.name):
                raise DataError(f"{image.path} may be this one or another one of the file: their folders are not there")
            entries.append(_samples(image, labels, around))
        except DataError as error:
            left_out.append(LeftOut(image.name, str(error)))
    return Incoming(
        form.title,
        place.resolve().name,
        labels.landmarks,
        labels.mirror,
        labels.definition,
        tuple(entries),
        tuple(folder.resolve() for folder in (around, how.pictures, how.unpacked) if folder is not None),
        tuple(left_out),
        (*labels.changes, *_found_elsewhere(labels.images, how)),
        sum(face.predicted for image in labels.images for face in image.faces),
        labels.extra,
        labels.edges,
    )


def _as_predictions(image: Image) -> Image:
    faces = (replace(face, predicted=bool((face.visibility > 0).any()), absent=None) for face in image.faces)
    return replace(image, faces=tuple(faces))


def _found_elsewhere(images: Iterable[Image], how: Reading) -> Iterator[str]:
    """A sentence if images were found by their name alone, in other folders than the file says."""
    count = sum(
        image.path is not None
        and (how.unpacked is None or not image.path.is_relative_to(how.unpacked))
        and ends_in(image.path, base_name(image.name))
        and not ends_in(image.path, image.name)
        for image in images
    )
    if count:
        yield f"pictures found by their name, in other folders than the file says: {count:,}"


def _names_by_path(images: Iterable[Image]) -> dict[Path, set[tuple[str, ...]]]:
    """The different names for which each file was found."""
    found: dict[Path, set[tuple[str, ...]]] = {}
    for image in images:
        if image.path is not None:
            found.setdefault(image.path, set()).add(parts_of(image.name))
    return found


def _samples(image: Image, labels: LabelSet, around: Path) -> tuple[Sample, ...]:
    path = image.path or around.joinpath(*parts_of(image.name))
    size = image.size or _size_of(path)
    subjects = {face.subject for face in image.faces}
    name = _own_name(image, around)
    base = Sample(
        path,
        image.name,
        *size,
        Box(0.0, 0.0, float(size[0]), float(size[1])),
        split=image.split or "train",
        group=image.subject or (subjects.pop() if len(subjects) == 1 else None) or name,
        image_id=_id(image.extra),
        extra={ORIGINAL_NAME: name, OF_IMAGE: image.extra},
    )
    faces = tuple(_sample(base, face, labels) for face in image.faces)
    return faces or (base,)


def _own_name(image: Image, around: Path) -> str:
    """What the picture is called in the project: its name in the file, or below its folder where that is none."""
    told = image.extra.get(ORIGINAL_NAME)
    if told is not None and told != "":
        if problem := text_problem(str(told) if isinstance(told, int) else told):
            raise DataError(f"{ORIGINAL_NAME} {problem}")
        return str(told)
    parts = parts_of(image.name)
    if image.path is not None and not _is_plain(image.name):
        real = image.path.resolve()
        parts = real.relative_to(around.resolve()).parts if real.is_relative_to(around.resolve()) else parts[-1:]
    return "/".join(parts)


def _is_plain(name: str) -> bool:
    return not path_problem(name) and "/".join(parts_of(name)) == name


def _sample(base: Sample, face: Face, labels: LabelSet) -> Sample:
    labeled = (face.visibility > 0).any() and not face.predicted
    annotation = Annotation(face.points, face.visibility) if labeled else None
    box = face.box
    if box is None and annotation is not None:
        tight = box_of_points(annotation.points[annotation.labeled])
        box = tight if box_problem(tight) is None else None
    return replace(
        base,
        box=box or base.box,
        annotation=annotation,
        face_id=_id(face.extra),
        unseen=face.extra.get("unseen") is True,
        extra={
            **base.extra,
            POINT_SOURCES: _sources(face, len(labels.landmarks)),
            PREDICTED: _predicted(face) if face.predicted else None,
            OF_FACE: face.extra,
        },
    )


def _predicted(face: Face) -> list[ScoredPoint | None]:
    """The points of a face that a model labeled, in the order of the landmarks; None for one without a point."""
    scores = [None] * len(face.points) if face.scores is None else face.scores.tolist()
    rows = zip(face.points.tolist(), face.visibility.tolist(), scores, strict=True)
    return [
        ScoredPoint(x, y, None if s is None or not math.isfinite(s) else min(max(s, 0.0), 1.0)) if v > 0 else None
        for (x, y), v, s in rows
    ]


def predicted_of(sample: Sample, ids: Sequence[int | None]) -> dict[int, ScoredPoint]:
    """The points of a model on the face of `sample` by landmark id; `ids` as in `labeler.project.coco.labels_of`."""
    points = sample.extra.get(PREDICTED) or []
    return {key: point for key, point in zip(ids, points, strict=False) if key is not None and point is not None}


def _id(extra: Mapping[str, Any]) -> int:
    """The id that a file tells of an image or face; 0 if it is none."""
    found = extra.get("id")
    return found if isinstance(found, int) and not isinstance(found, bool) and 1 <= found <= LARGEST_ID else 0


def _sources(face: Face, count: int) -> list[str | None]:
    """Where each label comes from; "imported" where only its absence is told, None where nothing is."""
    attributes = face.extra.get("attributes")
    found = attributes.get(POINT_SOURCES) if isinstance(attributes, Mapping) else None
    if isinstance(found, list) and len(found) == count and all(s is None or isinstance(s, str) for s in found):
        return found
    absent = np.zeros(count, dtype=bool) if face.absent is None or face.predicted else face.absent
    return ["imported" if missing else None for missing in absent]


def _size_of(path: Path) -> tuple[int, int]:
    try:
        return picture_size(path)
    except PictureError:
        return 1, 1  # the import says why the picture cannot come in


@dataclass(frozen=True)
class Match:
    """Which landmark of ours each landmark of the file is, by its id; None if it is left out.

    `guessed` says that they were matched by their order, because the names have nothing in common. `ours` is what has
    our landmarks, in words.
    """

    ids: tuple[int | None, ...]
    guessed: bool = False
    ours: str = "the project"

    def words(self, theirs: Sequence[str], own: Definition) -> list[str]:
        """What a person should know of the match, in sentences."""
        names = dict(zip(own.ids, own.landmarks, strict=True))
        said = []
        if self.guessed:
            pairs = ", ".join(
                f"{names[key]}={name}" for key, name in zip(self.ids, theirs, strict=True) if key is not None
            )
            said.append(f"the names differ, so landmarks were matched by their order, which is a guess: {pairs}")
        if extra := [name for key, name in zip(self.ids, theirs, strict=True) if key is None]:
            said.append(f"landmarks that {self.ours} does not have are left out: {', '.join(extra)}")
        if missing := [name for key, name in names.items() if key not in self.ids]:
            said.append(f"landmarks that the file does not have stay without labels: {', '.join(missing)}")
        return said


def suggested(
    theirs: Sequence[str], own: Definition, *, mirror: Sequence[int] | None = None
) -> tuple[dict[str, str], set[str]]:
    """Their landmarks by own name, as far as names tell, and which of these pairs are guesses.

    Names are the same, or have the same words: "LeftEye" and "eye_left". If no name is like another one, landmarks are
    matched by their order where `matched` does.
    """
    pairs = {name: name for name in own.landmarks if name in theirs}
    words: dict[tuple[str, ...], list[str]] = {}
    for name in theirs:
        words.setdefault(_words(name), []).append(name)
    guesses = set[str]()
    for name in own.landmarks:
        alike = words.get(_words(name), [])
        if name not in pairs and len(alike) == 1 and alike[0] not in pairs.values():
            pairs[name] = alike[0]
            guesses.add(name)
    if not pairs and len(theirs) == len(own.ids) and (mirror is None or tuple(mirror) == own.mirror):
        return dict(zip(own.landmarks, theirs, strict=True)), set(own.landmarks)
    return pairs, guesses


#: Words of a landmark's name that stand for others.
SAME_WORDS = {"l": "left", "lt": "left", "r": "right", "rt": "right", "centre": "center", "mid": "middle"}


def _words(name: str) -> tuple[str, ...]:
    """The words of a landmark's name in the order of the alphabet: ("eye", "left") of "LeftEye"."""
    words: list[str] = re.findall(r"[A-Z]?[^\W\d_A-Z]+|[A-Z]+(?![^\W\d_A-Z])|\d+", name)
    folded = [word.casefold() for word in words]
    return tuple(sorted(SAME_WORDS.get(word, word) for word in folded)) or (name,)


def exactly(theirs: Sequence[str], own: Definition, where: str, pairs: Mapping[str, str]) -> Match:
    """Match as `pairs` (theirs by own name) say, and nothing else. Raises DataError for names that are not there."""
    given = _given(pairs, theirs, dict(zip(own.landmarks, own.ids, strict=True)), where, "the project")
    if not given:
        raise DataError(f"no landmark of {where} is matched with one of the project")
    return Match(tuple(given.get(name) for name in theirs))


def matched(
    theirs: Sequence[str],
    own: Definition,
    where: str,
    *,
    mirror: Sequence[int] | None = None,
    chosen: Mapping[str, str] | None = None,
    ours: str = "the project",
) -> Match:
    """Match the landmarks `theirs` with those of `own`: as `chosen` (theirs by own name), else by name.

    `where` and `ours` are what has them, in words. If no name is the same, as many landmarks with the same mirror pairs
    are matched by their order. Raises DataError if they cannot be matched, or each side has names that the other one
    does not.
    """
    by_name = dict(zip(own.landmarks, own.ids, strict=True))
    given = _given(chosen or {}, theirs, by_name, where, ours)
    ids = [given.get(name, by_name.get(name)) for name in theirs]
    ids = [None if name not in given and key in given.values() else key for name, key in zip(theirs, ids, strict=True)]
    if all(key is None for key in ids):
        same_pairs = mirror is None or tuple(mirror) == own.mirror
        if len(theirs) == len(own.ids) and same_pairs and not given:
            return Match(own.ids, guessed=True, ours=ours)
    extra = sorted(name for name, key in zip(theirs, ids, strict=True) if key is None)
    missing = sorted(name for name, key in by_name.items() if key not in ids)
    if extra and missing and not given:
        raise DataError(
            f"{where} has {len(theirs)} landmarks, {ours} has {len(by_name)}, and they are not the same ones: "
            f"{extra[0]!r} is only in the file, {missing[0]!r} only in {ours}; say which is which "
            f"(--map {missing[0]}={extra[0]} ...)"
        )
    return Match(tuple(ids), ours=ours)


def chosen_landmarks(pairs: Sequence[str]) -> dict[str, str]:
    """Their landmarks by ours, from OURS=THEIRS as in --map. Raises DataError."""
    chosen = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not (ours and equals and theirs):
            raise DataError(f"--map {pair}: wanted OURS=THEIRS, such as nose_tip=nose")
        if ours in chosen:
            raise DataError(f"--map {pair}: {ours!r} is matched with {chosen[ours]!r} already")
        chosen[ours] = theirs
    return chosen


def _given(
    chosen: Mapping[str, str], theirs: Sequence[str], by_name: Mapping[str, int], where: str, ours: str
) -> dict[str, int]:
    """The id of each of their landmarks that a person has matched. Raises DataError for names that are not there."""
    for name, other in chosen.items():
        if name not in by_name:
            raise DataError(f"{ours} has no landmark {name!r} (it has: {', '.join(by_name)})")
        if other not in theirs:
            raise DataError(f"{where} has no landmark {other!r} (it has: {', '.join(theirs)})")
    given = {other: by_name[name] for name, other in chosen.items()}
    if len(given) < len(chosen):
        [(twice, _)] = Counter(chosen.values()).most_common(1)
        raise DataError(f"the landmark {twice!r} of {where} is matched with two of {ours}")
    return given
