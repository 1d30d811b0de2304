"""Several processes give the same result as one."""

import json
import subprocess
import sys

import pytest

from tests.builders import write_pareidolias

STEPS = 5


def steps_of(run):
    events = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    (start,) = [e for e in events if e["event"] == "start"]
    return start["processes"], [e["loss"] for e in events if e["event"] == "step"][-1]


@pytest.mark.slow
def test_two_processes_give_the_result_of_one(tmp_path):
    data = write_pareidolias(tmp_path / "objects", 16)
    command = ["-m", "mdmd", "train", "--data", data, "--preset", "tiny", "--weights", "none"]
    command += ["--steps", STEPS, "--quiet", "--out"]
    launch = ["-m", "accelerate.commands.launch", "--multi_gpu", "--num_processes", 2, "--num_machines", 1]
    launch += ["--mixed_precision", "no", "--dynamo_backend", "no", "--main_process_port", 0]
    for name, words in (("one", []), ("two", launch)):
        subprocess.run([sys.executable, *map(str, [*words, *command, tmp_path / name])], check=True, timeout=280)
    count, alone = steps_of(tmp_path / "one")
    assert count == 1
    count, together = steps_of(tmp_path / "two")
    assert count == 2
    # Equal except for the order of sums; in bfloat16, a step is rounded to three digits.
    assert together == pytest.approx(alone, rel=2e-3)
    left = {p.name for p in (tmp_path / "two").iterdir()}
    assert left == {".lock", "log.jsonl", "metrics.json", "model.json", "model.safetensors"}
    assert "error" not in (tmp_path / "two" / "log.jsonl").read_text()
