"""What a run tells the world while it runs: one JSON object a line in log.jsonl, and a progress bar for a person."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

from tqdm import tqdm


class RunLog:
    """Appends events to `file` (None: nowhere) and shows them on the terminal unless `quiet`.

    An event is a line {"event": kind, "time": unix seconds, ...}; a reader sees whole lines only.
    """

    def __init__(self, file: Path | None, *, quiet: bool = False, clock: Callable[[], float] = time.time) -> None:
        self._stream = open(file, "a", encoding="utf-8") if file is not None else None  # noqa: SIM115 - closed in __exit__
        self._quiet = quiet
        self._clock = clock
        self._bar: tqdm[Any] | None = None

    def event(self, kind: str, **fields: Any) -> None:
        """Write one event at once."""
        if self._stream is not None:
            line = json.dumps({"event": kind, "time": round(self._clock(), 3), **fields}, ensure_ascii=False)
            self._stream.write(line + "\n")
            self._stream.flush()
        if kind == "warning":
            self._say(f"warning: {fields['message']}")
        elif kind == "eval":
            self._say(f"  held-out NME {fields['nme']:.2f} % of {fields['faces']} faces at step {fields['step']}")
        elif kind == "step" and not self._quiet:
            self._show(fields)
        elif kind in ("start", "done"):
            self._end_bar()

    def warn(self, message: str) -> None:
        """Something the person should know that does not stop the run."""
        self.event("warning", message=message)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._end_bar()
        if self._stream is not None:
            self._stream.close()

    def _say(self, text: str) -> None:
        if not self._quiet:
            tqdm.write(text)

    def _show(self, fields: dict[str, Any]) -> None:
        if self._bar is None:
            self._bar = tqdm(total=fields["steps"], desc=fields["stage"], unit="step", leave=True)
        self._bar.total = fields["steps"]
        self._bar.set_postfix(loss=f"{fields['loss']:.3f}", refresh=False)
        self._bar.update(fields["step"] - self._bar.n)

    def _end_bar(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
