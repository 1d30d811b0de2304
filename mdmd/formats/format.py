"""What each format offers: a name, and functions that recognize, read and write it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mdmd.errors import DataError
from mdmd.formats.labels import LOSSES, Image, LabelSet, Loss

Pictures = Literal["copy", "link", "none"]


@dataclass(frozen=True)
class Reading:
    """How a set is read: a folder in which its pictures lie too, and whether its coordinates begin with 1.

    With `one_based` None the format decides, and raises DataError where it cannot know. Images that a file embeds are
    written into the folder `unpacked`; without one they are left out.
    """

    pictures: Path | None = None
    one_based: bool | None = None
    unpacked: Path | None = None


@dataclass(frozen=True)
class Format:
    """A format by the `name` of `--format`, and by its `title`.

    `detect(place)` says whether the file or folder is of this format, by its content, and raises nothing.
    `read(place, how)` raises DataError if nothing can be read; single records that cannot are `left_out`.
    `write(labels, out, pictures)` writes into the new or empty folder `out`, in the layout that the format's own loader
    expects, and returns what the format cannot keep; None if it is only read. With `asks_origin` its files do not say
    what the coordinates of the first pixel are, so that `Reading.one_based` may. With `keeps_predictions` the format
    has a place for faces that a model labeled, apart from those that a person did, and with `keeps_extra` for what
    files say beyond labels, and for splits of any name.
    """

    name: str
    title: str
    detect: Callable[[Path], bool]
    read: Callable[[Path, Reading], LabelSet]
    write: Callable[[LabelSet, Path, Pictures], list[Loss]] | None = None
    asks_origin: bool = False
    keeps_predictions: bool = False
    keeps_extra: bool = False


def place_picture(image: Image, target: Path, pictures: Pictures) -> None:
    """Put the file of `image` at `target`, or a link to it, or nothing. Raises DataError if it is not there."""
    if pictures == "none":
        return
    if image.path is None or not image.path.is_file():
        raise DataError(f"the picture {image.name} is missing: put it back, or export without pictures")
    target.parent.mkdir(parents=True, exist_ok=True)
    if pictures == "link":
        target.unlink(missing_ok=True)
        target.symlink_to(os.path.relpath(image.path.resolve(), target.parent.resolve()))
    else:
        shutil.copyfile(image.path, target)


def losses(**counts: int) -> list[Loss]:
    """The losses with a count above 0, in the order of LOSSES; an underscore stands for a space in a kind."""
    found = {kind.replace("_", " "): int(count) for kind, count in counts.items() if count}
    return [Loss(kind, found[kind]) for kind in LOSSES if kind in found]
