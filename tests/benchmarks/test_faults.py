"""The benchmark of faults runs, and finds nothing wrong in a few trials."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.mark.slow
def test_kills_and_damages_lose_nothing(tmp_path: Path) -> None:
    words = ["--kills", "2", "--full", "0", "--damages", "10", "--folder", str(tmp_path)]
    done = subprocess.run([sys.executable, BENCHMARKS / "faults.py", *words], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")]
    kills = [row for row in rows if row[1:2] == ["2"]]
    assert len(kills) == 7
    assert {cell for row in kills for cell in row[3:]} == {"0"}
    [damages] = [row for row in rows if row[0] == "10"]
    assert damages[3:] == ["0", "0", "10"]
