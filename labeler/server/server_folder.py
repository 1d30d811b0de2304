"""The private folder of a running server: uploads on their way into a project, and the page that starts the browser."""

from __future__ import annotations

import html
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def server_folder(root: Path, port: int) -> Iterator[Path]:
    """An empty folder of the server at `port`, which only this user can open and which is removed at the end.

    It lies in the projects folder `root`, so that the next server at this port removes what a killed one has left. If
    `root` cannot be written, it lies in the system's temporary folder.
    """
    folder = root / f".server-{port}"
    try:
        _remove(folder)
        root.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700)
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="labeler-"))
    try:
        yield folder.resolve()
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    if folder.is_symlink():
        folder.unlink()
    else:
        shutil.rmtree(folder, ignore_errors=True)


def launcher(folder: Path, address: str) -> Path:
    """A page in `folder` that leads to `address` and that only this user can read.

    A browser is started with its path. All users of a machine can read the command lines of all processes, and the
    address contains the token.
    """
    file = folder / "open.html"
    place = html.escape(address)
    page = (
        '<!doctype html><meta charset="utf-8"><meta name="referrer" content="no-referrer"><title>mdmd labeler</title>'
        f'<meta http-equiv="refresh" content="0; url={place}"><a href="{place}">Open the labeler</a>\n'
    )
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as opened:
        opened.write(page)
    return file
