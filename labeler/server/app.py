"""The web application: the routes of the canvas, static files, the Gradio pages, and access control."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import JSONResponse
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.staticfiles import StaticFiles

# Turns off Gradio's usage reports. Gradio reads this when its Blocks are built.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr

from labeler.html.static_files import FILES, STATIC, kept_files
from labeler.pages.layout import build_pages, theme
from labeler.project.workspace import Workspace
from labeler.runs.background import Work
from labeler.runs.collect import collect_finished
from labeler.runs.model_exports import ModelExports
from labeler.runs.sources import Sources, machine_sources
from labeler.runs.trials import Trials
from labeler.server.errors import install_errors
from labeler.server.gradio_door import UPLOAD, GradioDoor
from labeler.server.routes import build_api
from labeler.server.security import ICON, MANIFEST, FreshFiles, LimitedBody, SameOrigin, TokenGate
from mdmd.errors import DataError

logger = logging.getLogger("labeler")
HOSTS = ("127.0.0.1", "localhost")
#: Maximum size of one uploaded picture.
LARGEST_UPLOAD = "200mb"
#: Maximum bytes of another request: the batch of all faces of a large project has three million.
LARGEST_BODY = 8_000_000
#: Seconds between looks at whether labels have changed that are carried over to other faces.
CARRY_SECONDS = 0.25
#: Seconds between looks at whether a project was opened in which nothing was cleared away yet.
CLEAR_SECONDS = 1.0
#: Seconds between looks at whether a copy of the labels is due, and the most that the mark beside them is behind.
SAFE_SECONDS = 1.0
#: Seconds between Gradio's looks at whether an event of a page waits.
EVENT_SECONDS = 0.02
STYLES = "".join(
    f'<link rel="stylesheet" href="{kept_files()}/{name}.css">'
    for name in (
        "shell/tokens",
        "shell/shell",
        "shell/figures",
        "face/workbench",
        "label/label",
        "review/review",
        "schema/schema",
        "project/matching",
    )
)


def build_app(
    workspace: Workspace,
    *,
    token: str | None,
    uploads: Path,
    sources: Sources | None = None,
    background: Sequence[Work] = (),
    collect_seconds: float = 1.0,
) -> FastAPI:
    """The application for the projects of `workspace`.

    The address `/?token=` starts a session with a cookie, and requests without one get status 401. With `token` None,
    all users of this machine have access. Gradio keeps uploaded files in the folder `uploads`, and pictures on which a
    model is tried, and models that are being exported, lie beside it. `sources` defaults to
    all sources available to the workspace on this machine. While the application runs, even if no page is open, it
    collects the predictions of finished runs every `collect_seconds`, carries labels over to other faces as soon as
    they change, and does the `background` work.
    """
    trials, exports = Trials(uploads.with_name("tries")), ModelExports(uploads.with_name("exporting"))
    app = FastAPI(
        title="mdmd labeler",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        lifespan=lambda app: _working(workspace, (*background, trials, exports), collect_seconds),
    )
    install_errors(app)
    app.include_router(build_api(workspace))
    app.add_api_route(MANIFEST, manifest)  # Gradio's names an icon that it does not serve
    for path in (kept_files(), FILES):
        app.mount(path, StaticFiles(directory=STATIC))
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)  # read when Blocks are built
    pages = build_pages(workspace, sources or machine_sources(workspace.root), trials, exports)
    app.add_middleware(GradioDoor, handlers=_handlers(pages), uploads=uploads, own=("/api/", FILES + "/"))
    app.add_middleware(LimitedBody, limit=LARGEST_BODY, uploads=UPLOAD)
    app.add_middleware(FreshFiles)
    app.add_middleware(SameOrigin)
    if token is not None:
        app.add_middleware(TokenGate, token=token)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS))
    # Gradio has no option for it, and looks every millisecond: 6 % of a core while nothing happens.
    pages._queue.sleep_when_free = EVENT_SECONDS
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


def manifest() -> JSONResponse:
    """What a browser needs to install the page as an application."""
    icon = {"src": ICON, "sizes": "any", "type": "image/svg+xml", "purpose": "any"}
    record = {"name": "mdmd labeler", "icons": [icon], "start_url": "/", "display": "standalone"}
    return JSONResponse(record, media_type="application/manifest+json")


def _handlers(pages: gr.Blocks) -> dict[int, list[str]]:
    """The handlers of the pages that run here and not in the browser, with the kinds of their inputs."""
    return {
        index: [type(component).__name__ for component in function.inputs]
        for index, function in pages.fns.items()
        if function.fn is not None
    }


@asynccontextmanager
async def _working(workspace: Workspace, background: Sequence[Work], seconds: float) -> AsyncIterator[None]:
    """Do the work that no request asks for while the application runs."""
    since = time.time()

    def steps_of(work: Work) -> Callable[[], dict[str, str]]:
        def step() -> dict[str, str]:
            work.step()
            return {}

        return step

    works = [
        (lambda: collect_finished(workspace, since), seconds),
        (lambda: carry_labels(workspace), CARRY_SECONDS),
        (workspace.clear_leftovers, CLEAR_SECONDS),
        (lambda: keep_safe(workspace), SAFE_SECONDS),
        *((steps_of(work), work.every) for work in background),
    ]
    # The pool's threads live as long as the application: Linux ends a process together with the thread that started it.
    with ThreadPoolExecutor(len(works), "background") as pool:
        tasks = [asyncio.create_task(_repeat(work, pause, pool)) for work, pause in works]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    for work in background:
        work.close()


async def _repeat(work: Callable[[], dict[str, str]], seconds: float, pool: ThreadPoolExecutor) -> None:
    """Call `work` in the `pool` every so many `seconds`. A project's problem is logged once, until it changes."""
    logged: dict[str, str] = {}
    while True:
        try:
            problems = await asyncio.get_running_loop().run_in_executor(pool, work)
        except Exception as error:  # an unexpected fault must not end the work for all projects
            problems = {"": repr(error)}
            if logged != problems:
                logger.exception("work in the background failed; it is tried again")
        for name, problem in problems.items():
            if name and logged.get(name) != problem:
                logger.warning("project %s: %s", name, problem)
        logged = problems
        await asyncio.sleep(seconds)


def carry_labels(workspace: Workspace) -> dict[str, str]:
    """Carry the labels of all open projects over to their other faces. Returns the problem of each that has one."""
    problems = {}
    for name in workspace.opened():
        try:
            project = workspace.open(name)
            project.carry_labels()  # first: a person waits for it
            project.judge_proposers()
        except (DataError, OSError) as error:
            problems[name] = f"labels cannot be carried over: {error}"
    return problems


def keep_safe(workspace: Workspace) -> dict[str, str]:
    """Mark, check and copy the labels of all open projects. Returns the problem of each that has one."""
    problems = {}
    for name in workspace.opened():
        try:
            safekeeping = workspace.open(name).safekeeping
            safekeeping.step()
            if safekeeping.warnings:
                problems[name] = "; ".join(safekeeping.warnings)
        except (DataError, OSError) as error:
            problems[name] = f"its labels cannot be kept safe: {error}"
    return problems
