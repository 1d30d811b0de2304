"""The learning curve of a training: its parts, its place among the runs, and what the report says of it."""

from __future__ import annotations

import json
import math
import re
import shutil
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from labeler.cli import report as report_command
from labeler.cli.main import main
from labeler.errors import ConflictError, NotFoundError
from labeler.pages.run_manager import curve_offer, run_choices
from labeler.pages.runs import live_html, runs_html
from labeler.project.coco import write_coco
from labeler.project.project import Project
from labeler.report.learning import learning_curve
from labeler.report.reports import report_of
from labeler.runs import manage as housekeeping
from labeler.runs.commands import Commands, commands_of
from labeler.runs.control import cancel_run, find_run, list_runs, stop_and_keep
from labeler.runs.heldout import read_heldout
from labeler.runs.learning_curve import SHARES, how_to_measure, parts_of, start_curve, why_not
from labeler.runs.run import Run, read_run
from labeler.runs.sources import Source
from mdmd.data.records import Prediction
from mdmd.evaluation.error_law import LAPLACIAN
from mdmd.evaluation.evaluate import FlagRule
from mdmd.evaluation.predictions import predicted_coco
from mdmd.files import write_json
from mdmd.run_folder import RunRecord, read_record
from tests.builders import label_alike, leave_predictions, make_project, predictions_of, python_run
from tests.labeler.runs.test_start import over, wait

