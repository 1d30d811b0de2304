"""Write files atomically, and read JSON.

After a crash a file holds its old or its new content, never a part of it. Files and folders get the permissions that
the user's umask leaves, wherever their content came from. All JSON is read here, because Python's own reader ends with
other errors than ValueError, or reads what the code after it cannot work with.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

from mdmd.errors import DataError

#: How the name of a file or folder ends that is being written.
PARTIAL = ".partial"
#: Its whole name, with the number of the process that writes it, which older versions did not tell.
PARTIAL_NAME = re.compile(rf"\..+\.(?:(?P<writer>\d{{1,9}})-)?[0-9a-f]{{8}}{re.escape(PARTIAL)}", re.DOTALL)
#: JSON may nest this many objects and lists; comparing or printing deeper ones would exceed Python's stack.
DEEPEST = 100
TOO_DEEP = f"it nests more than {DEEPEST} lists and objects in each other"
#: A whole number in JSON may have this many digits; it can then be made a float, or text.
DIGITS = 100
#: Bytes of JSON that are read: a record of one thing, and a set of faces.
LARGEST_RECORD = 50_000_000
LARGEST_SET = 4_000_000_000


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


def remove_folder(path: Path) -> None:
    """Remove a folder with all that is in it. It gets a hidden name first, so that half of it is never found."""
    hidden = _hidden(path.parent, path.name)
    os.rename(path, hidden)
    shutil.rmtree(hidden)


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
    return folder / f".{start}.{os.getpid()}-{secrets.token_hex(4)}{PARTIAL}"


def write_json(path: Path, record: Any, *, indent: int | None = 1, for_others: bool = False) -> None:
    """Write JSON with `replace_file`; several times faster without `indent`.

    `for_others` writes ASCII only, because pycocotools opens files in the system's default encoding.
    """
    content = json.dumps(record, indent=indent, ensure_ascii=for_others)
    replace_file(path, lambda partial: partial.write_text(content, encoding="utf-8"))


def read_json(path: Path, *, most: int = LARGEST_RECORD, constants: bool = False) -> Any:
    """The JSON in the file `path`, of at most `most` bytes. Raises DataError, as `parse_json` does, with the path."""
    try:
        size = path.stat().st_size
        if size > most:
            raise DataError(f"{path} cannot be read: it has {size:,} bytes, wanted at most {most:,}")
        content = path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"no such file: {path}") from None
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None
    return parse_json(content, f"{path} cannot be read", constants=constants)


def parse_json(content: str | bytes, problem: str, *, constants: bool = False) -> Any:
    """The JSON in `content`: UTF-8 with or without a byte order mark, or UTF-16 with one, as Windows writes it.

    Raises DataError for what is not JSON, for more than DEEPEST levels and for whole numbers of more than DIGITS
    digits; it begins with `problem`. NaN and Infinity, which are not JSON, are read as numbers if `constants`: where
    each number is checked afterwards, its record can be named.
    """

    def constant(name: str) -> float:
        if not constants:
            refuse(f"it holds {name}, which is not a number")
        return float(name)

    def whole(digits: str) -> int:
        if len(digits) > DIGITS:
            refuse(f"it holds a number of {len(digits):,} digits, wanted at most {DIGITS}")
        return int(digits)

    def refuse(why: str) -> NoReturn:
        raise DataError(f"{problem}: {why}") from None

    try:
        text = content
        if isinstance(content, bytes):
            is_wide = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
            text = content.decode("utf-16" if is_wide else "utf-8-sig")
        found = json.loads(text, parse_int=whole, parse_constant=constant)
    except UnicodeDecodeError as error:
        refuse(f"byte {error.start} is not UTF-8 text")
    except json.JSONDecodeError as error:
        refuse(f"it is not JSON (line {error.lineno}, column {error.colno}: {error.msg})")
    except RecursionError:
        refuse(TOO_DEEP)
    return found if _is_shallow(found) else refuse(TOO_DEEP)


def _is_shallow(found: Any) -> bool:
    """Whether `found` has at most DEEPEST levels."""
    level, depth = [found] if isinstance(found, dict | list) else [], 0
    while level and depth < DEEPEST:
        depth += 1
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return not level


def writes_files() -> bool:
    """Whether this process writes files: the first process of a distributed training, or the only one."""
    return int(os.environ.get("RANK", "0")) == 0
