"""A real server and a real Chromium. No test passes with an error on the console or a request to elsewhere."""

from __future__ import annotations

import contextlib
import json
import re
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Locator, Page, Route, expect

from labeler.html.static_files import kept_files
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from mdmd.data.definition import Definition
from tests.builders import PATIENCE, SMALL, wait_for

WIDTH, HEIGHT = 400, 300
expect.set_options(timeout=1000 * PATIENCE)
#: Puts the canvas pages without Gradio at an address.
FRAME = (Path(__file__).parent / "canvas_frame.js").read_text()
#: Whether a test has failed.
FAILED = pytest.StashKey[bool]()


@dataclass(frozen=True)
class Site:
    """A running labeler."""

    workspace: Workspace
    url: str
    token: str
    folder: Path

    def project(self, name: str, *, pictures: int = 3, definition: Definition | None = SMALL) -> Project:
        project = self.workspace.create(name, definition=definition)
        project.add_pictures([self.pictures(name, pictures)])
        return project

    def sign_in(self, context: BrowserContext) -> None:
        """What opening the address that the server prints does."""
        context.request.get(f"{self.url}/?token={self.token}", max_redirects=0)

    def pictures(self, name: str, count: int) -> Path:
        """A folder with `count` pictures that differ."""
        folder = self.folder / f"pictures of {name}"
        folder.mkdir(parents=True)
        for k in range(count):
            image = Image.new("RGB", (WIDTH, HEIGHT), (70 + 20 * k, 110, 130))
            ImageDraw.Draw(image).ellipse((120, 40, 280, 260), fill=(220, 180 - 15 * k, 140))
            image.save(folder / f"{name}-{k}.png")
        return folder


@contextlib.contextmanager
def serve(folder: Path, *, port: int = 0) -> Iterator[tuple[Site, subprocess.Popen[bytes]]]:
    """`labeler open` over the projects in `folder`, at any free port or a certain one, and its process."""
    command = [sys.executable, "-m", "labeler.cli.main", "--projects", str(folder / "projects"), "open"]
    with (folder / "server.txt").open("w+") as output:
        server = subprocess.Popen(
            [*command, "--port", str(port), "--no-browser"], stdout=output, stderr=subprocess.STDOUT
        )
        workspace = Workspace(folder / "projects")
        try:
            told = wait_for(lambda: re.search(r"open (http://\S+)\?token=(\S+)", (folder / "server.txt").read_text()))
            yield Site(workspace, told[1].rstrip("/"), told[2], folder), server
        finally:
            server.terminate()
            server.wait(PATIENCE)
            workspace.close()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """One server for all files: it takes seconds to start."""
    with serve(tmp_path_factory.mktemp("server")) as (site, _):
        yield site


