"""Copy pictures into a project, upright, in sRGB or gray and under a safe name, and make thumbnails."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from labeler.errors import StorageError
from mdmd.data.color import has_other_colors, srgb
from mdmd.data.images import DAMAGED, HEIF, decode, open_picture, orientation, upright
from mdmd.data.picture_files import Kind
from mdmd.data.text import LONGEST, cleaned, safe_stem
from mdmd.errors import DataError
from mdmd.files import written

MINIMUM_SIDE = 16
#: What the names of files in a project end with.
SUFFIXES = (".jpg", ".png")

#: What does not come in of a file with several pictures in it. The pages of a TIFF are pictures in their own right.
FRAMES = Kind(
    "the later frames of {} animation",
    "the later frames of {} animations",
    "only the first frame came in; save others as pictures of their own to add them",
)
OTHERS = Kind(
    "the other pictures of {} HEIC file",
    "the other pictures of {} HEIC files",
    "only the main one came in; save others as pictures of their own to add them",
)
PAGES = Kind(
    "the later pages of {} TIFF",
    "the later pages of {} TIFFs",
    "only the first page came in; save the others as pictures of their own to add them",
    wanted=True,
)
LEFT_OUT = {"TIFF": PAGES, HEIF: OTHERS}
#: Pillow's names of formats that are stored as JPEG where they are converted.
LOSSY = ("JPEG", "MPO", "WEBP", "AVIF", HEIF)


@dataclass(frozen=True)
class Ingested:
    """A picture file in the project: its name, its upright size in pixels, and what was left out of the given file."""

    file_name: str
    width: int
    height: int
    left_out: Kind | None


def shown_name(path: Path) -> str:
    """The name of a file, or its path below a folder, as text.

    Bytes that are not UTF-8, as in names from old archives, and characters that no name may hold are replaced. Of a
    path that is longer than a name may be, the end is kept.
    """
    name = cleaned(os.fsencode(path.as_posix()).decode("utf-8", "replace"), "\ufffd")
    return name if len(name) <= LONGEST else f"\u2026{name[1 - LONGEST :]}"


def sha256_of(path: Path) -> str:
    """The hex digest of a file; raises DataError if it cannot be read."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except FileNotFoundError:
        raise DataError("there is no such file") from None
    except OSError as error:
        raise DataError(f"the file cannot be read: {error.strerror}") from None


class TakenNames:
    """The names that files in `folder` have. It is listed once; `add` is told of each file that is put there."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._names = {name.casefold(): name for name in os.listdir(folder)} if folder.is_dir() else {}

    def has(self, name: str) -> bool:
        """Whether there is a file of this name, in upper or lower case."""
        there = self._names.get(name.casefold())
        return there is not None and os.path.lexists(self._folder / there)

    def add(self, name: str) -> None:
        """A file of this name is there now."""
        self._names[name.casefold()] = name


@dataclass(frozen=True)
class Ready:
    """A picture as it will be stored, in the hidden file `partial` with this digest, which is on the disk.

    See `Ingested`.
    """

    partial: Path
    sha256: str
    stem: str
    suffix: str
    width: int
    height: int
    left_out: Kind | None

    def place(self, folder: Path, names: TakenNames) -> Ingested:
        """Give the file a free name in `folder`, which holds `names`. Never replaces a file."""
        try:
            name = next(
                name for name in _names(self.stem, self.suffix) if not names.has(name) and _is_taken(folder / name)
            )
            self.partial.replace(folder / name)
        except OSError as error:
            raise _cannot_write(folder, error) from None
        names.add(name)
        return Ingested(name, self.width, self.height, self.left_out)


def ingest(source: Path, folder: Path) -> Ingested:
    """Copy one picture into `folder`; raises DataError as `made_ready` does."""
    with made_ready(source, folder) as ready:
        return ready.place(folder, TakenNames(folder))


@contextmanager
def made_ready(source: Path, folder: Path) -> Iterator[Ready]:
    """A picture in a hidden file in `folder`, which is removed if it is not placed.

    An upright JPEG or PNG in sRGB or gray is copied byte for byte. Other pictures are converted to sRGB by the rule in
    `mdmd.data.color`, and stored without a profile: lossy formats as JPEG with quality 95, the rest as PNG. Only the
    first frame of an animation is used. Raises DataError (without the file's name) if it is not usable.
    """
    with _open(source) as image:
        kind = image.format or ""
        decode(image)
        several = _frames(image) > 1
        simple = orientation(image) == 1 and not several and "transparency" not in image.info
        kept = image.mode in ("RGB", "L") and kind in ("JPEG", "MPO", "PNG") and not has_other_colors(image)
        size, shown = image.size, None if simple and kept else upright(image)
    suffix = ".jpg" if kind in LOSSY else ".png"

    def write(target: Path) -> None:
        if shown is None:
            shutil.copyfile(source, target)
        elif suffix == ".jpg":
            shown.save(target, "JPEG", quality=95, subsampling=0)
        else:
            shown.save(target, "PNG", compress_level=3)

    width, height = size if shown is None else shown.size
    left_out = LEFT_OUT.get(kind, FRAMES) if several else None
    with _written(folder, "new", write) as partial:
        with partial.open("rb") as file:
            os.fsync(file.fileno())  # its row may reach the disk before it
        yield Ready(partial, sha256_of(partial), safe_stem(source.name), suffix, width, height, left_out)


def write_thumbnail(source: Path, copy: Path, width: int) -> None:
    """Write a JPEG of `source` at most `width` pixels wide to `copy`, atomically; raises DataError."""
    with _open(source) as image:
        # With a gap of 1, JPEG decodes at the next half, quarter or eighth above the size, in a third of the time.
        size = (width, max(1, -(-image.height * width // image.width)))
        try:
            image.thumbnail(size, reducing_gap=1.0)
        except DAMAGED as error:
            raise DataError(f"the picture is damaged or cut short ({error})") from None
        small = srgb(image)
        with _written(copy.parent, copy.name, lambda target: small.save(target, "JPEG", quality=88)) as temporary:
            temporary.replace(copy)


def _open(source: Path) -> Image.Image:
    image = open_picture(source)
    width, height = image.size
    if min(width, height) < MINIMUM_SIDE:
        image.close()
        raise DataError(f"the picture is {width} x {height} pixels, wanted at least {MINIMUM_SIDE} on each side")
    return image


def _frames(image: Image.Image) -> int:
    """The number of frames in the file. The previews that a camera adds to its pictures (MPO) do not count."""
    try:
        return getattr(image, "n_frames", 1) if image.format != "MPO" else 1
    except DAMAGED as error:
        raise DataError(f"the picture is damaged or cut short ({error})") from None


def _is_taken(path: Path) -> bool:
    """Whether the name could be taken; it could not if another thread or process has just done so."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


@contextmanager
def _written(folder: Path, name: str, write: Callable[[Path], object]) -> Iterator[Path]:
    """`written` in a folder that need not exist yet; raises StorageError if writing fails."""
    try:
        folder.mkdir(exist_ok=True)  # never its parent: the project may have just been renamed
        with written(folder, name, write) as temporary:
            yield temporary
    except OSError as error:
        raise _cannot_write(folder, error) from None


def _cannot_write(folder: Path, error: OSError) -> StorageError:
    return StorageError(f"cannot write into {folder}: {error.strerror or error}")


def _names(stem: str, suffix: str) -> Iterable[str]:
    yield stem + suffix
    number = 2
    while True:
        yield f"{stem}-{number}{suffix}"
        number += 1
