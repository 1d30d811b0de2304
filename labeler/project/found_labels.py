"""Find the COCO-keypoint files that lie beside a folder of pictures and hold labels for them."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mdmd.data.definition import Definition
from mdmd.data.text import cleaned
from mdmd.datasets.incoming import incoming
from mdmd.datasets.matching import matched
from mdmd.errors import DataError
from mdmd.formats.known import detect

#: The folder beside pictures, or in their folder, that COCO and many tools keep their files in.
ANNOTATIONS = "annotations"
#: The keys without which a file holds no COCO keypoints. Other JSON files are not read.
KEYS = (b'"images"', b'"annotations"', b'"categories"', b'"keypoints"')
#: The most files that are looked at in one folder.
MOST_FILES = 200


@dataclass(frozen=True)
class FoundLabels:
    """A COCO file with labels: the numbers of points, faces and images in it that can be imported.

    `name` is its path as a user sees it. Only pictures in `folder` count; None: wherever the file says.
    """

    file: Path
    name: str
    folder: Path | None
    points: int
    faces: int
    images: int


@dataclass(frozen=True)
class LabelsBeside:
    """The files near `place` that fit, most labels first, and (name, reason) of those that cannot be used."""

    place: Path
    found: tuple[FoundLabels, ...]
    unusable: tuple[tuple[str, str], ...]


def labels_beside(place: Path, definition: Definition | None) -> LabelsBeside:
    """The labels for the pictures in the folder `place`, or those in the COCO file `place`.

    Looked at are the JSON files in the folder, in its parent, and in a folder "annotations" in either. With a
    `definition`, a file must have its landmarks. Nothing is changed, and what is found is checked again when it is
    imported.
    """
    found: list[FoundLabels] = []
    unusable: list[tuple[str, str]] = []
    place = place.absolute()
    named = place.is_file()
    for file in [place] if named else _files(place):
        name = _shown(file, place.parent if named else place)
        try:
            labels = _labels_in(file, name, None if named else place, definition)
        except DataError as error:
            unusable.append((name, str(error)))
            continue
        if labels.points:
            found.append(labels)
        elif named or file.is_relative_to(place):
            unusable.append((name, "it holds no label of a picture that is there"))
    if not found and not unusable and not named and (title := _title_of(place)):
        why = f"they are {title}; bring them in under “Labels of another tool” of the project, or with labeler import"
        unusable.append((place.name, why))
    return LabelsBeside(place, tuple(sorted(found, key=lambda each: -each.points)), tuple(unusable))


def _title_of(folder: Path) -> str | None:
    """The format of the labels in a folder; None if there are none."""
    try:
        return detect(folder).title
    except DataError:
        return None


def _labels_in(file: Path, name: str, folder: Path | None, definition: Definition | None) -> FoundLabels:
    """What can be imported from `file`. Raises DataError if nothing can."""
    read = incoming(file, pictures=folder)
    read = read if folder is None else read.in_folder(folder)
    if definition is not None:
        if matched(read.landmarks, definition, read.where, mirror=read.mirror).guessed:
            raise DataError(
                "its landmarks have other names than those of the project; say which is which when importing it"
            )
    elif read.definition is None:
        raise DataError("it does not tell which part of the face its landmarks belong to; choose a definition first")
    there = [samples for samples in read.entries if samples[0].path.is_file()]
    labeled = [sample.annotation for samples in there for sample in samples if sample.annotation is not None]
    points = sum(int((annotation.visibility > 0).sum()) for annotation in labeled)
    if not points and read.left_out:
        raise DataError(f"{read.left_out[0].record}: {read.left_out[0].why}")
    return FoundLabels(file, name, folder, points, len(labeled), len(there))


def _shown(file: Path, near: Path) -> str:
    """The path of `file` as seen from the folder `near` or its parent, as text."""
    start = near if file.is_relative_to(near) else near.parent
    path = file.relative_to(start) if file.is_relative_to(start) else Path(file.name)
    return cleaned(os.fsencode(path.as_posix()).decode("utf-8", "replace"), "\ufffd")


def _files(folder: Path) -> Iterator[Path]:
    """The files near `folder` that may hold COCO keypoints. Hidden files and links are passed over."""
    parent = folder.parent
    for place in dict.fromkeys((folder, folder / ANNOTATIONS, parent, parent / ANNOTATIONS)):
        try:
            files = sorted(path for path in place.iterdir() if path.suffix.lower() == ".json")[:MOST_FILES]
            yield from (path for path in files if not path.name.startswith(".") and _may_hold_keypoints(path))
        except OSError:  # it is not there, or cannot be opened
            continue


def _may_hold_keypoints(file: Path) -> bool:
    if file.is_symlink() or not file.is_file():
        return False
    try:
        with file.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return all(content.find(key) >= 0 for key in KEYS)
    except (OSError, ValueError):  # unreadable, or empty
        return False
