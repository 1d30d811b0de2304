"""All formats, and which of them a file or folder is."""

from __future__ import annotations

from pathlib import Path

from mdmd.errors import DataError
from mdmd.formats import (
    coco,
    cvat,
    deeplabcut,
    dlib_xml,
    label_studio,
    labelme,
    lightning_pose,
    menpo,
    sleap,
    table,
    tpsdig,
    via,
    x_anylabeling,
    yolo_pose,
)
from mdmd.formats.format import Format, Reading
from mdmd.formats.images import ENDINGS
from mdmd.formats.labels import LabelSet

#: In the order in which they are asked whether a file or folder is theirs.
FORMATS: tuple[Format, ...] = (
    coco.FORMAT,
    yolo_pose.FORMAT,
    cvat.FORMAT,
    label_studio.FORMAT,
    via.FORMAT,
    x_anylabeling.FORMAT,
    labelme.FORMAT,
    sleap.FORMAT,
    deeplabcut.FORMAT,
    lightning_pose.FORMAT,
    dlib_xml.FORMAT,
    tpsdig.FORMAT,
    *menpo.FORMATS,
    *table.FORMATS,
)


def by_name(name: str) -> Format:
    """The format of this name. Raises DataError."""
    found = next((form for form in FORMATS if form.name == name), None)
    if found is None:
        raise DataError(f"found the format {name!r}, wanted one of {', '.join(form.name for form in FORMATS)}")
    return found


def found_at(place: Path) -> Format | None:
    """The format of a file or folder, by its content; None if it is none of them."""
    return next((form for form in FORMATS if form.detect(place)), None)


def detect(place: Path) -> Format:
    """The format of a file or folder, by its content. Raises DataError if it is none of them."""
    if not place.exists():
        raise DataError(f"no such file or folder: {place}")
    found = found_at(place)
    if found is None:
        if place.suffix.lower() == ".json" and place.is_file():
            return coco.FORMAT  # whose reader says what is missing
        if place.suffix.lower() in ENDINGS:
            raise DataError(f"{place} is a picture, wanted a file or folder with labels")
        titles = ", ".join(form.title for form in FORMATS)
        raise DataError(f"{place} holds labels in no format that is known here ({titles})")
    return found


def read(place: Path, *, name: str | None = None, how: Reading | None = None) -> tuple[Format, LabelSet]:
    """Read a file or folder in the format of this name, by default the one that is found. Raises DataError."""
    form, how = detect(place) if name is None else by_name(name), how or Reading()
    if how.one_based is not None and not form.asks_origin:
        asking = ", ".join(other.title for other in FORMATS if other.asks_origin)
        raise DataError(
            f"{place} is in the format {form.title}, which says itself from what it counts: leave out --one-based and "
            f"--zero-based, which are for {asking}"
        )
    return form, form.read(place, how)
