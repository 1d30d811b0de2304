"""Kill predictions at random moments and compare what comes out with a prediction that was left alone.

`python benchmarks/killed_predictions.py --engines local ray` draws small pictures, gives a small network random
weights, and predicts 1,000 pictures with `mdmd predict`, killed ten times, and 10,000 with `--bulk` and each engine
with two workers, killed twenty times. Each is done once undisturbed, and once killed (SIGKILL; with Ray also its own
processes, which belong to a cluster of its own) at a random moment until the number of kills is reached, then left
alone. Each picture must be there once, with the same numbers. Also prints pictures a second and the largest memory of
the process and its children, in which pages that they share count several times.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas
import psutil
import torch
from PIL import Image

from mdmd.config import ModelConfig
from mdmd.data.definition import load_definition
from mdmd.models.checkpoint import Checkpoint
from mdmd.models.landmark_model import build

#: Seconds that a process takes to start, in which nothing is killed.
STARTS = 4.0


def draw(folder: Path, count: int) -> None:
    generator = np.random.default_rng(0)
    for k in range(count):
        pixels = generator.integers(0, 255, (6, 8, 3), dtype=np.uint8)
        image = Image.fromarray(pixels).resize((96, 72), Image.Resampling.BILINEAR)
        place = folder / f"{k // 1000:03}"
        place.mkdir(parents=True, exist_ok=True)
        image.save(place / f"{k:06}.jpg")


def untrained(folder: Path) -> None:
    torch.manual_seed(0)
    model = build(ModelConfig(encoder="test_vit", image_size=64, decoder_heads=2), {"nine": load_definition("animweb")})
    Checkpoint(model, "nine").save(folder)


def started(command: Sequence[str]) -> subprocess.Popen[bytes]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-m", "mdmd", "predict", *command],
        start_new_session=True,
        env=environment,
        stdout=-3,
        stderr=-3,
    )


def undisturbed(command: Sequence[str]) -> tuple[float, float]:
    """Seconds, and the largest memory in MB."""
    begin, most = time.monotonic(), 0.0
    process = started(command)
    while process.poll() is None:
        most = max(most, memory(process.pid))
        time.sleep(0.2)
    if process.returncode:
        raise SystemExit(f"mdmd predict ended with {process.returncode}")
    return time.monotonic() - begin, most


def memory(pid: int) -> float:
    try:
        top = psutil.Process(pid)
        return sum(each.memory_info().rss for each in [top, *top.children(recursive=True)]) / 1e6
    except psutil.NoSuchProcess:
        return 0.0


def killed(command: Sequence[str], kills: int, seconds: float, choose: random.Random) -> int:
    """Kill `kills` times, at a random moment of the share of `seconds` that is left for each; then let it end."""
    done = 0
    for _ in range(kills):
        process = started(command)
        try:
            process.wait(STARTS + choose.uniform(0, max(seconds - STARTS, 1) / kills * 2))
            break  # it was quicker
        except subprocess.TimeoutExpired:
            own = psutil.Process(process.pid)
            others = own.children(recursive=True) if "ray" in command else []
            os.kill(process.pid, signal.SIGKILL)
            for other in others:
                with contextlib.suppress(psutil.NoSuchProcess):
                    other.kill()
            process.wait()
            done += 1
    undisturbed(command)
    return done


def numbers_of(out: Path) -> object:
    if out.is_dir():
        frame = pandas.read_parquet(out).sort_values("row", ignore_index=True)
        if frame["row"].tolist() != list(range(len(frame))):
            raise SystemExit("not each row is there once")
        return frame.to_json()
    return json.loads(out.read_text())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--bulk", type=int, default=10_000)
    parser.add_argument("--bulk-kills", type=int, default=20)
    parser.add_argument("--engines", nargs="*", default=["local"], choices=["local", "ray"])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    choose = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        untrained(folder / "run")
        rounds: list[tuple[str, int, int, list[str]]] = []
        if options.pictures:
            draw(folder / "few", options.pictures)
            given = [str(folder / "run"), str(folder / "few"), "--find-boxes", "--quiet"]
            rounds.append(("mdmd predict", options.pictures, options.kills, given))
        if options.engines:
            draw(folder / "many", options.bulk)
        for engine in options.engines:
            given = [str(folder / "run"), "--bulk", str(folder / "many"), "--engine", engine, "--workers", "2"]
            rounds.append((f"--bulk, {engine}", options.bulk, options.bulk_kills, [*given, "--shard", "100"]))
        print("| what | pictures | killed | equal | pictures a second | memory, MB |")
        print("| --- | --- | --- | --- | --- | --- |")
        for title, count, kills, given in rounds:
            ending = "" if "--bulk" in given else ".json"
            whole, again = folder / f"whole{ending}", folder / f"again{ending}"
            seconds, most = undisturbed([*given, "--out", str(whole)])
            done = killed([*given, "--out", str(again)], kills, seconds, choose)
            equal = numbers_of(whole) == numbers_of(again)
            print(f"| {title} | {count:,} | {done} | {equal} | {count / seconds:.1f} | {most:.0f} |", flush=True)
            for path in (whole, again):
                shutil.rmtree(path) if path.is_dir() else path.unlink()


if __name__ == "__main__":
    main()
