"""model.json keeps its keys, and the history of a model round-trips."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from mdmd.config import PRESETS, STARTER
from mdmd.errors import DataError
from mdmd.models import checkpoint
from mdmd.models.landmark_model import MDMD
from mdmd.run_folder import History, Stopped, read_model

FULL = History(
    weights="vit.safetensors",
    base=History(stage="base", faces={"people": 9}, seed=2),
    stage="adapt",
    preset="tiny",
    train={"loss": "laplacian", "batch_size": 16},
    seed=0,
    faces={"objects": 10, "people": 9},
    heldout={"nme": 4.5, "ause": None, "n": 2},
    rarely_labeled={"nose": 1},
    box_scale=1.25,
    seconds=9.5,
    steps=4,
    stopped=Stopped(4, 12),
)


@pytest.mark.parametrize("history", [History(), FULL, History(rounds=2, drawn_faces=16, augment="drawn", seconds=3.0)])
def test_a_history_is_read_back_as_it_was_written(history: History, tmp_path: Path) -> None:
    checkpoint.Checkpoint(MDMD(PRESETS["tiny"].model), "objects", history=history).save(tmp_path)
    assert checkpoint.load(tmp_path).history == history
    found = read_model(tmp_path)
    assert found is not None
    assert (found.target, found.history) == ("objects", history)


def test_a_history_says_the_work_beside_the_minutes() -> None:
    assert FULL.effort() == {"steps": 4, "batch_size": 16, "faces_seen": 64, "minutes": 0.16}
    assert set(History(train={"batch_size": "many"}, steps=3).effort().values()) == {3, None}


def test_the_keys_on_disk_are_those_of_before(tmp_path: Path) -> None:
    written = FULL.to_json()
    assert written.keys() == {
        "weights", "base", "stage", "preset", "train", "seed", "faces", "heldout", "rarely_labeled", "box_scale",
        "seconds", "steps", "stopped",
    }  # fmt: skip
    assert (written["stopped"], written["faces"]["people"]) == ({"step": 4, "of": 12}, 9)
    assert written["base"].keys() == {"weights", "stage", "faces", "heldout", "rarely_labeled", "seed"}


@pytest.mark.skipif(not (STARTER / "model.json").is_file(), reason="no starter is shipped")
def test_the_history_of_the_shipped_starter_loses_nothing() -> None:
    told = json.loads((STARTER / "model.json").read_text(encoding="utf-8"))["history"]
    found = read_model(STARTER)
    assert found is not None
    assert found.history.to_json() == told
    assert found.history.faces["drawn68"] > 0


@pytest.mark.parametrize(
    ("history", "said"),
    [
        ([], "history is [], wanted an object"),
        ({"faces": {"objects": "many"}}, "found faces \"{'objects': 'many'}\", wanted an object"),
        ({"seconds": "long"}, "found seconds 'long', wanted a number or null"),
        ({"base": {"seed": 0.5}}, "found seed '0.5', wanted a whole number or null"),
    ],
)
def test_a_history_of_another_kind_gives_one_sentence(history: object, said: str, tmp_path: Path) -> None:
    checkpoint.Checkpoint(MDMD(PRESETS["tiny"].model), "objects").save(tmp_path)
    record = json.loads((tmp_path / "model.json").read_text(encoding="utf-8"))
    (tmp_path / "model.json").write_text(json.dumps({**record, "history": history}), encoding="utf-8")
    assert read_model(tmp_path) is None
    with pytest.raises(DataError) as caught:
        checkpoint.load(tmp_path)
    assert said in str(caught.value)
