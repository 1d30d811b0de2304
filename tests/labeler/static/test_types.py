"""The set-up of the type checker for the browser's scripts (`make types`)."""

from __future__ import annotations

import json
import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_lock_file_pins_the_checker_and_names_no_registry():
    text = (ROOT / "package-lock.json").read_text(encoding="utf-8")
    wanted = json.loads((ROOT / "package.json").read_text(encoding="utf-8"))["devDependencies"]["typescript"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", wanted)
    assert json.loads(text)["packages"]["node_modules/typescript"]["version"] == wanted
    assert "http" not in text


def test_no_error_is_silenced():
    """A cast to `any` or an ignored line would hide errors; JSON from the server is the one exception."""
    found = [
        f"{path.name}: {line.strip()}"
        for folder in (ROOT / "labeler" / "static", ROOT / "mdmd" / "portable" / "files" / "web")
        for path in sorted(folder.rglob("*.js"))
        for line in path.read_text(encoding="utf-8").splitlines()
        if re.search(r"@ts-(ignore|expect-error|nocheck)|[{<(,|] ?any\b", line)
    ]
    assert found == [f"{name}: * @returns {{Promise<any>}}" for name in ("unseen.js", "session.js", "session.js")]
