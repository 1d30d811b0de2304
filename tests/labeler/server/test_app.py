"""Who may come in, and what the application serves to those who may."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from labeler.project.workspace import Workspace
from labeler.report.page import STYLES as REPORT_STYLES
from labeler.server.app import STATIC, STYLES, build_app
from tests.builders import make_project

TOKEN = "correct-horse-battery"
HOME = "http://127.0.0.1:8000"
# Gradio's own dependencies are not ours to keep quiet.
pytestmark = pytest.mark.filterwarnings("ignore::Warning")


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[TestClient]:
    project = make_project(tmp_path, "faces", pictures=1)
    project.store.close()
    yield from client(tmp_path, TOKEN)


@pytest.fixture
def free(tmp_path: Path) -> Iterator[TestClient]:
    make_project(tmp_path, "faces", pictures=1).store.close()
    yield from client(tmp_path, None)


def client(folder: Path, token: str | None) -> Iterator[TestClient]:
    workspace = Workspace(folder / "projects")

    async def build() -> FastAPI:
        return build_app(workspace, token=token)

    # Outside of a running event loop Gradio opens loops of its own and never closes them. A thread, because a
    # browser test may have left one running in this one.
    with ThreadPoolExecutor(1) as pool:
        app = pool.submit(asyncio.run, build()).result()
    with TestClient(app, base_url=HOME, follow_redirects=False) as test_client:
        yield test_client
    workspace.close()


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


def test_posts_and_uploads_are_locked_too(locked: TestClient) -> None:
    assert locked.post("/api/projects/faces/faces/1/undo", json={}).status_code == 401
    assert locked.post("/gradio_api/upload", files={"files": b"x"}).status_code == 401
    assert locked.post(f"/gradio_api/queue/join?token={TOKEN}", json={}).status_code == 401


def test_the_token_becomes_a_cookie_and_leaves_the_address(locked: TestClient) -> None:
    answer = locked.get("/", params={"token": TOKEN, "project": "my faces"})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/?project=my+faces"
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    for path in EVERYWHERE:
        assert locked.get(path).status_code == 200


def test_a_cookie_of_another_program_on_this_host_locks_nobody_out(locked: TestClient) -> None:
    cookie = locked.get("/", params={"token": TOKEN}).headers["set-cookie"].split(";")[0]
    locked.cookies.clear()
    assert locked.get("/", headers={"Cookie": f'prefs={{"theme": "dark"}}; {cookie}'}).status_code == 200


@pytest.fixture
def other(tmp_path: Path) -> Iterator[TestClient]:
    yield from client(tmp_path / "other", "another-token")


def test_two_labelers_on_one_host_do_not_share_a_cookie(locked: TestClient, other: TestClient) -> None:
    first = locked.get("/", params={"token": TOKEN}).headers["set-cookie"].split("=")[0]
    second = other.get("/", params={"token": "another-token"}).headers["set-cookie"].split("=")[0]
    assert first != second


def test_without_a_token_anybody_on_this_machine_comes_in(free: TestClient) -> None:
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
        assert free.post(undo, json={}, headers=headers).status_code == 403
        assert free.post("/gradio_api/upload", headers=headers).status_code == 403
    assert free.post(undo, json={}, headers={"Origin": HOME}).status_code == 409  # let in; there is nothing to undo


def test_no_documentation_pages_and_no_monitoring(free: TestClient) -> None:
    for path in ("/docs", "/redoc", "/openapi.json"):
        assert free.get(path).status_code == 404
    assert free.get("/monitoring").status_code == 403


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
    assert "/ui/shell/shell.css" in page
    config = free.get("/config").json()
    assert config["analytics_enabled"] is False


@pytest.mark.parametrize("sheet", sorted(STATIC.rglob("*.css")), ids=lambda sheet: sheet.name)
def test_every_style_sheet_is_loaded_and_its_rules_are_closed(sheet: Path) -> None:
    name = sheet.relative_to(STATIC).as_posix()
    assert f"/ui/{name}" in STYLES or name in REPORT_STYLES
    depth = 0
    for number, line in enumerate(sheet.read_text(encoding="utf-8").splitlines(), 1):
        assert not depth or line.startswith((" ", "}")) or not line, f"line {number}: the rule above is not closed"
        depth += line.count("{") - line.count("}")
    assert depth == 0


def test_routes_answer_refusals_with_one_sentence(free: TestClient) -> None:
    answer = free.get("/api/projects/nobody")
    assert answer.status_code == 404
    assert answer.json()["error"].startswith("there is no project named 'nobody'")
