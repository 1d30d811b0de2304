"""A table of what becomes of COCO files with faults: `python benchmarks/messy_coco.py FOLDER`.

FOLDER has a folder for each file, named after its fault, with the pictures beside the file or as COCO lays them out.
Each is imported into a new project by `labeler import`. Files with the same outcome share a row: its exit code, what
came in, and the sentences that a person sees.
"""

from __future__ import annotations

import argparse
import io
import re
import tempfile
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

from labeler.cli.main import main


def outcome(file: Path) -> str:
    """The exit code of the import of `file`, what came in, and what it says, as the end of a row."""
    said = io.StringIO()
    with tempfile.TemporaryDirectory() as folder, redirect_stdout(said), redirect_stderr(said):
        code = main(["--projects", folder, "import", "project", str(file)])
    text = said.getvalue().replace(f"{file.parent}/", "").replace("created project 'project'\n", "")
    text = "; ".join(text.strip().splitlines()).replace("|", "\\|")
    counts = re.search(r"pictures: (\d+) added, .*labeled: (\d+) faces, (\d+) points", text)
    if counts is not None:
        text = text.replace(counts.group(0), "").strip("; ")
    return " | ".join([str(code), *(counts.groups() if counts else ("0", "0", "0")), text])


def run() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder.resolve()
    names: dict[str, list[str]] = {}
    for place in sorted(path for path in folder.iterdir() if path.is_dir()):
        for file in sorted(place.rglob("*.json"))[:1]:
            names.setdefault(outcome(file), []).append(place.name)
    print("| files | exit code | pictures | faces | points | what is said |")
    print("| --- | --- | --- | --- | --- | --- |")
    for end, found in sorted(names.items(), key=lambda pair: (-len(pair[1]), pair[1])):
        print(f"| {', '.join(found)} | {end} |")


if __name__ == "__main__":
    run()
