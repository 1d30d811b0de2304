"""What every Gradio handler needs: the project of the browser tab, and refusals as sentences."""

from __future__ import annotations

import functools
import html
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import gradio as gr

from labeler.project.project import Project
from labeler.project.workspace import Workspace
from mdmd.errors import DataError

#: For events that only look. They pass by Gradio's queue, which costs less. It answers all events of a page on one
#: stream; a click right behind a change of tabs was once carried out there and its answer never came.
QUIETLY: dict[str, Any] = {"show_progress": "hidden", "queue": False}

P = ParamSpec("P")
R = TypeVar("R")


def open_project(workspace: Workspace, request: gr.Request) -> Project | None:
    """The project in the tab's address (`/?project=NAME`); None when none is named or there is none of that name."""
    name = request.query_params.get("project")
    if not name:
        return None
    try:
        return workspace.open(name)
    except DataError:
        return None


def wanted_project(workspace: Workspace, request: gr.Request) -> Project:
    """Like `open_project`, but raises DataError where there is none."""
    name = request.query_params.get("project")
    if not name:
        raise DataError("no project is open: open or create one on the Project page first")
    return workspace.open(name)


def refusals_as_messages(handler: Callable[P, R]) -> Callable[P, R]:
    """Shows a DataError as a message on the page instead of failing."""

    @functools.wraps(handler)
    def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return handler(*args, **kwargs)
        except DataError as error:
            raise gr.Error(html.escape(str(error), quote=False), title="", print_exception=False) from None

    return guarded
