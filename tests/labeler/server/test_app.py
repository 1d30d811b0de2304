"""Who may come in, and what the application serves to those who may."""

from __future__ import annotations

import asyncio
import re
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from labeler.html.static_files import STATIC, address_of, kept_files
from labeler.report.page import STYLES as REPORT_STYLES
from labeler.server.app import LARGEST_BODY, STYLES
from labeler.server.security import LimitedBody
from tests.labeler.server.conftest import HOME, TOKEN, application

# Gradio's own dependencies are not ours to keep quiet.
pytestmark = pytest.mark.filterwarnings("ignore::Warning")


EVERYWHERE = [
    "/",
    "/config",
    "/ui/boot.js",
    "/ui/shell/shell.css",
    "/api/projects/faces",
    "/api/projects/faces/pictures/1/image",
]


@pytest.mark.parametrize("path", EVERYWHERE)
def test_nothing_is_served_without_the_token(locked: TestClient, path: str) -> None:
    answer = locked.get(path)
    assert answer.status_code == 401
    assert "labeler open" in answer.text
    assert locked.get(path, params={"token": "wrong"}).status_code == 401
    assert locked.get(path, headers={"Cookie": "mdmd_x=1; mdmd=correct"}).status_code == 401


def test_what_browsers_ask_for_without_cookies_is_there(locked: TestClient) -> None:
    record = locked.get("/manifest.json").json()
    assert record["name"] == "mdmd labeler"
    [icon] = record["icons"]
    for path in ("/favicon.ico", "/robots.txt", icon["src"]):
        assert locked.get(path).status_code == 200
    for path in ("/manifest.json/..", "/ui/favicon.svg/../boot.js", "/favicon.ico/"):
        assert locked.get(path).status_code == 401


def test_posts_and_uploads_are_locked_too(locked: TestClient) -> None:
    assert locked.post("/api/projects/faces/faces/1/undo", json={}).status_code == 401
    assert locked.post("/gradio_api/upload", files={"files": b"x"}).status_code == 401
    assert locked.post(f"/gradio_api/queue/join?token={TOKEN}", json={}).status_code == 401


def test_the_token_becomes_a_cookie_and_leaves_the_address(locked: TestClient) -> None:
    answer = locked.get("/", params={"token": TOKEN, "project": "my faces"})
    assert answer.status_code == 200
    assert 'http-equiv="refresh" content="0; url=/?project=my+faces"' in answer.text
    assert TOKEN not in answer.text + str(answer.headers)
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    for path in EVERYWHERE:
        assert locked.get(path).status_code == 200


def test_a_cookie_of_another_program_on_this_host_locks_no_user_out(locked: TestClient) -> None:
    cookie = locked.get("/", params={"token": TOKEN}).headers["set-cookie"].split(";")[0]
    locked.cookies.clear()
    assert locked.get("/", headers={"Cookie": f'prefs={{"theme": "dark"}}; {cookie}'}).status_code == 200


def session_of(client: TestClient, home: str = HOME) -> tuple[str, str]:
    """Name and value of the cookie that the token is exchanged for."""
    name, _, value = client.get(f"{home}/", params={"token": TOKEN}).headers["set-cookie"].split(";")[0].partition("=")
    return name, value


def test_every_browser_gets_a_session_of_its_own_that_no_other_server_takes(locked: TestClient, folder: Path) -> None:
    (name, first), (_, second) = session_of(locked), session_of(locked)
    assert len({TOKEN, first, second}) == 3
    for value, status in ((first, 200), (second, 200), (TOKEN, 401), ("", 401)):
        locked.cookies.clear()
        assert locked.get("/", headers={"Cookie": f"{name}={value}"}).status_code == status
    with application(folder, TOKEN) as again:  # even with the same token
        assert again.get("/", headers={"Cookie": f"{name}={first}"}).status_code == 401


def test_two_labelers_on_one_host_do_not_share_a_cookie(locked: TestClient) -> None:
    first, _ = session_of(locked)
    second, _ = session_of(locked, "http://127.0.0.1:8001")
    assert first != second


def test_an_address_with_the_token_never_reaches_a_page_that_could_pass_it_on(locked: TestClient) -> None:
    session_of(locked)  # signed in
    again = locked.get("/", params={"token": TOKEN, "project": "<faces>"})
    assert 'url=/?project=%3Cfaces%3E"' in again.text
    assert locked.get("/config", params={"token": TOKEN}).status_code == 200  # as for all who are signed in
    locked.cookies.clear()
    for path in ("/config", "/api/projects/faces", "/ui/boot.js"):
        assert locked.get(path, params={"token": TOKEN}).status_code == 401


def test_without_a_token_every_user_of_this_machine_comes_in(free: TestClient) -> None:
    for path in EVERYWHERE:
        assert free.get(path).status_code == 200


