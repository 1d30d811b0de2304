"""Access control: the token, the origin of requests, and security headers."""

from __future__ import annotations

import hashlib
import secrets
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import JSONResponse, PlainTextResponse, RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
#: The path of this tool's scripts and styles; /static is Gradio's.
FILES = "/ui"
LOCKED = "This labeler is locked: open the address with ?token=... that `labeler open` printed in its terminal."


class TokenGate:
    """Allows requests whose cookie contains the token, and sets that cookie for an address with `?token=`.

    A plain ASGI middleware around everything except the host check, so that it covers pages, routes, files and uploads.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app = app
        self.token = token
        # Cookies are shared by all ports of a host, so each labeler needs its own cookie name.
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
    """Refuses requests that change something if, by the browser's headers, they come from another site."""

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
    """Makes browsers revalidate this tool's scripts, and forbids other sites to frame the pages."""

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
