"""The application without a server: requests go to it directly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from labeler.project.workspace import Workspace
from labeler.runs.background import Work
from labeler.server.app import build_app
from tests.builders import make_project

TOKEN = "correct-horse-battery"
HOME = "http://127.0.0.1:8000"


@contextmanager
def application(
    folder: Path, token: str | None, background: Callable[[Workspace], Work] | None = None
) -> Iterator[TestClient]:
    """The application over the projects in `folder`, with its uploads beside them, and with work in the background."""
    workspace = Workspace(folder / "projects")
    works = [background(workspace)] if background else []

    async def build() -> FastAPI:
        uploads = folder / "uploads"
        return build_app(workspace, token=token, uploads=uploads, background=works, collect_seconds=0.05)

    # Outside of a running event loop Gradio opens loops of its own and never closes them. A thread, because a
    # browser test may have left one running in this one.
    with ThreadPoolExecutor(1) as pool:
        app = pool.submit(asyncio.run, build()).result()
    with TestClient(app, base_url=HOME, follow_redirects=False) as client:
        yield client
    workspace.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the project "faces" with one picture is, in "projects"."""
    folder = tmp_path_factory.mktemp("application")
    make_project(folder, "faces", pictures=1).store.close()
    return folder


@pytest.fixture(scope="module")
def with_token(folder: Path) -> Iterator[TestClient]:
    with application(folder, TOKEN) as client:
        yield client


@pytest.fixture
def locked(with_token: TestClient) -> TestClient:
    """One application for all tests of a file, behind the token, for a browser that is not signed in."""
    with_token.cookies.clear()
    return with_token


@pytest.fixture(scope="module")
def free(folder: Path) -> Iterator[TestClient]:
    """One application for all tests of a file, open to all."""
    with application(folder, None) as client:
        yield client
