"""Access control: the token and its sessions, the origin of requests, their size, and security headers."""

from __future__ import annotations

import html
import secrets
from urllib.parse import parse_qsl, urlencode

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labeler.html.static_files import FILES, kept_files

#: What browsers ask for beside a page, without its cookies. It says no more than the page of a locked labeler does.
ICON, MANIFEST = FILES + "/favicon.svg", "/manifest.json"
OPEN = (ICON, MANIFEST, "/favicon.ico", "/robots.txt")
LOCKED = "This labeler is locked: open the address with ?token=... that `labeler open` printed in its terminal."


class TokenGate:
    """Allows requests with the cookie of a session, and all for the paths in OPEN.

    The address `/?token=` starts a session, as often as it is opened.

    Sessions are random and kept in memory, so that token and cookies are worth nothing after the server has ended. A
    plain ASGI middleware around everything except the host check, so that it covers pages, routes, files and uploads.
    """

    def __init__(self, app: ASGIApp, token: str) -> None:
        self.app = app
        self.token = token
        self.sessions: set[str] = set()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})  # nothing here uses websockets
        elif self._has_token(scope):
            await self._welcome(scope)(scope, receive, send)
        elif scope["path"] in OPEN or self._signed_in(scope):
            await self.app(scope, receive, send)
        elif scope["path"].startswith("/api/"):
            await JSONResponse({"error": LOCKED}, status_code=401)(scope, receive, send)
        else:
            await PlainTextResponse(LOCKED, status_code=401)(scope, receive, send)

    def _has_token(self, scope: Scope) -> bool:
        offered = [value for key, value in _query(scope) if key == "token"]
        return (
            (scope["method"], scope["path"]) == ("GET", "/")
            and len(offered) == 1
            and secrets.compare_digest(offered[0].encode(), self.token.encode())
        )

    def _signed_in(self, scope: Scope) -> bool:
        return cookie_parser(Headers(scope=scope).get("cookie", "")).get(_cookie(scope)) in self.sessions

    def _welcome(self, scope: Scope) -> ASGIApp:
        """A page that sets the cookie and opens the same address without the token.

        A redirect would not do: a browser that comes from the launcher's file counts it as another site's, and sends
        no strict cookie along.
        """
        rest = urlencode([(key, value) for key, value in _query(scope) if key != "token"])
        place = html.escape("/" + ("?" + rest if rest else ""))
        answer = HTMLResponse(
            f'<!doctype html><title>mdmd labeler</title><meta http-equiv="refresh" content="0; url={place}">',
            headers={"Cache-Control": "no-store"},
        )
        session = secrets.token_urlsafe(24)
        self.sessions.add(session)
        answer.set_cookie(_cookie(scope), session, httponly=True, samesite="strict", path="/")
        return answer


def _query(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)


def _cookie(scope: Scope) -> str:
    """The name of the session's cookie. Browsers send a host's cookies to all its ports, so each port has its own."""
    return f"mdmd_{scope['server'][1]}"


class SameOrigin:
    """Refuses requests that, by the browser's headers, come from a page of another origin, another port included.

    Only opening a page is allowed, because links lead here. The answers tell no other origin that it may read them.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_without_sharing(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name in [name for name in headers if name.startswith("access-control-")]:
                    del headers[name]
                headers["Cross-Origin-Resource-Policy"] = "same-origin"
            await send(message)

        if scope["type"] == "http" and _is_foreign(scope["method"], Headers(scope=scope)):
            refusal = JSONResponse({"error": "this request comes from another site's page"}, status_code=403)
            await refusal(scope, receive, send)
        else:
            await self.app(scope, receive, send_without_sharing)


def _is_foreign(method: str, headers: Headers) -> bool:
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None and origin not in {f"{scheme}://{headers.get('host', '')}" for scheme in ("http", "https")}:
        return True
    opens_page = method == "GET" and headers.get("sec-fetch-mode") == "navigate"
    return site in ("cross-site", "same-site") and not opens_page


class LimitedBody:
    """Refuses requests with a body of more than `limit` bytes before all of it is read, except uploads of files."""

    def __init__(self, app: ASGIApp, limit: int, uploads: str) -> None:
        self.app = app
        self.limit = limit
        self.uploads = uploads

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].rstrip("/") == self.uploads:
            await self.app(scope, receive, send)
            return
        length = Headers(scope=scope).get("content-length", "0")
        body, more = b"", True
        too_long = not length.isdecimal() or int(length) > self.limit
        while more and not too_long:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message.get("body", b"")
            more = message.get("more_body", False)
            too_long = len(body) > self.limit
        if too_long:
            said = f"the request has more than {self.limit / 1e6:g} MB, which no page of this tool sends"
            await JSONResponse({"error": said}, status_code=413)(scope, receive, send)
            return
        await self.app(scope, replayed(body, receive), send)


def replayed(body: bytes, receive: Receive) -> Receive:
    """A `receive` that gives the whole `body` of a request, and after it what `receive` gives."""
    given = False

    async def receive_again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return receive_again


class FreshFiles:
    """Makes browsers keep this tool's scripts where their address changes with them, and ask for them elsewhere.

    Forbids other sites to frame the pages.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["X-Frame-Options"] = "SAMEORIGIN"
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers["Referrer-Policy"] = "same-origin"
                if scope["path"].startswith(kept_files() + "/") and message["status"] < 400:
                    headers["Cache-Control"] = "private, max-age=31536000, immutable"
                elif scope["path"].startswith(FILES + "/"):
                    headers["Cache-Control"] = "no-cache"
            await send(message)

        await self.app(scope, receive, send_with_headers if scope["type"] == "http" else send)
