"""Unpack a zip file of labels and pictures. It is never trusted: nothing is written outside of the folder."""

from __future__ import annotations

import shutil
import zipfile
import zlib
from lzma import LZMAError
from pathlib import Path

from mdmd.errors import DataError
from mdmd.formats.images import parts_of

#: The most files and bytes in an archive.
MOST_FILES, LARGEST = 500_000, 100_000_000_000
#: What is raised for damaged content.
BROKEN = (zipfile.BadZipFile, zlib.error, LZMAError)
#: What operating systems add to archives.
ADDED = ("__MACOSX", ".DS_Store", "Thumbs.db")


def is_archive(place: Path) -> bool:
    """Whether this is a zip file by its content."""
    return place.is_file() and zipfile.is_zipfile(place)


def unpack(archive: Path, folder: Path, *, largest: int = LARGEST) -> Path:
    """Unpack `archive` into the new folder `folder`; returns the folder in which its content begins.

    That is not `folder` where all content lies in one folder. Links in the archive become files that hold their text.
    Raises DataError if it cannot be read, or holds more than `largest` bytes or than are free.
    """
    try:
        with zipfile.ZipFile(archive) as source:
            members = [member for member in source.infolist() if not member.is_dir()]
            size = sum(member.file_size for member in members)
            if len(members) > MOST_FILES or size > largest:
                raise DataError(f"{archive.name} holds {len(members):,} files of {size:,} bytes, which is too much")
            folder.mkdir(parents=True)
            if size > (free := shutil.disk_usage(folder).free):
                raise DataError(f"{archive.name} holds {size:,} bytes, and only {free:,} are free")
            for member in members:
                parts = parts_of(member.filename)
                if parts and not set(parts) & set(ADDED):
                    target = folder.joinpath(*parts)
                    target.parent.mkdir(parents=True, exist_ok=True)
                    with source.open(member) as content, target.open("wb") as file:
                        shutil.copyfileobj(content, file)
    except (*BROKEN, NotImplementedError, RuntimeError, EOFError, ValueError) as error:
        raise DataError(f"{archive.name} cannot be unpacked: {error}") from None
    except OSError as error:
        raise DataError(f"{archive.name} cannot be unpacked: {error.strerror or error}") from None
    while len(inside := list(folder.iterdir())) == 1 and inside[0].is_dir():
        folder = inside[0]
    return folder
