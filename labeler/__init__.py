"""The labeling tool in Python: `Workspace`, `Project`, `open_project` and `serve`.

Names are imported when they are first used (PEP 562), so that `import labeler` costs nothing and only `serve` loads
the web framework. torch is never loaded: trainings and predictions run in processes of their own.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labeler.project.project import Project, open_project
    from labeler.project.workspace import Workspace
    from labeler.server.serve import serve

__all__ = ["Project", "Workspace", "open_project", "serve"]

_HOMES = {
    "Project": "labeler.project.project",
    "Workspace": "labeler.project.workspace",
    "open_project": "labeler.project.project",
    "serve": "labeler.server.serve",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'labeler' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
