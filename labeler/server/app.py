"""The whole tool as one web application: routes of the canvas, its files, the Gradio pages, and who may come in."""

from __future__ import annotations

import hashlib
import os
import secrets
from pathlib import Path
from urllib.parse import parse_qsl, urlencode

from fastapi import FastAPI
from starlette.datastructures import Headers, MutableHeaders
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Gradio reads this when its Blocks are built, and would report them to its makers.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr

from labeler.pages.layout import build_pages, theme
from labeler.project.workspace import Workspace
from labeler.runs.sources import Sources, machine_sources
from labeler.server.routes import build_api, install_errors

STATIC = Path(__file__).parent.parent / "static"
HOSTS = ("127.0.0.1", "localhost")
#: Pictures are uploaded one by one; a single one above this is refused.
LARGEST_UPLOAD = "200mb"
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
#: Where our scripts and styles are served; /static is Gradio's.
FILES = "/ui"
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
LOCKED = "This labeler is locked: open the address with ?token=... that `labeler open` printed in its terminal."


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


class TokenGate:
    """Lets in requests whose cookie holds the token; trades `?token=` in an address for that cookie.

    Plain ASGI and outermost but for the host check: pages, routes, files and uploads all pass here.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app = app
        self.token = token
        # Cookies are shared by all ports of a host: two labelers must not sign each other out.
        self.cookie = "mdmd_" + hashlib.sha256(token.encode()).hexdigest()[:12]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self._signed_in(Headers(scope=scope)):
            await self.app(scope, receive, send)
        elif scope["type"] == "http":
            await self._welcome(scope)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008})

    def _signed_in(self, headers: Headers) -> bool:
        held = cookie_parser(headers.get("cookie", "")).get(self.cookie)
        return held is not None and self._same(held)

    def _same(self, candidate: str) -> bool:
        return secrets.compare_digest(candidate.encode(), self.token.encode())

    def _welcome(self, scope: Scope) -> ASGIApp:
        query = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        offered = next((value for key, value in query if key == "token"), None)
        if scope["method"] != "GET" or offered is None or not self._same(offered):
            if scope["path"].startswith("/api/"):
                return JSONResponse({"error": LOCKED}, status_code=401)
            return PlainTextResponse(LOCKED, status_code=401)
        rest = urlencode([(key, value) for key, value in query if key != "token"])
        answer = RedirectResponse("/" + ("?" + rest if rest else ""), status_code=303)
        answer.set_cookie(self.cookie, self.token, httponly=True, samesite="strict", path="/")
        return answer


class SameOrigin:
    """Refuses requests that change something when a browser says that another site's page made them."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["method"] not in SAFE_METHODS and self._is_foreign(Headers(scope=scope)):
            refusal = JSONResponse({"error": "this request comes from another site's page"}, status_code=403)
            await refusal(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    @staticmethod
    def _is_foreign(headers: Headers) -> bool:
        origin = headers.get("origin")
        own = {f"{scheme}://{headers.get('host', '')}" for scheme in ("http", "https")}
        return (origin is not None and origin not in own) or headers.get("sec-fetch-site") in (
            "cross-site",
            "same-site",
        )


class FreshFiles:
    """Makes browsers ask whether our own scripts have changed, and keeps other sites from framing the pages."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Frame-Options"] = "SAMEORIGIN"
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers["Referrer-Policy"] = "same-origin"
                if scope["path"].startswith(FILES + "/"):
                    headers["Cache-Control"] = "no-cache"
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)
