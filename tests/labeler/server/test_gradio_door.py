"""What is refused of the calls to Gradio's routes and handlers, of which the pages make few."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

# Gradio's own dependencies are not ours to keep quiet.
pytestmark = pytest.mark.filterwarnings("ignore::Warning")

#: The handler that makes the demo and starts a training: without values there is nothing about it that could not fit.
DEMO = "try_demo"
SECRET = "the content of a file of this machine"


def handlers(client: TestClient) -> dict[int, int]:
    """The handlers of the pages by number, with the number of their values."""
    found = client.get("/config").json()["dependencies"]
    return {one["id"]: len(one["inputs"]) for one in found if one["backend_fn"] and one["api_name"] != DEMO}


def call(client: TestClient, route: str, body: Any) -> Any:
    return client.post(f"/gradio_api/{route}", content=body if isinstance(body, bytes) else json.dumps(body))


def body(index: Any, data: Any, **fields: Any) -> dict[str, Any]:
    return {"fn_index": index, "data": data, "session_hash": "abc123", **fields}


@pytest.fixture(scope="module")
def secret(folder: Path) -> Path:
    """A file of the server's user outside of the projects."""
    file = folder / "secret.txt"
    file.write_text(SECRET)
    return file


def file_data(path: Any, **fields: Any) -> dict[str, Any]:
    given = {"path": str(path), "url": None, "orig_name": "x.png", "size": 3, "mime_type": "image/png"}
    return {**given, "is_stream": False, "meta": {"_type": "gradio.FileData"}, **fields}


def plain_values(free: TestClient, route: str, index: int, count: int, secret: Path) -> list[bool | None]:
    """Nothing for each value of a handler, but for those that must be true or false."""
    values: list[bool | None] = [None] * count
    while True:
        error = call(free, route, body(index, values, event_data=file_data(secret))).json()["error"]
        wanted = re.match(rf"handler {index}, value (\d+): found nothing, wanted true or false", error)
        if wanted is None:
            return values
        values[int(wanted[1])] = True


@pytest.mark.parametrize("route", ["run/predict", "queue/join"])
def test_no_value_of_any_handler_makes_a_file_of_this_machine_readable(
    free: TestClient, folder: Path, secret: Path, route: str
) -> None:
    uploads = folder / "uploads"
    posed = [
        file_data(secret),
        [file_data(secret)],
        {"path": str(secret), "meta": {"_type": "gradio.FileData"}},
        file_data(uploads / ".." / "secret.txt"),
        [file_data(f"file://{secret}"), file_data("http://127.0.0.1:1/x")],
        file_data("/etc/passwd", url="http://127.0.0.1:1/x"),
        {"value": file_data(secret)},
        {"__type__": "update", "value": file_data(secret)},
    ]
    for index, count in handlers(free).items():
        plain = plain_values(free, route, index, count, secret)
        for place in range(count):
            for value in posed:
                answer = call(free, route, body(index, [value if k == place else plain[k] for k in range(count)]))
                assert answer.status_code == 422, (index, value)
                assert answer.json()["error"].startswith(f"handler {index}, value {place}: found ")
        answer = call(free, route, body(index, [None] * count, event_data=file_data(secret)))
        assert answer.status_code == 422
    kept = [file for file in uploads.rglob("*") if file.is_file()]
    assert not [file for file in kept if SECRET in file.read_text(errors="replace")]


def test_files_are_served_from_the_uploads_only(free: TestClient, folder: Path, secret: Path) -> None:
    [kept] = free.post("/gradio_api/upload", files={"files": ("a.png", b"an upload")}).json()
    assert free.get(f"/gradio_api/file={kept}").content == b"an upload"
    (folder / "uploads" / "link.txt").symlink_to(secret)
    for path in (
        secret,
        folder / "uploads" / "link.txt",
        folder / "uploads" / ".." / "secret.txt",
        folder / "projects" / "faces" / "labels.db",
        folder / "uploads",
        Path(__file__),
        "/etc/passwd",
        "%00",
        "a" * 5000,
        "http://127.0.0.1:1/x",
    ):
        answer = free.get(f"/gradio_api/file={path}")
        assert answer.status_code == 404
        assert SECRET not in answer.text
        assert free.get(f"/gradio_api/proxy=http://127.0.0.1:1/{path}").status_code == 404


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/gradio_api/run/show"),
        ("POST", "/gradio_api/api/predict"),
        ("POST", "/gradio_api/call/show"),
        ("POST", "/gradio_api/call/v2/show"),
        ("POST", "/gradio_api/component_server"),
        ("POST", "/gradio_api/process_recording"),
        ("POST", "/gradio_api/vibe-edit"),
        ("GET", "/gradio_api/vibe-code"),
        ("POST", "/gradio_api/stream/x"),
        ("GET", "/gradio_api/deep_link"),
        ("GET", "/gradio_api/runs"),
        ("GET", "/gradio_api/info"),
        ("GET", "/gradio_api/file/etc/passwd"),
        ("GET", "/gradio_api/queue/data"),
        ("GET", "/gradio_api/upload_progress"),
        ("GET", "/gradio_api/queue/data?session_hash=../../etc"),
        ("PUT", "/"),
        ("POST", "/login"),
        ("GET", "/monitoring/summary"),
        ("GET", "/svelte/x"),
    ],
)
def test_routes_that_no_page_asks_for_are_closed(free: TestClient, method: str, path: str) -> None:
    answer = free.request(method, path, content=b"{}" if method == "POST" else None)
    assert answer.status_code == 404
    assert answer.json()["error"].startswith("there is nothing at ")