def test_other_hosts_and_other_sites_are_refused(free: TestClient) -> None:
    assert free.get("/", headers={"Host": "evil.example"}).status_code == 400
    undo = "/api/projects/faces/faces/1/undo"
    for headers in (
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        assert free.get("/config", headers=headers).status_code == 403
        assert free.get("/api/projects/faces/pictures/1/image", headers=headers).status_code == 403
        assert free.options("/config", headers=headers).status_code == 403
        assert free.post(undo, json={}, headers=headers).status_code == 403
        assert free.post("/gradio_api/upload", headers=headers).status_code == 403
    assert free.post(undo, json={}, headers={"Origin": HOME}).status_code == 409  # let in; there is nothing to undo


def test_a_link_of_another_site_may_open_the_page(free: TestClient) -> None:
    headers = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert free.get("/", headers=headers).status_code == 200
    assert free.post("/gradio_api/run/predict", headers=headers).status_code == 403


@pytest.mark.parametrize("path", ["/", "/config", "/api/projects/faces", "/ui/boot.js"])
def test_no_answer_is_shared_with_another_origin(free: TestClient, path: str) -> None:
    for origin in (HOME, "http://127.0.0.1:9999"):
        answer = free.get(path, headers={"Origin": origin, "Host": "127.0.0.1:8000"})
        assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert free.get(path).headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/api/projects/faces/faces/1/undo", "/gradio_api/run/predict"])
def test_a_body_that_no_page_sends_is_refused(free: TestClient, path: str) -> None:
    answer = free.post(path, content=b" " * (LARGEST_BODY + 1))
    assert (answer.status_code, "8 MB" in answer.json()["error"]) == (413, True)


@pytest.mark.parametrize("length", [[], [(b"content-length", b"2")], [(b"content-length", b"-1")]])
def test_an_endless_body_is_not_read_to_its_end(length: list[tuple[bytes, bytes]]) -> None:
    read, sent = [], []

    async def receive() -> Message:
        read.append(1)
        return {"type": "http.request", "body": b" " * 10, "more_body": True}

    async def send(message: Message) -> None:
        sent.append(message)

    async def unreached(scope: Scope, receive: Receive, send: Send) -> None:
        raise AssertionError

    scope = {"type": "http", "path": "/api/x", "headers": length}
    limited = LimitedBody(unreached, limit=95, uploads="/gradio_api/upload")
    with ThreadPoolExecutor(1) as pool:  # a browser test may have left an event loop running in this thread
        pool.submit(asyncio.run, limited(scope, receive, send)).result()
    assert sent[0]["status"] == 413
    assert len(read) <= 10


def test_no_documentation_pages_and_no_monitoring(free: TestClient) -> None:
    for path in ("/docs", "/redoc", "/openapi.json", "/monitoring"):
        assert free.get(path).status_code == 404


def test_a_page_keeps_its_scripts_until_one_of_them_changes(free: TestClient) -> None:
    files = kept_files()
    answer = free.get(f"{files}/boot.js")
    assert answer.headers["cache-control"] == "private, max-age=31536000, immutable"
    assert answer.content == (STATIC / "boot.js").read_bytes()
    page = free.get("/").text
    assert f"{files}/boot.js" in page
    assert set(re.findall(r"/ui/[\w/]+\.\w+", page)) - {"/ui/favicon.svg"} <= set(
        re.findall(rf"{files}/[\w/]+\.\w+", page)
    )
    for gone in (f"{files}/gone.js", files.replace("/ui/", "/ui/x") + "/boot.js"):
        answer = free.get(gone)
        assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-cache")


def test_the_address_of_kept_scripts_changes_with_the_content_and_the_name_of_any(tmp_path: Path) -> None:
    shutil.copytree(STATIC, tmp_path / "static")
    seen = {address_of(tmp_path / "static")}
    assert seen == {kept_files()}
    script = tmp_path / "static" / "shell" / "dom.js"
    script.write_bytes(script.read_bytes() + b" ")
    seen.add(address_of(tmp_path / "static"))
    script.rename(script.with_name("moved.js"))
    seen.add(address_of(tmp_path / "static"))
    assert len(seen) == 3


def test_our_files_are_fresh_and_typed(free: TestClient) -> None:
    answer = free.get("/ui/boot.js")
    assert "javascript" in answer.headers["content-type"]
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["x-content-type-options"] == "nosniff"
    again = free.get("/ui/boot.js", headers={"If-None-Match": answer.headers["etag"]})
    assert again.status_code == 304
    assert free.get("/ui/../app.py").status_code == 404


def test_the_page_asks_no_other_host(free: TestClient) -> None:
    page = free.get("/").text
    assert "fonts.googleapis" not in page
    assert f"{kept_files()}/shell/shell.css" in page
    config = free.get("/config").json()
    assert config["analytics_enabled"] is False


@pytest.mark.parametrize("sheet", sorted(STATIC.rglob("*.css")), ids=lambda sheet: sheet.name)
def test_every_style_sheet_is_loaded_and_its_rules_are_closed(sheet: Path) -> None:
    name = sheet.relative_to(STATIC).as_posix()
    assert f"{kept_files()}/{name}" in STYLES or name in REPORT_STYLES
    depth = 0
    for number, line in enumerate(sheet.read_text(encoding="utf-8").splitlines(), 1):
        assert not depth or line.startswith((" ", "}")) or not line, f"line {number}: the rule above is not closed"
        depth += line.count("{") - line.count("}")
    assert depth == 0


def test_routes_answer_refusals_with_one_sentence(free: TestClient) -> None:
    answer = free.get("/api/projects/nobody")
    assert answer.status_code == 404
    assert answer.json()["error"].startswith("there is no project named 'nobody'")
