"""Serve the pages on this machine until Ctrl-C."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from urllib.parse import urlencode

import uvicorn

from labeler.project.workspace import Workspace
from labeler.runs.background import BACKGROUND, Work
from labeler.runs.base_predictions import BasePredictions
from labeler.runs.learner import Learner
from labeler.server.server_folder import launcher, server_folder
from mdmd.errors import DataError
from mdmd.importing import large_libraries
from mdmd.threads import one_for_numpy

FIRST_PORT = 7860
PORTS_TRIED = 20


def serve(
    projects: Workspace | Path | str = "projects",
    *,
    project: str | None = None,
    port: int | None = None,
    browser: bool = True,
) -> None:
    """Serve the projects in the folder `projects` on 127.0.0.1 until Ctrl-C, and open the browser.

    `project` is the project to open, by default the list of projects. `port` is by default the first free one from
    7860, and 0 means any free port. The printed address contains a token, without which the server responds with
    status 401. Unless the environment has LABELER_BACKGROUND=off, a base predicts on every face in the background, so
    that labels can be carried over, and short rounds learn from the labels. Raises NotFoundError for an unknown
    project, and DataError for a port that cannot be used.
    """
    one_for_numpy()
    workspace = projects if isinstance(projects, Workspace) else Workspace(Path(projects))
    if project is not None:
        workspace.open(project)
    listener = listen(port)
    found_port = listener.getsockname()[1]
    with server_folder(workspace.root, found_port) as folder:
        # uvicorn raises the signal again when it has ended. By default SIGTERM would then leave the folder behind.
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, _end)
        uploads = folder / "uploads"
        os.environ["GRADIO_TEMP_DIR"] = str(uploads)  # read when Gradio is imported
        # Imported late, because importing Gradio takes three seconds and errors above should appear at once.
        with large_libraries():
            from labeler.server.app import build_app

        token = secrets.token_urlsafe(24)
        query = urlencode({"token": token, **({"project": project} if project else {})})
        address = f"http://127.0.0.1:{found_port}/?{query}"
        background: Sequence[Work] = ()
        if os.environ.get(BACKGROUND) != "off":
            base = BasePredictions(workspace)
            background = (base, Learner(workspace, busy=lambda: base.busy))
        app = build_app(workspace, token=token, uploads=uploads, background=background)
        print(f"open {address}\nCtrl-C stops the server; a running training continues", flush=True)
        if browser:
            webbrowser.open(launcher(folder, address).as_uri())
        # The access log would print the token.
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        server.run(sockets=[listener])


def _end(signum: int, frame: FrameType | None) -> None:
    sys.exit(128 + signum)


def listen(port: int | None) -> socket.socket:
    """A socket on 127.0.0.1 at `port` (0: any free one), or at the first free port from 7860; raises DataError."""
    ports = range(FIRST_PORT, FIRST_PORT + PORTS_TRIED) if port is None else [port]
    for candidate in ports:
        if not 0 <= candidate <= 65535:
            raise DataError(f"found the port {candidate}, wanted a number from 0 (any free one) to 65535")
        # asyncio disables Nagle's algorithm only if TCP is named; otherwise a body can wait 40 ms behind its headers.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", candidate))
            listener.listen()
        except OSError as error:
            listener.close()
            if port is not None:
                raise DataError(f"port {port} cannot be used ({error.strerror}); choose another one") from None
        else:
            return listener
    raise DataError(f"the ports {ports[0]} to {ports[-1]} are all taken; name a free one")