ODD_VALUES: list[Any] = [
    True,
    -1,
    1e300,
    10**400,
    "text",
    "\0",
    "\ud800",
    "x" * 100_000,
    [],
    [None],
    {},
    {"value": 1},
    [[[[1]]]],
]


def test_every_handler_refuses_what_does_not_fit_and_none_fails(free: TestClient) -> None:
    for index, count in handlers(free).items():
        odd = [
            body(index, [value if k == place else None for k in range(count)])
            for place in range(count)
            for value in ODD_VALUES
        ]
        odd += [body(index, [None] * (count + 1)), body(index, None), body(index, {}), body(index, [None] * count)]
        for one in odd:
            answer = call(free, "run/predict", one)
            assert answer.status_code in (200, 422), (one, answer.text)
            assert "Traceback" not in answer.text


#: Stands for a handler without values.
ANY = -1


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (b"", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"fn_index": ' + b"9" * 6000 + b"}", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        ([], "a list of 0 values, wanted the call of a handler"),
        (body(9999, []), "no handler 9999"),
        (body(True, []), "no handler True"),
        (body("show", []), "no handler show"),
        (body(None, []), "no handler None"),
        (body(ANY, [], session_hash="../x"), "no session"),
        (body(ANY, [], session_hash=None), "no session"),
        (body(ANY, [], session_hash={"a": 1}), "no session"),
        (body(ANY, [], trigger_id="x"), "a trigger that is not a number"),
        (body(ANY, [], event_data={"a": {"b": 1}}), "event data that no component sends"),
    ],
)
def test_a_call_that_is_none_is_refused_in_a_sentence(free: TestClient, odd: Any, said: str) -> None:
    if isinstance(odd, dict) and odd["fn_index"] == ANY:
        odd["fn_index"] = next(index for index, count in handlers(free).items() if count == 0)
    for route in ("run/predict", "queue/join"):
        answer = call(free, route, odd)
        assert answer.status_code == 422
        assert said in answer.json()["error"]


def test_a_handler_of_the_browser_alone_is_not_called(free: TestClient) -> None:
    found = free.get("/config").json()["dependencies"]
    [first, *_] = [one for one in found if not one["backend_fn"]]
    answer = call(free, "run/predict", body(first["id"], [None] * len(first["inputs"])))
    assert "no handler" in answer.json()["error"]


def test_a_message_to_the_user_is_no_fault_of_the_server(free: TestClient) -> None:
    """A Dropdown refuses a value that is not among its choices with gr.Error."""
    found = free.get("/config").json()
    kinds = {one["id"]: one["type"] for one in found["components"]}
    one = next(
        d
        for d in found["dependencies"]
        if d["backend_fn"] and not d["queue"] and [kinds[i] for i in d["inputs"]] == ["radio"]
    )
    answer = call(free, "run/predict", body(one["id"], ["never"]))
    assert (answer.status_code, "never" in answer.json()["error"]) == (422, True)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def test_no_call_that_can_be_thought_of_fails(free: TestClient, folder: Path) -> None:
    known = handlers(free)
    outside = lambda: {path for path in folder.rglob("*") if not {"uploads", "projects"} & set(path.parts)}  # noqa: E731
    before = outside()

    @settings(max_examples=150)
    @given(
        st.sampled_from(sorted(known)) | st.integers() | JSON,
        st.lists(JSON, max_size=5) | JSON,
        st.dictionaries(st.sampled_from(["event_data", "trigger_id", "session_hash", "event_id", "batched"]), JSON),
        st.sampled_from(["run/predict", "queue/join"]),
    )
    def fuzz(index: Any, data: Any, fields: dict[str, Any], route: str) -> None:
        count = known.get(index) if type(index) is int else None
        if count is not None and isinstance(data, list):
            data = (data + [None] * count)[:count]
        answer = call(free, route, {**body(index, data), **fields})
        assert answer.status_code in (200, 422), answer.text
        assert "Traceback" not in answer.text

    fuzz()
    assert outside() == before


@pytest.mark.parametrize(
    "name", ["../../evil.png", "/etc/evil.png", "a/../../b.png", "x" * 5000 + ".png", "\u202egnp.exe", ".png", ""]
)
def test_an_upload_stays_in_the_uploads_whatever_it_is_called(free: TestClient, folder: Path, name: str) -> None:
    answer = free.post("/gradio_api/upload", files={"files": (name, b"an upload")})
    assert answer.status_code < 500
    if answer.status_code == 200:
        assert all(Path(kept).resolve().is_relative_to(folder / "uploads") for kept in answer.json())
    assert not list(folder.parent.rglob("evil*")) or all(
        "uploads" in path.parts for path in folder.parent.rglob("evil*")
    )


@pytest.mark.parametrize(
    ("kind", "content"),
    [
        ("multipart/form-data", b"x"),
        ("multipart/form-data; boundary=a", b"--a\r\nbroken"),
        ("multipart/form-data; boundary=a", b"--a\r\nContent-Disposition: form-data; name=x\r\n\r\n1\r\n--a--\r\n"),
        ("multipart/form-data; boundary=" + "a" * 5000, b""),
        ("application/json", b"{}"),
        ("", b""),
    ],
)
def test_an_upload_that_is_none_brings_no_file_and_is_no_fault(free: TestClient, kind: str, content: bytes) -> None:
    answer = free.post("/gradio_api/upload", content=content, headers={"Content-Type": kind})
    assert answer.status_code < 500
    assert answer.status_code >= 400 or answer.json() == []
