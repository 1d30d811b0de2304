"""The web application: the routes of the canvas, static files, the Gradio pages, and access control."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from anyio import to_thread
from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.staticfiles import StaticFiles

# Turns off Gradio's usage reports. Gradio reads this when its Blocks are built.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr

from labeler.pages.layout import build_pages, theme
from labeler.project.workspace import Workspace
from labeler.runs.collect import collect_finished
from labeler.runs.sources import Sources, machine_sources
from labeler.server.errors import install_errors
from labeler.server.gradio_door import UPLOAD, GradioDoor
from labeler.server.routes import build_api
from labeler.server.security import FILES, FreshFiles, LimitedBody, SameOrigin, TokenGate

logger = logging.getLogger("labeler")
STATIC = Path(__file__).parent.parent / "static"
HOSTS = ("127.0.0.1", "localhost")
#: Maximum size of one uploaded picture.
LARGEST_UPLOAD = "200mb"
#: Maximum bytes of another request: the batch of all faces of a large project has three million.
LARGEST_BODY = 8_000_000
STYLES = "".join(
    f'<link rel="stylesheet" href="{FILES}/{name}.css">'
    for name in (
        "shell/tokens",
        "shell/shell",
        "shell/figures",
        "face/workbench",
        "label/label",
        "review/review",
        "schema/schema",
    )
)


def build_app(
    workspace: Workspace,
    *,
    token: str | None,
    uploads: Path,
    sources: Sources | None = None,
    collect_seconds: float = 1.0,
) -> FastAPI:
    """The application for the projects of `workspace`.

    The address `/?token=` starts a session with a cookie, and requests without one get status 401. With `token` None,
    all users of this machine have access. Gradio keeps uploaded files in the folder `uploads`. `sources` defaults to
    all sources available to the workspace on this machine. While the application runs, it collects the predictions of
    finished runs every `collect_seconds`, even if no page is open.
    """
    app = FastAPI(
        title="mdmd labeler",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lambda app: _collecting(workspace, collect_seconds),
    )
    install_errors(app)
    app.include_router(build_api(workspace))
    app.mount(FILES, StaticFiles(directory=STATIC), name="files")
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)  # read when Blocks are built
    pages = build_pages(workspace, sources or machine_sources(workspace.root))
    app.add_middleware(GradioDoor, handlers=_handlers(pages), uploads=uploads, own=("/api/", FILES + "/"))
    app.add_middleware(LimitedBody, limit=LARGEST_BODY, uploads=UPLOAD)
    app.add_middleware(FreshFiles)
    app.add_middleware(SameOrigin)
    if token is not None:
        app.add_middleware(TokenGate, token=token)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS))
    return gr.mount_gradio_app(
        app,
        pages,
        path="/",
        footer_links=[],
        run_history=False,
        enable_monitoring=False,
        ssr_mode=False,
        mcp_server=False,
        show_error=False,
        max_file_size=LARGEST_UPLOAD,
        favicon_path=str(STATIC / "favicon.svg"),
        theme=theme(),
        head=STYLES,
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
    )


def _handlers(pages: gr.Blocks) -> dict[int, list[str]]:
    """The handlers of the pages that run here and not in the browser, with the kinds of their inputs."""
    return {
        index: [type(component).__name__ for component in function.inputs]
        for index, function in pages.fns.items()
        if function.fn is not None
    }


@asynccontextmanager
async def _collecting(workspace: Workspace, seconds: float) -> AsyncIterator[None]:
    """Collect the predictions of finished runs every so many `seconds`. An error is logged once, until it changes."""
    since = time.time()

    async def repeat() -> None:
        logged: dict[str, str] = {}
        while True:
            problems = await to_thread.run_sync(collect_finished, workspace, since)
            for name, problem in problems.items():
                if logged.get(name) != problem:
                    logger.warning("project %s: %s", name, problem)
            logged = problems
            await asyncio.sleep(seconds)

    task = asyncio.create_task(repeat())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
