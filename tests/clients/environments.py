"""An environment for each reader, with the packages of clients that its first lines name."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import pytest

#: Seconds for installing the packages of a client, and for a client to read a set.
INSTALLING, READING = 900, 600


def dependencies_of(script: Path) -> list[str]:
    """The packages that a script names in its metadata (PEP 723)."""
    found = re.search(r"(?m)^# /// script\n((?:# .*\n)+)# ///$", script.read_text(encoding="utf-8"))
    assert found is not None, script
    return tomllib.loads(found.group(1).replace("# ", ""))["dependencies"]


def python_for(script: Path, cached: Path) -> Path:
    """A Python with the packages of `script`, in a folder below `cached` that later runs use again.

    Skips the test if they cannot be installed, such as without a network.
    """
    packages = dependencies_of(script)
    if not packages:
        return Path(sys.executable)
    told = json.dumps([sys.version, sys.prefix, packages])
    folder = cached / f"{script.stem}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"
    python = folder / "bin" / "python"
    if (folder / "ready").exists():
        return python
    venv.create(folder, clear=True, symlinks=True)
    # Torch and whatever else this environment has is used from here, instead of being downloaded again.
    inner = folder / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    (inner / "main.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [sys.executable, "-m", "pip", "--python", str(python), "install", "--quiet", *packages]
    try:
        done = subprocess.run(pip, capture_output=True, text=True, timeout=INSTALLING)
    except subprocess.TimeoutExpired:
        pytest.skip(f"{', '.join(packages)} cannot be installed in {INSTALLING} seconds")
    if done.returncode:
        why = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or [done.stderr]
        pytest.skip(f"{', '.join(packages)} cannot be installed: {why[-1].strip()}")
    (folder / "ready").write_text(told)
    return python


def run(python: Path, *words: str | Path, inside: Path) -> None:
    """Run a command of this Python in the folder `inside`; the test fails with what it says if it fails."""
    root = Path(__file__).parents[2]
    known = {"PATH": "/usr/bin:/bin", "HOME": str(inside.parent), "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    command = [str(python), *map(str, words)]
    done = subprocess.run(command, cwd=inside, env=known, capture_output=True, text=True, timeout=READING)
    assert done.returncode == 0, (done.stdout + done.stderr)[-4000:]