@pytest.fixture(scope="module")
def site(server: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The server without a project. At the end of a file its projects are moved away: the next file may reuse names."""
    site = replace(server, folder=tmp_path_factory.mktemp("site"))
    yield site
    for name in site.workspace.names():
        site.workspace.forget(name)
        (site.workspace.root / name).rename(site.folder / f"project {name}")


class Complaints(list[str]):
    """What a browser has complained about. A test must leave none behind."""

    def __init__(self) -> None:
        super().__init__()
        self.expected: tuple[str, ...] = ()

    def expect(self, *words: str) -> None:
        """The test provokes complaints with any of these words: none of them counts, not even one that the browser
        makes known later."""
        self.expected += words
        self[:] = [said for said in self if self.counts(said)]

    def counts(self, said: str) -> bool:
        return not any(words in said for words in (*GOING_AWAY, *self.expected))


@pytest.fixture
def complaints() -> Complaints:
    return Complaints()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.when == "call":
        item.stash[FAILED] = report.failed
    return report


@pytest.fixture(scope="module")
def context(chromium: Browser, site: Site) -> Iterator[BrowserContext]:
    """A signed-in browser without moving views. The tests of a file share it: scripts are fetched and compiled once."""
    context = new_context(chromium, site, reduced_motion="reduce")
    yield context
    context.close()


def new_context(chromium: Browser, site: Site, **options: Any) -> BrowserContext:
    """A browser that shares nothing with others, signed in at `site`."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, **options)
    context.set_default_timeout(1000 * PATIENCE)
    site.sign_in(context)
    styles = list(dict.fromkeys(re.findall(r"/ui/[\w/]+\.css", context.request.get(site.url).text())))
    context.add_init_script(f"({FRAME})({json.dumps(kept_files())}, {json.dumps(styles)})")
    return context


@pytest.fixture(scope="module")
def memory(context: BrowserContext, site: Site) -> Page:
    """A page that stays open, so that the browser keeps what it has loaded, and clears what others have stored."""
    page = context.new_page()
    page.goto(f"{site.url}/ui/favicon.svg")
    return page


@pytest.fixture
def page(
    context: BrowserContext,
    memory: Page,
    complaints: Complaints,
    request: pytest.FixtureRequest,
    pytestconfig: pytest.Config,
) -> Iterator[Page]:
    """A page that remembers nothing; how it looked where a test has failed is kept under artifacts/, which git
    ignores."""
    page = context.new_page()
    watch(page, complaints)
    yield page
    if request.node.stash.get(FAILED, True):
        page.screenshot(path=pytestconfig.rootpath / "artifacts" / "browser" / f"{request.node.name}.png")
    for opened in context.pages:
        if opened is not memory:
            opened.close()
    memory.evaluate("localStorage.clear()")
    assert complaints == []


#: What Gradio's own script says when a page goes away during one of its requests.
GOING_AWAY = ("signal is aborted", "Connection errored out", "AbortError: BodyStreamBuffer was aborted")


def watch(page: Page, complaints: Complaints) -> None:
    def said(words: str) -> None:
        if complaints.counts(words):
            complaints.append(words)

    def logged(message: ConsoleMessage) -> None:
        if message.type == "error":
            said(f"{message.text} ({message.location['url']})")

    page.on("console", logged)
    page.on("pageerror", lambda error: said(str(error)))

    def outside(url: str) -> bool:
        return not url.startswith(("http://127.0.0.1:", "data:", "blob:"))

    page.on("request", lambda request: complaints.append(f"asked {request.url}") if outside(request.url) else None)


def intercept(page: Page, pattern: str, handler: Callable[[Route], object], *, times: int | None = None) -> None:
    """`page.route`, which holds for everything asked from now on: in Chromium some requests of a page that is open
    already pass by in the first moments."""
    if page.url != "about:blank":
        probe = re.compile("intercepted$")
        page.route(probe, lambda route: route.fulfill(body="intercepted"))
        ask = "fetch('/ui/favicon.svg?intercepted').then((response) => response.text())"
        wait_for(lambda: page.evaluate(ask) == "intercepted")
    page.route(pattern, handler, times=times)


def root(name: str) -> str:
    """JavaScript for the page object of one canvas tab."""
    return f"document.querySelector('.canvas-root[data-page={name}]')?.page"


def open_empty(page: Page, site: Site) -> None:
    """An address of the server with nothing on it, into which a test brings modules of its choice: they are in "./"."""
    page.goto(f"{site.url}{kept_files()}/boot.js")
    page.evaluate("document.body.replaceChildren()")


def open_canvas(page: Page, site: Site, project: str, tab: str) -> None:
    """A canvas page by itself, without Gradio around it: quicker, and enough where only the page is tested."""
    page.goto("about:blank")
    page.goto(f"{site.url}{kept_files()}/boot.js?project={project}#{tab}")
    canvas(page, tab).wait_for()


def open_tab(page: Page, site: Site, project: str, tab: str) -> None:
    """A tab in Gradio as it is when the page has looked at its runs, after which the canvas pages look again."""
    page.goto("about:blank")
    page.add_init_script("addEventListener('labeler-changed', () => { window.looked = true; })")
    page.goto(f"{site.url}/?project={project}#{tab}")
    canvas(page, tab).wait_for()
    page.wait_for_function("window.looked")


def canvas(page: Page, tab: str) -> Locator:
    return page.locator(f".canvas-root[data-page={tab}] canvas.landmark-canvas")


def on_screen(page: Page, tab: str, x: float, y: float) -> tuple[float, float]:
    """Where the image point (x, y) is on the screen."""
    canvas_of = f"({root(tab)}.canvas ?? {root(tab)}.editor.canvas)"
    left, top = page.evaluate(
        f"(([x, y]) => {{ const c = {canvas_of}, r = c.element.getBoundingClientRect();"
        " const [a, b] = c.viewport.toScreen(x, y);"
        " return [a + r.left, b + r.top]; })",
        [x, y],
    )
    return left, top


def click_at(page: Page, tab: str, x: float, y: float) -> None:
    page.mouse.click(*on_screen(page, tab, x, y))


def drag(page: Page, tab: str, start: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*on_screen(page, tab, *start))
    page.mouse.down()
    page.mouse.move(*on_screen(page, tab, *end), steps=6)
    page.mouse.up()


def round_trip(page: Page) -> None:
    """Waits until the server has answered once more and two frames are drawn: what a page was about to do on account of
    what has happened so far, it has done or begun."""
    page.evaluate("""async () => {
      await fetch("/ui/favicon.svg?round-trip").then((response) => response.text());
      await new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn)));
    }""")


def saved(page: Page) -> None:
    """Waits until nothing is on its way to the server."""
    page.wait_for_selector(".save-mark[data-state=saved]")
