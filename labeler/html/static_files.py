"""Where the browser's scripts and styles lie, and the addresses at which the server has them."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path

STATIC = Path(__file__).parent.parent / "static"
#: The path of this tool's scripts and styles; /static is Gradio's.
FILES = "/ui"


@functools.cache
def kept_files() -> str:
    """The path at which pages have these files. Browsers keep what they load from there and never ask for it again.

    A page has a hundred scripts. Asking for each whether it has changed takes longer than opening the page.
    """
    return address_of(STATIC)


def address_of(folder: Path) -> str:
    """A path that changes with the name and the content of any file in `folder`.

    The digest is in the path, not behind a question mark: scripts import each other by relative paths.
    """
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode() + content)
    return f"{FILES}/{digest.hexdigest()[:12]}"
