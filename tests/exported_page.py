"""Serve the page of an exported model in tests, and find the package that it needs on this machine."""

from __future__ import annotations

import base64
import contextlib
import functools
import http.server
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mdmd.portable.onnxruntime_web import INTEGRITY, PACKAGE, VERSION, read_runtime


@contextlib.contextmanager
def static_server(folder: Path) -> Iterator[str]:
    """A static server of `folder`, such as `python -m http.server`; its address ends in a slash."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            pass

    handler = functools.partial(Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def local_runtime() -> dict[str, bytes]:
    """The files of onnxruntime-web from node_modules or from npm's cache; without them, the test is skipped."""
    installed = Path(__file__).parents[1] / "node_modules" / PACKAGE
    digest = base64.b64decode(INTEGRITY).hex()
    cache = Path(os.environ.get("NPM_CONFIG_CACHE") or Path.home() / ".npm") / "_cacache" / "content-v2" / "sha512"
    for local in (installed, cache / digest[:2] / digest[2:4] / digest[4:]):
        if local.exists():
            return read_runtime(local)
    pytest.skip(f"{PACKAGE} {VERSION} is neither in node_modules (make types) nor in npm's cache")
