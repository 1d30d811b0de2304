"""Which base predicts on the faces of a project: a model whose points the labels are carried over through."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from labeler.project.workspace import BASES
from labeler.runs.sources import DRAWN
from mdmd import run_folder
from mdmd.config import STARTER
from mdmd.errors import DataError

#: Labels are carried over through a base with so many landmarks or more.
FEWEST_LANDMARKS = 20


@dataclass(frozen=True)
class Base:
    """A base in `folder`. `name` differs where the model does; `category` is the definition of its landmarks."""

    name: str
    folder: Path
    category: dict[str, Any]


def best_base(root: Path, *, starter: Path = STARTER) -> Base:
    """The newest base that was trained on an added source of the projects root, else the starter.

    One with fewer than FEWEST_LANDMARKS landmarks does not count: too little of a face follows from them.
    Raises DataError if the starter is damaged.
    """
    trained = [path.parent for path in (root / BASES).glob(f"*/{run_folder.WEIGHTS}")]
    # The starter was trained on more drawn faces than a base of drawn faces.
    real = [folder for folder in trained if not folder.name.startswith(f"{DRAWN}-")]
    for folder in sorted(real, key=lambda folder: (folder / run_folder.WEIGHTS).stat().st_mtime, reverse=True):
        with suppress(DataError):
            found = base_in(folder)
            if len(found.category.get("keypoints", ())) >= FEWEST_LANDMARKS:
                return found
    return base_in(starter)


def base_in(folder: Path) -> Base:
    """The base in `folder`. Raises DataError without one."""
    record = run_folder.read_object(folder / run_folder.MODEL)
    category = None if record is None else record.get("heads", {}).get(record.get("target"))
    if not isinstance(category, dict):
        raise DataError(f"{folder / run_folder.MODEL} does not tell the landmarks of its target, so it is no base")
    weights = folder / run_folder.WEIGHTS
    return Base(f"{folder.name}-{_digest(weights, weights.stat().st_mtime_ns)[:10]}", folder, category)


@lru_cache(maxsize=16)
def _digest(file: Path, changed: int) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