HELD = (1, 2, 3, 4, 5)
#: Instead of training: a command that leaves what a part leaves, fails where the file `fail` names it, and waits for
#: the file `go` where there is a file `hold`.
PART = """
import json, shutil, sys, time
from pathlib import Path
words = sys.argv[1:]
out = Path(words[words.index("--out") + 1])
out.mkdir()
event = {"event": "step", "stage": "adapt", "step": 3, "steps": 9, "loss": 1.5, "eta_seconds": 4.0}
(out / "log.jsonl").write_text(json.dumps(event) + "\\n")
given = Path(__file__).parent
while (given / "hold").exists() and not (given / "go").exists(): time.sleep(0.02)
if (given / "fail").exists() and (given / "fail").read_text() == out.name:
    (out / "error.json").write_text(json.dumps({"error": "the picture a.png is gone"}))
    sys.exit(2)
(out / "model.safetensors").write_bytes(bytes(1000))
(out / "metrics.json").write_text("{}")
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return label_alike(make_project(tmp_path, pictures=6))


def leave(project: Project, folder: Path, faces: int, off: Mapping[int, float]) -> None:
    """What a training from so many `faces` leaves that put its held-out noses so many pixels too far right."""
    folder.mkdir(parents=True, exist_ok=True)
    target = project.training_set()
    held = [sample for sample in target.samples if sample.face_id in off]
    found = []
    for sample in held:
        assert sample.annotation is not None
        shift = np.array([[0, 0], [0, 0], [off[sample.face_id], 0], [0, 0]])
        found.append(Prediction(sample.annotation.points + shift, np.tile(np.eye(2), (4, 1, 1))))
    told = predicted_coco(target.definition, found, held, FlagRule(), LAPLACIAN, final=True)
    write_json(folder / "heldout.json", told)
    write_json(folder / "model.json", {"target": "t", "history": {"faces": {"t": faces}, "seconds": 120.0}})
    write_json(folder / "metrics.json", {"nme": 5.0, "n": len(held)})


def leave_training(
    project: Project, number: int = 1, *, faces: int = 80, off: Mapping[int, float] | None = None
) -> Run:
    """A finished training, together with a source that is a file in the projects folder."""
    folder = leave_predictions(project, number, predictions_of(project, []))
    leave(project, folder, faces, off or dict.fromkeys(HELD, 4.0))
    write_coco(folder / "target.json", project.training_set(), images=project.images)
    record = json.loads((folder / "run.json").read_text())
    settings = {"source": "people", "given": "people.json", "seed": 3, "save_every": 5.0, "steps": 9}
    write_json(folder / "run.json", {**record, **settings, "preset": "tiny", "faces": 6})
    project.export(project.folder.parent / "people.json")
    (folder / "model.safetensors").touch()
    return find_run(project, folder.name)


def leave_curve(project: Project, number: int, parts: Mapping[int, tuple[int, Mapping[int, float]]]) -> Path:
    """A finished measurement of the curve of training 001: share -> how many faces, and how far off."""
    folder = leave_predictions(project, number, predictions_of(project, []))
    (folder / "predictions.json").unlink()
    record = json.loads((folder / "run.json").read_text())
    write_json(folder / "run.json", {**record, "kind": "curve", "of": "001", "parts": [str(s) for s in SHARES]})
    write_coco(folder / "target.json", project.training_set(), images=project.images)
    for share, (faces, off) in parts.items():
        leave(project, folder / str(share), faces, off)
    return folder


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """A folder with the script that parts run instead of a training, which looks into the folder."""
    script = tmp_path / "part" / "part.py"
    script.parent.mkdir()
    script.write_text(PART)
    return script.parent


def measure(project: Project, stand_in: Path) -> Run:
    """Start the curve of training 001 with the script of `stand_in`."""

    def changed(project: Project, record: RunRecord, source: Source | None) -> Commands:
        made = [list(command) for command in commands_of(project, record, source)]
        return [[c[0], str(stand_in / "part.py"), *c[4:]] if c[2] == "mdmd" else c for c in made]

    return start_curve(project, "001", commands=changed)


def test_the_commands_are_those_of_the_training_with_a_share(project: Project):
    leave_training(project)
    given: list[list[str]] = []

    def noted(project: Project, record: RunRecord, source: Source | None) -> Commands:
        given.extend(list(command) for command in commands_of(project, record, source))
        return []

    run = start_curve(project, "001", commands=noted)
    wait(project, over)
    folder = run.folder.resolve()
    parts, clean = given[0::2], given[1::2]
    for share, command in zip((25, 50, 75), parts, strict=True):
        assert command[1:4] == ["-m", "mdmd", "adapt"]
        options = dict(pairwise(command[4:]))
        assert options["--learn-share"] == str(share / 100)
        assert (options["--target"], options["--out"]) == (str(folder / "target.json"), str(folder / str(share)))
        people = (project.folder.parent / "people.json").resolve()
        assert (options["--seed"], options["--steps"], options["--source"]) == ("3", "9", str(people))
        assert options["--bases"] == str((project.folder.parent / ".bases").resolve())
        assert float(options["--save-every"]) > 1e6
        assert (command.count("--out"), command.count("--save-every")) == (1, 1)
    weights = [str(folder / share / "model.safetensors") for share in ("25", "50", "75")]
    assert [(command[1], command[3]) for command in clean] == [("-c", file) for file in weights]
    assert (run.kind, run.of, run.parts, run.faces, run.source) == ("curve", "001", ("25", "50", "75"), 6, "people")
    assert read_record(folder).settings.part_seconds == 120.0
    # The labels are the training's own to the last digit, whatever has been edited since.
    snapshots = [json.loads((project.runs / name / "target.json").read_text()) for name in ("001", run.id)]
    assert all(snapshots[0][key] == snapshots[1][key] for key in ("images", "annotations", "categories"))


def test_parts_run_in_turn_and_leave_no_weights(project: Project, stand_in: Path):
    leave_training(project)
    (stand_in / "hold").touch()
    started = measure(project, stand_in)
    run = wait(project, lambda run: run.step == 3)
    assert (run.state, run.what, run.begun) == ("running", "learning curve of training 001: 0 of 3", 1)
    assert run.eta_seconds == 4 + 2 * 120
    with pytest.raises(ConflictError, match=f"run {started.id}, which measures it, is running"):
        start_curve(project, "001")
    with pytest.raises(ConflictError, match="train equally long; cancel it instead"):
        stop_and_keep(project, started.id)
    page = live_html(project, run)
    assert "Training 001 on 25 % of its faces: part 1 of 3" in page
    assert 'style="width: 11.1%"' in page  # a third of one of three parts
    (stand_in / "go").touch()
    done = wait(project, over)
    assert (done.state, done.what) == ("done", "learning curve of training 001: 3 of 3")
    assert list(parts_of(list_runs(project), "001")) == [25, 50, 75]
    assert list(done.folder.rglob("*.safetensors")) == []
    assert "the report of training 001 shows the curve" in live_html(project, done)
    with pytest.raises(ConflictError, match=f"in the report already; delete run {started.id} to measure it again"):
        start_curve(project, "001")
    [(label, _), _] = run_choices(list_runs(project))
    assert label.startswith("002 · learning curve of training 001: 3 of 3 · done · ")


def test_complete_parts_count_when_a_later_one_fails_and_the_rest_is_measured_next(project: Project, stand_in: Path):
    leave_training(project)
    (stand_in / "fail").write_text("75")
    measure(project, stand_in)
    run = wait(project, over)
    assert (run.state, run.error, run.measured) == ("failed", "the picture a.png is gone", 2)
    assert list(parts_of(list_runs(project), "001")) == [25, 50]
    assert (
        "Failed: the picture a.png is gone. 2 of 3 parts are measured and kept; measure again to add the others."
    ) in live_html(project, run)
    with_stop = replace(run, error="The disk is full. Make room.")
    assert "Failed: The disk is full. Make room. 2 of 3 parts" in live_html(project, with_stop)
    (stand_in / "fail").unlink()
    assert measure(project, stand_in).parts == ("75",)
    wait(project, over)
    assert parts_of(list_runs(project), "001") == {
        share: project.runs / number / str(share) for share, number in ((25, "002"), (50, "002"), (75, "003"))
    }
    assert housekeeping.delete(project, "002") > 0
    assert list(parts_of(list_runs(project), "001")) == [75]


def test_a_curve_waits_for_its_turn_and_is_cancelled(project: Project, stand_in: Path):
    leave_training(project)
    python_run(project, "while not (run / 'go').exists(): time.sleep(0.02)")
    waiting = measure(project, stand_in)
    assert waiting.state == "waiting"
    assert "It trains on the labels of training 001" in live_html(project, waiting)
    (stand_in / "hold").touch()
    (project.runs / "002" / "go").touch()
    run = wait(project, lambda run: run.step == 3)
    cancelled = cancel_run(project, run.id, patience=20)
    assert (cancelled.state, cancelled.measured, cancelled.can_resume) == ("cancelled", 0, False)
    page = live_html(project, cancelled)
    assert "Cancelled. 0 of 3 parts" in page
    assert "learning curve of training 001: 0 of 3" in runs_html(project, [cancelled], None)


def test_a_deleted_training_leaves_a_curve_that_does_no_harm(project: Project, stand_in: Path):
    leave_training(project)
    (stand_in / "hold").touch()
    measure(project, stand_in)
    wait(project, lambda run: run.step == 3)
    with pytest.raises(ConflictError, match="run 002 is measuring the learning curve of run 001; cancel it first"):
        housekeeping.delete(project, "001")
    (stand_in / "go").touch()
    run = wait(project, over)
    assert (run.state, run.measured) == ("done", 3)
    housekeeping.delete(project, "001")
    page = live_html(project, run)
    assert "Training 001 has been deleted, and its report with it" in page
    assert "href" not in page
    with pytest.raises(NotFoundError):
        start_curve(project, "001")
    told = housekeeping.consequences(project, run)
    assert "The report of training 001 loses its learning curve." in told
    assert housekeeping.delete(project, run.id) > 0


def test_what_has_no_curve_says_why(project: Project):
    assert why_not(leave_training(project)) is None
    assert why_not(leave_training(project, 2, faces=12)) is None
    reason = "it learned from 11 faces, and a curve needs 12: the smallest part is a quarter, and a training needs at"
    assert str(why_not(leave_training(project, 3, faces=11))).startswith(reason)
    for number, metrics, code in (
        (4, {"rarely_labeled": {}}, 0),
        (5, {"nme": 5.0, "n": 4, "stopped": {"step": 3, "of": 9}}, 0),
        (6, {"nme": 5.0, "n": 4}, 1),
    ):
        folder = leave_training(project, number).folder
        write_json(folder / "metrics.json", metrics)
        write_json(folder / "exit.json", {"code": code, "ended_at": 1060.0})
    (project.runs / "006" / "metrics.json").unlink()  # it failed before anything was measured
    leave_curve(project, 7, {})
    said = {
        4: "it held out no faces to measure on",
        5: "it was stopped early",
        6: "only a finished training has one, and this one is failed",
        7: "it is not a training",
    }
    for number, words in said.items():
        run = read_run(project.runs / f"{number:03d}")
        assert run is not None
        assert str(why_not(run)).startswith(words)
        with pytest.raises(ConflictError, match=f"no learning curve of run {run.id}: {words}"):
            start_curve(project, run.id)
    with pytest.raises(NotFoundError, match="has no run 099"):
        start_curve(project, "099")


def test_the_page_offers_a_curve_with_its_cost(project: Project):
    training = leave_training(project)
    said, button = curve_offer(list_runs(project), training)
    assert "What would more labels buy?" in str(said)
    assert (button["value"], button["visible"]) == ("Measure the learning curve, about 6 minutes", True)  # thrice 120 s
    leave_curve(project, 2, {25: (20, dict.fromkeys(HELD, 8.0)), 50: (40, dict.fromkeys(HELD, 6.0))})
    assert curve_offer(list_runs(project), training)[1]["value"] == "Measure the learning curve, about 2 minutes"
    assert "about 2 minutes" in how_to_measure(list_runs(project), training)
    few, hidden = curve_offer([], leave_training(project, 3, faces=5))
    assert "it learned from 5 faces, and a curve needs 12" in str(few)
    assert hidden["visible"] is False


# The report


def test_errors_that_follow_a_power_law_give_it_back_exactly(project: Project):
    # NME = 20 n^-0.5 percent on every face, so no resample differs: 4 pixels of the nose are 5 %.
    pixels = {n: 16 / math.sqrt(n) for n in (25, 50, 75, 100)}
    leave_training(project, faces=100, off=dict.fromkeys(HELD, pixels[100]))
    folder = leave_curve(project, 2, {s: (s, dict.fromkeys(HELD, pixels[s])) for s in SHARES})
    found = [(s, read_heldout(folder / str(s), target=folder / "target.json")) for s in SHARES]
    found.append((100, read_heldout(project.runs / "001")))
    curve = learning_curve([(n, told) for n, told in found if told is not None][::-1])
    assert (curve.faces, curve.heldout) == ((25, 50, 75, 100), 5)
    assert [nme.value for nme in curve.nme] == pytest.approx([4, 20 / math.sqrt(50), 20 / math.sqrt(75), 2])
    assert curve.law is not None
    assert (curve.law.scale, curve.law.exponent) == pytest.approx((20, 0.5))
    gain = 2 - 20 / math.sqrt(125)
    assert curve.law.gain == pytest.approx((gain, gain, gain))
    page = report_of(project, "001")
    assert "are expected to lower the error by <b>0.21 points</b> (95 % interval 0.21 to 0.21)" in page
    assert "from 2.00 to 1.79 %" in page
    assert "NME = 20.0 · n<sup>-0.50</sup>" in page
    assert "from one training for each number of faces" in page
    assert "With so few held-out faces the interval itself is uncertain" in page
    assert '<td class="number">50</td><td><b>2.83 %</b>' in page


def test_the_interval_is_that_of_fits_to_the_same_resamples_of_all_four(project: Project):
    rng = np.random.default_rng(5)
    level = {25: 8.0, 50: 6.0, 75: 5.5, 100: 5.0}
    off = {n: {face: value + rng.uniform(0, 2) for face in HELD} for n, value in level.items()}
    leave_training(project, faces=100, off=off[100])
    folder = leave_curve(project, 2, {s: (s, off[s]) for s in SHARES})
    found = [(s, read_heldout(folder / str(s), target=folder / "target.json")) for s in SHARES]
    found.append((100, read_heldout(project.runs / "001")))
    law = learning_curve([(n, told) for n, told in found if told is not None]).law
    assert law is not None
    gains = []
    for picks in np.random.default_rng(0).integers(0, 5, (2000, 5)):
        means = [np.mean([1.25 * off[n][HELD[k]] for k in picks]) for n in level]
        slope, start = np.polyfit(np.log(list(level)), np.log(means), 1)
        gains.append(math.exp(start) * (100**slope - 125**slope))
    assert (law.gain.low, law.gain.high) == pytest.approx(tuple(np.percentile(gains, [2.5, 97.5])))
    assert law.gain.low < law.gain.value < law.gain.high


def test_a_curve_without_a_slope_says_that_no_gain_is_to_be_seen(project: Project):
    leave_training(project, faces=80, off={1: 1.0, 2: 8.0, 3: 4.0, 4: 2.0, 5: 4.0})
    one, other = {1: 8.0, 2: 1.0, 3: 2.0, 4: 4.0, 5: 2.0}, {1: 2.0, 2: 4.0, 3: 8.0, 4: 1.0, 5: 8.0}
    leave_curve(project, 2, {25: (20, one), 50: (40, other), 75: (60, one)})
    page = report_of(project, "001")
    assert "25 more training faces: <b>no significant gain</b>. Along the fitted curve the error changes by" in page
    change, low, high = (
        float(number) for number in re.findall(r"[+-]\d\.\d\d", page.partition("the error changes by")[2])[:3]
    )
    assert low < 0 < high
    assert low < change < high
    assert "are expected to lower" not in page
    assert "NaN" not in page


def test_a_curve_over_few_held_out_faces_has_no_intervals(project: Project):
    few = {1: 1.0, 2: 8.0, 3: 4.0, 4: 2.0}
    leave_training(project, faces=80, off=few)
    leave_curve(project, 2, {n: (4 * n // 5, {face: 2 * by for face, by in few.items()}) for n in (25, 50, 75)})
    page = report_of(project, "001")
    assert "measured on the same 4 held-out faces. No intervals are given: it takes 5 faces" in page
    assert "but so few held-out faces cannot show how far to trust this" in page
    assert "nan" not in page
    assert "95 % interval" not in page


def test_a_curve_that_is_not_measured_is_told_of_on_the_server_only(project: Project):
    leave_training(project)
    assert "Learning curve" not in report_of(project, "001")
    assert "“Measure the learning curve” trains again" in report_of(project, "001", linked=True)
    leave_training(project, 2, faces=5)
    assert "There is none: it learned from 5 faces" in report_of(project, "002", linked=True)


def test_parts_that_are_missing_spoiled_or_of_other_faces_leave_the_report_whole(project: Project):
    leave_training(project)
    folder = leave_curve(project, 2, {25: (20, dict.fromkeys(HELD, 8.0)), 50: (40, dict.fromkeys(HELD, 6.0))})
    assert "power law" in report_of(project, "001")
    (folder / "50" / "heldout.json").write_text("{")
    page = report_of(project, "001")
    assert "2 trainings are too few to estimate the gain from more labels" in page
    assert "power law" not in page
    leave(project, folder / "25", 20, {1: 8.0, 5: 8.0})
    assert "Learning curve" not in report_of(project, "001")
    shutil.rmtree(folder)
    assert "Learning curve" not in report_of(project, "001")


def test_the_command_line_waits_and_ends_with_the_report(
    project: Project,
    stand_in: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    command = ["--projects", str(tmp_path / "projects"), "curve", "faces"]
    assert main(command) == 2
    assert "no finished training" in capsys.readouterr().err
    leave_training(project)
    assert main([*command, "009"]) == 2
    assert "has no run 009" in capsys.readouterr().err
    monkeypatch.setattr(report_command, "start_curve", lambda project, run_id: measure(project, stand_in))
    assert main(command) == 0
    told = capsys.readouterr().out.splitlines()
    assert told[0].startswith("measuring the learning curve of training 001 in 3 parts: ")
    assert "learning from 75 % of the faces, part 3 of 3" in told[1:]
    assert "learning curve of training 001: 3 of 3" in told[-2]
    assert told[-1].endswith("report.html")
    assert main(["--projects", str(tmp_path / "projects"), "runs", "faces"]) == 0
    assert "002, learning curve of training 001: 3 of 3, done, " in capsys.readouterr().out
