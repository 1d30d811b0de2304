"""Find the image that a file of another tool names. Such names come from other machines, and are never trusted."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from urllib.parse import unquote, urlsplit

from mdmd.data.picture_files import HEIC_SUFFIXES, SUFFIXES

#: The most files that are looked at below folders, of whatever kind.
MOST_FILES = 2_000_000
ENDINGS = frozenset((*SUFFIXES, *HEIC_SUFFIXES))


class ImageFinder:
    """Finds images by name in `folders`, and below them by base name where that is unique.

    Nothing outside of the folders is found: not by "..", by an absolute name, nor by a link that leads out of them.
    With `pictures`, a folder that a person has named, an image is taken from there if it is there.
    Names may be Windows paths or addresses, and differ in upper and lower case or in how accents are written.
    """

    def __init__(self, *folders: Path, pictures: Path | None = None) -> None:
        self._first = None if pictures is None else ImageFinder(pictures)
        self._folders = tuple(dict.fromkeys(folder.resolve() for folder in folders if folder.is_dir()))
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, name: str) -> Path | None:
        """The file that `name` means; None if there is none, or several could be meant."""
        parts = parts_of(name)
        if not parts:
            return None
        if self._first is not None and (preferred := self._first.find(name)) is not None:
            return preferred
        for first in range(len(parts)):  # the whole name, then ever fewer of its folders
            for folder in self._folders:
                path = folder.joinpath(*parts[first:])
                if self._is_image(path):
                    return path
        tails = [(path, _folded(path.parts)) for path in self._named(parts[-1])]
        wanted = _folded(parts)
        for length in range(min(len(parts), 8), 0, -1):  # of several, the one whose folders are named alike
            found = [path for path, own in tails if own[-length:] == wanted[-length:]]
            if len(found) == 1:
                return found[0]
        return None

    def like(self, label: Path, *, instead: Mapping[str, str] | None = None) -> Path | None:
        """The image whose name is that of the file `label` but for its ending; None if there is no one.

        It lies beside the label, or in the folder that `instead` names in the place of a part of the label's path.
        """
        if self._first is not None and (preferred := self._first.like(label, instead=instead)) is not None:
            return preferred
        for folder in self._folders:
            for place in (folder / folder_beside(label, instead or {}), folder / label.parent):
                found = [path for suffix in ENDINGS if self._is_image(path := place / f"{label.stem}{suffix}")]
                if len(found) == 1:
                    return found[0]
        same = [path for suffix in ENDINGS for path in self._named(f"{label.stem}{suffix}")]
        return same[0] if len(same) == 1 else None

    def _is_image(self, path: Path) -> bool:
        try:
            return path.is_file() and self._is_inside(path)
        except (OSError, ValueError):  # no file can have such a name
            return False

    def _named(self, name: str) -> list[Path]:
        if self._by_name is None:
            self._by_name = {}
            for path in self._all():
                self._by_name.setdefault(_fold(path.name), []).append(path)
        return self._by_name.get(_fold(name), [])

    def _all(self) -> Iterator[Path]:
        seen, count = set[Path](), 0
        for folder in self._folders:
            for place, inner, files in os.walk(folder):
                inner[:] = sorted(name for name in inner if not name.startswith("."))
                count += len(files)
                if count > MOST_FILES:
                    return
                for path in (Path(place, name) for name in sorted(files)):
                    if path.suffix.lower() in ENDINGS and path not in seen and self._is_inside(path):
                        seen.add(path)
                        yield path

    def _is_inside(self, path: Path) -> bool:
        real = path.resolve()
        return any(real.is_relative_to(folder) for folder in self._folders)


def folder_beside(label: Path, instead: Mapping[str, str]) -> Path:
    """The folder of the file `label`, with the last of its parts that `instead` names replaced."""
    parts = list(label.parent.parts)
    last = {part: k for k, part in enumerate(parts)}
    for part, other in instead.items():
        if part in last:
            parts[last[part]] = other
    return Path(*parts)


def ends_in(path: Path, name: str) -> bool:
    """Whether the last parts of `path` are all of `name`, as `ImageFinder` compares them."""
    parts = _folded(parts_of(name))
    return _folded(path.parts)[-len(parts) :] == parts


def parts_of(name: str) -> tuple[str, ...]:
    """The folders and the file of a name as other tools write it, without a drive, a host, "." and ".."."""
    if "://" in name:
        try:
            name = unquote(urlsplit(name).path)
        except ValueError:  # a host that cannot be
            return ()
    # Backslashes are part of a file's name on other systems than Windows, but no tool writes such names.
    path = PureWindowsPath(name) if "\\" in name or PureWindowsPath(name).drive else PurePosixPath(name)
    return tuple(part for part in path.parts if part not in (path.anchor, ".", ".."))


def base_name(name: str) -> str:
    """The last part of a name as other tools write it; empty if it has none."""
    parts = parts_of(name)
    return parts[-1] if parts else ""


def _folded(parts: Iterable[str]) -> tuple[str, ...]:
    return tuple(_fold(part) for part in parts)


def _fold(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
