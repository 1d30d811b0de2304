"""The picture files that a copy of a database knows."""

from __future__ import annotations

from pathlib import Path

from labeler.errors import StorageError
from labeler.storage.files import BROKEN, reading

#: The row of a removed picture has its number before the name of its file, and a slash.
ALL_NAMES = "SELECT file_name FROM images"


def file_name_of(kept: str) -> str:
    """The name of a file under images/ as it is, or was before the picture was removed."""
    return kept.rpartition("/")[2]


def named_files(path: Path) -> set[str]:
    """The names of the files of all pictures in the database `path`, also of removed ones. Nothing is written.

    Raises StorageError if it cannot be read.
    """
    try:
        with reading(path) as connection:
            return {file_name_of(name) for (name,) in connection.execute(ALL_NAMES)}
    except BROKEN as error:
        raise StorageError(f"the copy {path} cannot be read ({error})") from None
