"""The label page in a real Chromium, for benchmarks that use it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from labeler.project.project import Project
from labeler.project.workspace import Workspace

ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
PAGE = "document.querySelector('.canvas-root[data-page=label]')?.page"
READY = f"{PAGE}?.editor?.canvas?.scene?.image"


@dataclass(frozen=True)
class Site:
    """A running labeler with `workspace`, and a browser."""

    workspace: Workspace
    url: str
    token: str
    browser: Browser

    @contextlib.contextmanager
    def page(self, project: Project) -> Iterator[Page]:
        """The label page of `project`, loaded and idle, in a fresh browser profile."""
        context = self.browser.new_context(viewport={"width": 1440, "height": 900})
        page = context.new_page()
        context.request.get(f"{self.url}/?token={self.token}", max_redirects=0)
        page.goto(f"{self.url}/?project={project.name}#label")
        page.wait_for_function(READY)
        page.wait_for_load_state("networkidle")
        yield page
        context.close()


@contextlib.contextmanager
def serve(folder: Path) -> Iterator[Site]:
    """Run `labeler open` with an empty workspace under `folder`."""
    words = ["-m", "labeler.cli.main", "--projects", str(folder / "projects"), "open", "--port", "0", "--no-browser"]
    told = folder / "server.txt"
    with told.open("w") as output, sync_playwright() as playwright:
        server = subprocess.Popen([sys.executable, *words], stdout=output, stderr=subprocess.STDOUT)
        workspace = Workspace(folder / "projects")
        try:
            while not (found := re.search(r"open (http://\S+?)/?\?token=(\S+)", told.read_text())):
                time.sleep(0.05)
            path = next(
                (p for p in ("/usr/bin/chromium", shutil.which("chromium")) if p and os.access(p, os.X_OK)), None
            )
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            yield Site(workspace, found[1], found[2], browser)
            browser.close()
        finally:
            server.terminate()
            server.wait(20)
            workspace.close()


def on_screen(page: Page, x: float, y: float) -> tuple[float, float]:
    """The place of the image point (x, y) on the screen."""
    left, top = page.evaluate(
        f"([x, y]) => {{ const {{ canvas }} = {PAGE}.editor;"
        " const r = canvas.element.getBoundingClientRect(); const [a, b] = canvas.viewport.toScreen(x, y);"
        " return [a + r.left, b + r.top]; }",
        [x, y],
    )
    return left, top
