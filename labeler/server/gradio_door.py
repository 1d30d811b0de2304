"""What a browser may ask of Gradio: the pages with their files, uploads, and handlers with values that fit.

Gradio has many more routes than the pages use. Its handlers take any JSON: a text with the form of a file would be
copied into the upload folder and served from there, whatever file of this machine it names.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from labeler.server.security import replayed

#: What the pages ask for, and what Gradio's own script asks for on every page.
PAGES = {"/", "/config", "/theme.css", "/favicon.ico", "/manifest.json", "/robots.txt", "/gradio_api/startup-events"}
FILES = ("/assets/", "/static/", "/gradio_api/heartbeat/")
UPLOAD, CALLS = "/gradio_api/upload", {"/gradio_api/run/predict", "/gradio_api/queue/join"}
STREAMS = {"/gradio_api/queue/data": "session_hash", "/gradio_api/upload_progress": "upload_id"}
FILE = "/gradio_api/file="
#: The longest text that a field takes, and the longest name of a browser tab's session or upload.
LONGEST, LONGEST_ID = 10_000, 64
MOST_FILES = 100_000
#: What Gradio's script says of a call beside its values. Nothing else is passed on.
FIELDS = ("data", "event_data", "fn_index", "trigger_id", "session_hash")


class UnfitError(Exception):
    """A call that no page of this tool makes, with what was found."""


class GradioDoor:
    """Passes on the requests that the pages make, and refuses all others.

    `handlers` are the handlers of the pages by number, with the kinds of their inputs ("Textbox"). Files are served
    from the folder `uploads` only. Paths that begin with one of `own` do not lead to Gradio and are passed on.
    """

    def __init__(
        self, app: ASGIApp, handlers: Mapping[int, Sequence[str]], uploads: Path, own: tuple[str, ...]
    ) -> None:
        self.app = app
        self.handlers = handlers
        self.uploads = uploads
        self.own = own
        self.kinds: Mapping[str, tuple[Callable[[Any], bool], str]] = {
            "Textbox": (_is_text, "text"),
            "Dropdown": (_is_text, "one of its choices"),
            "Radio": (_is_text, "one of its choices"),
            "Checkbox": (lambda value: isinstance(value, bool), "true or false"),
            "Number": (_is_number, "a number"),
            "File": (self._are_uploads, "uploaded files"),
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(self.own):
            await self.app(scope, receive, send)
            return
        path, reads = scope["path"], scope["method"] in ("GET", "HEAD")
        if scope["method"] == "POST" and path in CALLS:
            await self._call(scope, receive, send)
        elif scope["method"] == "POST" and path == UPLOAD:
            await self._upload(scope, receive, send)
        elif reads and (path in PAGES or path.startswith(FILES) or self._is_stream(scope) or self._is_upload(path)):
            await self.app(scope, receive, send)
        else:
            await JSONResponse({"error": f"there is nothing at {path[:200]}"}, status_code=404)(scope, receive, send)

    def _is_stream(self, scope: Scope) -> bool:
        wanted = STREAMS.get(scope["path"])
        given = parse_qs(scope["query_string"].decode("latin-1")).get(wanted or "", [])
        return len(given) == 1 and _is_id(given[0])

    def _is_upload(self, path: str) -> bool:
        return path.startswith(FILE) and self._in_uploads(path.removeprefix(FILE))

    def _in_uploads(self, path: str) -> bool:
        try:
            file = Path(path).resolve(strict=True)
        except (OSError, ValueError, RuntimeError):  # gone, too long, a NUL in it, links in a circle
            return False
        return file.is_file() and file.is_relative_to(self.uploads.resolve())

    async def _upload(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Gradio answers a form that it cannot read, such as one with an unnamed file, as a fault. It becomes 422."""
        held: list[Message] = []

        async def hold(message: Message) -> None:
            if held or message.get("status") == 500:
                held.append(message)
            else:
                await send(message)

        try:
            await self.app(scope, receive, hold)
        except (TypeError, ValueError):
            refusal = JSONResponse({"error": "found an upload that is no form with named files"}, status_code=422)
            await refusal(scope, receive, send)
            return
        for message in held:
            await send(message)

    async def _call(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = (await receive()).get("body", b"")  # whole: see LimitedBody
        try:
            checked = self.checked(body)
        except UnfitError as error:
            await JSONResponse({"error": str(error)}, status_code=422)(scope, receive, send)
            return
        kept = [(name, value) for name, value in scope["headers"] if name not in (b"content-length", b"content-type")]
        kept += [(b"content-length", str(len(checked)).encode()), (b"content-type", b"application/json")]
        await self.app({**scope, "headers": kept}, replayed(checked, receive), _with_own_status(send))

    def checked(self, body: bytes) -> bytes:
        """The call in `body` as JSON, with the fields that Gradio needs. Raises UnfitError."""
        try:
            call = json.loads(body)
        except (ValueError, RecursionError):
            raise UnfitError("found a body that is not JSON, wanted the call of a handler") from None
        if not isinstance(call, dict):
            raise UnfitError(f"found {_kind(call)}, wanted the call of a handler")
        index, data = call.get("fn_index"), call.get("data")
        inputs = self.handlers.get(index) if type(index) is int else None
        if inputs is None:
            raise UnfitError(f"found no handler {str(index)[:20]}")
        if not isinstance(data, list) or len(data) != len(inputs):
            raise UnfitError(f"handler {index}: found {_kind(data)}, wanted a list of {len(inputs)} values")
        for place, (value, kind) in enumerate(zip(data, inputs, strict=True)):
            fits, wanted = self.kinds[kind]
            if not fits(value):
                raise UnfitError(f"handler {index}, value {place}: found {_kind(value)}, wanted {wanted}")
        if not isinstance(call.get("session_hash"), str) or not _is_id(call["session_hash"]):
            raise UnfitError("found no session of a browser tab")
        if type(call.get("trigger_id")) not in (int, type(None)):
            raise UnfitError("found a trigger that is not a number")
        if not _is_event(call.get("event_data")):
            raise UnfitError("found event data that no component sends")
        return json.dumps({name: call.get(name) for name in FIELDS}).encode()

    def _are_uploads(self, value: Any) -> bool:
        return value is None or (
            isinstance(value, list) and len(value) <= MOST_FILES and all(self._is_file(one) for one in value)
        )

    def _is_file(self, value: Any) -> bool:
        """Whether `value` is what Gradio's upload has answered for a file."""
        if not isinstance(value, dict) or not isinstance(value.get("path"), str) or "url" not in value:
            return False
        texts = (value["path"], value["url"], value.get("orig_name"), value.get("mime_type"))
        return (
            all(_is_text(text) for text in texts)
            and _is_number(value.get("size"))
            and value.get("meta") == {"_type": "gradio.FileData"}
            and not value.get("is_stream")
            and self._in_uploads(value["path"])
        )


def _is_text(value: Any) -> bool:
    if value is None:
        return True
    return isinstance(value, str) and len(value) <= LONGEST and "\0" not in value and _is_unicode(value)


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _is_number(value: Any) -> bool:
    # A whole number may be too long to become a float.
    return value is None or (type(value) in (int, float) and abs(value) < 1e12 and math.isfinite(value))


def _is_id(text: str) -> bool:
    return 0 < len(text) <= LONGEST_ID and text.isascii() and text.isalnum()


def _is_event(value: Any) -> bool:
    """Whether `value` is what a tab, a choice or a field says of an event: texts and numbers by name."""
    if value is None:
        return True
    plain = value.values() if isinstance(value, dict) else [value]
    flat = [one for part in plain for one in (part if isinstance(part, list) else [part])]
    return len(flat) <= 100 and all(isinstance(one, bool) or _is_text(one) or _is_number(one) for one in flat)


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return f"a list of {len(value)} values"
    names = {dict: "an object", str: "a text", bool: "true or false", type(None): "nothing"}
    return names.get(type(value), "a number")


def _with_own_status(send: Send) -> Send:
    """Gradio answers a handler's message to the user (gr.Error) with status 500, as it does a fault. It becomes 422."""
    start: Message = {}
    body = b""

    async def send_later(message: Message) -> None:
        nonlocal start, body
        if message["type"] == "http.response.start":
            start = message
            if message["status"] != 500:
                await send(message)
        elif start.get("status") != 500:
            await send(message)
        else:
            body += message.get("body", b"")
            if not message.get("more_body", False):
                try:
                    told = isinstance(json.loads(body).get("error"), str)
                except (ValueError, AttributeError):
                    told = False
                await send({**start, "status": 422 if told else 500})
                await send({"type": "http.response.body", "body": body})

    return send_later
