"""Atomic writes: after a crash a file holds its old or its new content, never a part of it."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Call `write` with a temporary file beside `path`, sync it to the disk, then move it to `path`.

    If `write` or the disk fails, the error is raised, `path` is unchanged and the temporary file is removed. Several
    processes may write the same file: the last one wins, and no contents are mixed.
    """
    partial = path.with_name(f".{path.name}.{secrets.token_hex(4)}.partial")
    try:
        write(partial)
        with open(partial, "rb") as file:
            os.fsync(file.fileno())
        os.replace(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_json(path: Path, record: Any, *, indent: int | None = 1, for_others: bool = False) -> None:
    """Write JSON with `replace_file`; several times faster without `indent`.

    `for_others` writes ASCII only, because pycocotools opens files in the system's default encoding.
    """
    content = json.dumps(record, indent=indent, ensure_ascii=for_others)
    replace_file(path, lambda partial: partial.write_text(content, encoding="utf-8"))


def writes_files() -> bool:
    """Whether this process writes files: the first process of a distributed training, or the only one."""
    return int(os.environ.get("RANK", "0")) == 0
