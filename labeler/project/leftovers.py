"""What killed processes leave behind: files that were being written, and pictures that never came in."""

from __future__ import annotations

import logging
import os
import shutil
import time
import unicodedata
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from labeler.errors import StorageError
from labeler.pictures.add import Intake
from labeler.pictures.ingest import SUFFIXES
from labeler.project.safekeeping import FOLDER
from labeler.project.trash import Trash
from labeler.storage.named_files import named_files
from labeler.storage.store import Store
from mdmd.data.picture_files import NAMED
from mdmd.files import PARTIAL_NAME

logger = logging.getLogger("labeler")

#: Seconds without a change after which a file counts as abandoned although a process has the number of its writer.
ABANDONED = 86_400.0


def clear_partial(folder: Path, *, deep: bool = True) -> None:
    """Delete the files and folders in `folder`, and if `deep` below it, that a process which has ended was writing.

    Only names that `mdmd.files` gives count. They name their writer: such a file is left over when there is no process
    with that number, or when it was not changed for a day. Links are not followed, and what cannot be deleted stays.
    """
    for path in list(_partial(folder, deep=deep)):
        if _is_left_over(path):
            if path.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            else:
                with suppress(OSError):
                    path.unlink(missing_ok=True)


def _partial(folder: Path, *, deep: bool) -> Iterator[Path]:
    for place, folders, files in os.walk(folder):
        found = [name for name in (*folders, *files) if PARTIAL_NAME.fullmatch(name)]
        yield from (path for name in found if not (path := Path(place, name)).is_symlink())
        folders[:] = [name for name in folders if name not in found] if deep else []


def _is_left_over(path: Path) -> bool:
    match = PARTIAL_NAME.fullmatch(path.name)
    writer = match["writer"] if match else None
    if writer is not None and not psutil.pid_exists(int(writer)):
        return True
    try:
        changed = [path.lstat().st_mtime]
        for place, folders, files in os.walk(path):
            changed += [Path(place, name).lstat().st_mtime for name in (*folders, *files)]
    except FileNotFoundError:  # its writer was at work just now
        return False
    return max(changed) < time.time() - ABANDONED


def clear_orphans(images: Path, store: Store, intake: Intake, trash: Trash) -> None:
    """Move the picture files in `images` that no picture of the project names to the trash.

    Files of removed pictures stay, and those that a copy of the database in the folder of copies names. If such a copy
    cannot be read, nothing is moved. What was moved, and what could not be, is logged.
    """
    with intake.turn():  # a file that is being added has no row yet
        files = [path for path in images.glob("[!.]*") if _may_be_ours(path)] if images.is_dir() else []
        known = {_key(name) for name in store.file_names()}
        orphans = [path for path in files if _key(path.name) not in known]
        if not orphans:
            return
        try:
            for copy in sorted((images.parent / FOLDER).rglob("*.db")):
                known |= {_key(name) for name in named_files(copy)}
        except StorageError as error:
            logger.warning(f"{images} holds files that no picture names, but {error}: they stay")
            return
        orphans = sorted(path for path in orphans if _key(path.name) not in known)
        if not orphans:
            return
        try:
            place = trash.take_all(orphans)
        except StorageError as error:
            logger.warning(f"{images} holds files that no picture names, but {error}")
            return
    named = ", ".join([path.name for path in orphans[:NAMED]] + ["..."] * (len(orphans) > NAMED))
    logger.warning(f"files in {images} that no picture of the project names were moved to {place}: {named}")


def _may_be_ours(path: Path) -> bool:
    return path.suffix in SUFFIXES and path.is_file() and not path.is_symlink()


def _key(name: str) -> str:
    """A file's name as some systems compare it: of any case, composed or not."""
    return unicodedata.normalize("NFC", name).casefold()
