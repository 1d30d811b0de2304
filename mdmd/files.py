"""Files that are the old ones or the new ones, never a part of either, whatever happens while they are written."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` write a file beside `path`; once it is safe on the disk it takes the place of `path`.

    Raises what `write` raises, and OSError; then `path` is as it was and nothing is left beside it. Several
    processes may write one file: it is one's or the other's.
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
    """Write JSON by `replace_file`; without `indent` several times faster.

    What is `for_others` is in ASCII: pycocotools reads a file in the encoding that its system happens to have.
    """
    content = json.dumps(record, indent=indent, ensure_ascii=for_others)
    replace_file(path, lambda partial: partial.write_text(content, encoding="utf-8"))


def writes_files() -> bool:
    """Whether this process is the one to write, also before and after it has joined the others."""
    return int(os.environ.get("RANK", "0")) == 0
