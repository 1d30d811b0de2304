"""Adapt to real faces alone and together with 300W, through the command line that users have; print a Markdown table.

    python benchmarks/real_faces.py --data DATA --weights FILE.safetensors --minutes 5 --out /tmp/real_faces

DATA holds `stylised9/annotations.json` and `w300_helen_afw/annotations.json` (research licences: not part of this
project). Rows that are done already in --out are read, not run again.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from mdmd.config import DEFAULT_ENCODER

COLUMNS = {
    "nme": "NME %",
    "nme_low": "from",
    "nme_high": "to",
    "fr10": "FR10 %",
    "auc10": "AUC10 %",
    "coverage50": "in 50 % ellipse",
    "coverage90": "in 90 % ellipse",
    "auroc_wrong": "AUROC of wrong",
    "flag_recall": "wrong points flagged",
    "flag_rate": "points flagged",
}


def main() -> None:
    options = arguments()
    source = options.data / "w300_helen_afw" / "annotations.json"
    target = options.data / "stylised9" / "annotations.json"
    weights = ["--weights", options.weights]
    minutes = ["--minutes", options.minutes]
    base = options.out / "base"
    adapt = ["adapt", "--target", target, *weights, *minutes, "--quiet"]
    base_command = ["train", "--data", source, *weights, "--minutes", options.base_minutes, "--quiet"]
    # The paper's method with the encoder of the other rows: its own is a ViT-B/16.
    paper = ["--preset", "paper", "--encoder", DEFAULT_ENCODER]
    rows = {
        "300W base, on the HELEN test faces": (base, base_command, source),
        "stylised9 alone": (options.out / "alone", adapt, target),
        "stylised9 with 300W, from the base": (
            options.out / "together",
            [*adapt, "--source", source, "--from", base],
            target,
        ),
        "stylised9 alone, preset paper": (options.out / "paper-alone", [*adapt, *paper], target),
        "stylised9 with 300W, preset paper": (
            options.out / "paper-together",
            [*adapt, *paper, "--source", source],
            target,
        ),
    }
    table = {name: row(*spec) for name, spec in rows.items()}
    print(markdown(pd.DataFrame(table).T[[*COLUMNS, "n", "seconds"]].rename(columns=COLUMNS)))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    data, weights = os.environ.get("MDMD_DATA"), os.environ.get("MDMD_WEIGHTS")
    parser.add_argument("--data", type=Path, default=data, required=data is None)
    parser.add_argument("--weights", default=weights, required=weights is None)
    parser.add_argument("--minutes", type=float, default=5.0, help="for each adaptation (default 5)")
    parser.add_argument("--base-minutes", type=float, default=20.0, help="for learning 300W once (default 20)")
    parser.add_argument("--out", type=Path, default=Path("artifacts/real_faces"))
    options = parser.parse_args()
    options.data = Path(options.data)
    return options


def row(folder: Path, command: Sequence[object], data: Path) -> dict[str, float]:
    """Train where `folder` holds no result yet, measure on the test split, return the numbers."""
    result = folder / "test.json"
    if not result.is_file():
        began = time.monotonic()
        mdmd(*command, "--out", folder)
        seconds = time.monotonic() - began
        mdmd("evaluate", folder, "--data", data, "--json", folder / "measured.json")
        numbers = json.loads((folder / "measured.json").read_text(encoding="utf-8"))
        result.write_text(json.dumps({**numbers, "seconds": round(seconds)}), encoding="utf-8")
    return json.loads(result.read_text(encoding="utf-8"))


def mdmd(*command: object) -> None:
    subprocess.run([sys.executable, "-m", "mdmd.cli", *map(str, command)], check=True, stdout=subprocess.DEVNULL)


def markdown(table: pd.DataFrame) -> str:
    head = ["run", *table.columns]
    lines = [head, ["---"] * len(head)]
    lines += [
        [str(name), *(f"{value:.3g}" for value in values)]
        for name, values in zip(table.index, table.to_numpy(), strict=True)
    ]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


if __name__ == "__main__":
    main()
