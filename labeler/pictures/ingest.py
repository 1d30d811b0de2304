"""Copy pictures into a project, upright, in sRGB or gray and under a safe name, and make thumbnails."""

from __future__ import annotations

import hashlib
import os
import shutil
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from labeler.errors import StorageError
from mdmd.data.color import has_other_colors, srgb
from mdmd.data.images import DAMAGED, HEIF, decode, open_picture, orientation, upright
from mdmd.data.picture_files import Kind
from mdmd.data.text import LONGEST, cleaned
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
    """The names that files in a folder have, in lower case. The folder is read anew only after others changed it."""

    def __init__(self) -> None:
        self._folder: tuple[Path, int] | None = None
        self._names = set[str]()

    def of(self, folder: Path) -> set[str]:
        """The names in `folder`."""
        if self._folder is None or self._folder != _state(folder):
            self._names = {name.casefold() for name in os.listdir(folder)}
        return self._names

    def add(self, folder: Path, name: str) -> None:
        """A file of this name was put into `folder`, of which no one else knew meanwhile."""
        self._names.add(name.casefold())
        self._folder = _state(folder)


def _state(folder: Path) -> tuple[Path, int]:
    return folder, folder.stat().st_mtime_ns


def ingest(source: Path, folder: Path, names: TakenNames | None = None) -> Ingested:
    """Copy one picture into `folder`; raises DataError (without the file's name) if it is not usable.

    An upright JPEG or PNG in sRGB or gray is copied byte for byte. Other pictures are converted to sRGB by the rule in
    `mdmd.data.color`, and stored without a profile: lossy formats as JPEG with quality 95, the rest as PNG. Only the
    first frame of an animation is used. `names` are those in `folder`, kept from one picture to the next.
    """
    names = names or TakenNames()
    with _open(source) as image:
        kind = image.format or ""
        decode(image)
        several = _frames(image) > 1
        simple = orientation(image) == 1 and not several and "transparency" not in image.info
        kept = image.mode in ("RGB", "L") and kind in ("JPEG", "MPO", "PNG") and not has_other_colors(image)
        if simple and kept:
            suffix = ".png" if kind == "PNG" else ".jpg"
            name = _write(folder, source.name, suffix, lambda t: shutil.copyfile(source, t), names)
            return Ingested(name, *image.size, None)
        shown = upright(image)
    if kind in LOSSY:
        name = _write(folder, source.name, ".jpg", lambda t: shown.save(t, "JPEG", quality=95, subsampling=0), names)
    else:
        name = _write(folder, source.name, ".png", lambda t: shown.save(t, "PNG", compress_level=3), names)
    return Ingested(name, *shown.size, LEFT_OUT.get(kind, FRAMES) if several else None)


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


def _write(folder: Path, name: str, suffix: str, write: Callable[[Path], object], names: TakenNames) -> str:
    """Write a file atomically under a free name derived from `name`; returns the name. Never replaces a file."""
    taken = names.of(folder) if folder.is_dir() else set[str]()
    with _written(folder, "new", write) as temporary:
        with temporary.open("rb") as file:
            os.fsync(file.fileno())  # its row may reach the disk before it
        for candidate in _names(_safe_stem(name), suffix):
            if candidate.casefold() in taken:
                continue
            try:
                # Reserve the name; this fails if another thread or process has just taken it.
                (folder / candidate).touch(exist_ok=False)
            except FileExistsError:
                continue
            temporary.replace(folder / candidate)
            names.add(folder, candidate)
            return candidate
    raise AssertionError("names never end")


@contextmanager
def _written(folder: Path, name: str, write: Callable[[Path], object]) -> Iterator[Path]:
    """`written` in a folder that need not exist yet; raises StorageError if writing fails."""
    try:
        folder.mkdir(exist_ok=True)  # never its parent: the project may have just been renamed
        with written(folder, name, write) as temporary:
            yield temporary
    except OSError as error:
        raise StorageError(f"cannot write into {folder}: {error.strerror or error}") from None


def _names(stem: str, suffix: str) -> Iterable[str]:
    yield stem + suffix
    number = 2
    while True:
        yield f"{stem}-{number}{suffix}"
        number += 1


def _safe_stem(name: str) -> str:
    """The stem of `name`, in any script, without characters that file systems, URLs or COCO readers may reject."""
    stem = unicodedata.normalize("NFC", Path(name).stem)
    kept = "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" or c in " ._-()" else "_" for c in stem)
    kept = kept.strip(" .") or "picture"
    while len(kept.encode()) > 180:
        kept = kept[:-1]
    return kept
