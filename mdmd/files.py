"""Atomic writes: after a crash a file holds its old or its new content, never a part of it.

Files and folders get the permissions that the user's umask leaves, wherever their content came from.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

#: How the name of a file or folder ends that is being written.
PARTIAL = ".partial"


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a temporary file beside `path`, sync it to the disk, then move it to `path`.

    If `write` or the disk fails, the error is raised, `path` is unchanged and the temporary file is removed. Several
    processes may write the same file: the last one wins, and no contents are mixed.
    """
    with written(path.parent, path.name, write) as partial:
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)


@contextmanager
def written(folder: Path, name: str, write: Callable[[Path], object]) -> Iterator[Path]:
    """A hidden file in `folder` that `write` has filled, to be moved to its place; removed if it is not moved.

    Its name ends in PARTIAL and says that it will be `name`.
    """
    partial = _hidden(folder, name)
    try:
        # The new file shows what the umask leaves: asking for the umask would change it for all threads. `write` may
        # put a file of its own in its place, as safetensors does, whose mode is 0600.
        handle = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
        mode = stat.S_IMODE(os.fstat(handle).st_mode)
        os.close(handle)
        write(partial)
        if stat.S_IMODE(partial.stat().st_mode) != mode:
            partial.chmod(mode)
        yield partial
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A hidden folder beside `path` to fill, which gets the name `path` at the end; removed if an error is raised."""
    making = _hidden(path.parent, path.name)
    making.mkdir()
    try:
        yield making
        os.replace(making, path)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise


def copy_folder(source: Path, copy: Path) -> None:
    """Copy the files in `source` and below into the new folder `copy`. Modes and times are not copied."""
    copy.mkdir(parents=True)
    for path in sorted(source.iterdir()):
        if path.is_dir():
            copy_folder(path, copy / path.name)
        else:
            shutil.copyfile(path, copy / path.name)


def _hidden(folder: Path, name: str) -> Path:
    # A name may be as long as a file system allows, and this one must not be longer.
    start = os.fsdecode(os.fsencode(name)[:200])
    return folder / f".{start}.{secrets.token_hex(4)}{PARTIAL}"


def write_json(path: Path, record: Any, *, indent: int | None = 1, for_others: bool = False) -> None:
    """Write JSON with `replace_file`; several times faster without `indent`.

    `for_others` writes ASCII only, because pycocotools opens files in the system's default encoding.
    """
    content = json.dumps(record, indent=indent, ensure_ascii=for_others)
    replace_file(path, lambda partial: partial.write_text(content, encoding="utf-8"))


def writes_files() -> bool:
    """Whether this process writes files: the first process of a distributed training, or the only one."""
    return int(os.environ.get("RANK", "0")) == 0
