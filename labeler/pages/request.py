"""What the Gradio handlers share: the project of the browser tab, errors as messages, and JavaScript after events."""

from __future__ import annotations

import functools
import html
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import gradio as gr
from markupsafe import Markup

from labeler.html.markup import render
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from mdmd.errors import DataError

#: Options of events that only read. They bypass Gradio's queue. That costs less, and the queue, which answers all
#: events of a page on one stream, once lost the answer to a click right after a change of tabs.
QUIETLY: dict[str, Any] = {"show_progress": "hidden", "queue": False}

#: JavaScript after an event: the canvas pages of this browser tab fetch what they show again.
ANNOUNCE = "() => { window.dispatchEvent(new Event('labeler-changed')); }"
#: JavaScript after an event: marks the fields with a problem (`field_problem`), and gives the first one the focus.
TO_PROBLEM = (
    "() => { document.documentElement.dataset.refused = ''; window.dispatchEvent(new Event('labeler-refused')); }"
)
#: JavaScript after an event with an address and words: goes to the address, if there is one, and says the words there,
#: else here.
DONE = "(address, words) => { window.dispatchEvent(new CustomEvent('labeler-done', { detail: { address, words } })); }"
#: JavaScript after an event: scrolls to the run that has been started.
STARTED = "() => { window.dispatchEvent(new Event('labeler-started')); }"

P = ParamSpec("P")
R = TypeVar("R")


def open_project(workspace: Workspace, request: gr.Request) -> Project | None:
    """The project in the tab's address (`/?project=NAME`), or None if none is named or it does not exist."""
    name = request.query_params.get("project")
    if not name:
        return None
    try:
        return workspace.open(name)
    except DataError:
        return None


def wanted_project(workspace: Workspace, request: gr.Request) -> Project:
    """Like `open_project`, but raises DataError instead of returning None."""
    name = request.query_params.get("project")
    if not name:
        raise DataError("no project is open: open or create one on the Project page first")
    return workspace.open(name)


def field_problem(field: str, problem: object) -> Markup:
    """What is wrong with the component whose `elem_id` is `field`, to be shown below it; empty if `problem` is None."""
    if problem is None:
        return Markup()
    # The page shows what differs only, and what is said again shall be said again.
    return render("field_problem.html", field=field, problem=str(problem), time=time.monotonic_ns())


def errors_as_messages(handler: Callable[P, R]) -> Callable[P, R]:
    """A decorator that shows a DataError as a message on the page."""

    @functools.wraps(handler)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return handler(*args, **kwargs)
        except DataError as error:
            raise gr.Error(html.escape(str(error), quote=False), title="", print_exception=False) from None

    return guarded
