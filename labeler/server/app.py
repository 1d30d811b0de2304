"""The whole tool as one web application: routes of the canvas, its files, the Gradio pages, and who may come in."""

from __future__ import annotations

import os
from pathlib import Path

from fastapi import FastAPI
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.staticfiles import StaticFiles

# Gradio reads this when its Blocks are built, and would report them to its makers.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr

from labeler.pages.layout import build_pages, theme
from labeler.project.workspace import Workspace
from labeler.runs.sources import Sources, machine_sources
from labeler.server.errors import install_errors
from labeler.server.routes import build_api
from labeler.server.security import FILES, FreshFiles, SameOrigin, TokenGate

STATIC = Path(__file__).parent.parent / "static"
HOSTS = ("127.0.0.1", "localhost")
#: Pictures are uploaded one by one; a single one above this is refused.
LARGEST_UPLOAD = "200mb"
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


def build_app(workspace: Workspace, *, token: str | None, sources: Sources | None = None) -> FastAPI:
    """The application for the projects of `workspace`.

    Whoever opens it with `?token=` gets a cookie, all others a 401 with one sentence; with `token` None anybody
    on this machine may use it. `sources` is by default all that this machine has for the workspace.
    """
    app = FastAPI(title="mdmd labeler", docs_url=None, redoc_url=None, openapi_url=None)
    install_errors(app)
    app.include_router(build_api(workspace))
    app.mount(FILES, StaticFiles(directory=STATIC), name="files")
    app.add_middleware(FreshFiles)
    app.add_middleware(SameOrigin)
    if token is not None:
        app.add_middleware(TokenGate, token=token)
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=list(HOSTS))
    pages = build_pages(workspace, sources or machine_sources(workspace.root))
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
