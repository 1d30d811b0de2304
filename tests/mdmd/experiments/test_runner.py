"""A table runs once: finished runs are read, interrupted runs resume, and missing data is reported."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from mdmd.cli import main as cli
from mdmd.errors import DataError
from mdmd.experiments.report import forecast, markdown
from mdmd.experiments.runner import Experiment, find, launch_process
from mdmd.experiments.tables import PAPER_TABLES, TABLES, WHOLE, Numbers, Row, Table, Training
from mdmd.synthetic.datasets import write_source
from mdmd.training.schedule import Budget
from tests.builders import write_pareidolias

TINY = {"preset": "tiny", "weights": "none"}
ALONE = Training("objects", **TINY)
TABLE = Table(
    "Drawn objects",
    (
        Row("alone", ALONE, {WHOLE: Numbers(9.12, 28.0, 23.65)}),
        Row("transfer", Training("objects", "transfer", ("people",), **TINY)),
        Row("beside people", Training("objects", "mdmd", ("people",), faces=4, **TINY)),
    ),
    "A note.",
    calibrated=True,
)
NUMBERS = {
    "nme": 8.0,
    "nme_low": 7.0,
    "nme_high": 9.5,
    "fr10": 25.0,
    "auc10": 30.0,
    "coverage50": 0.5,
    "coverage90": 0.9,
    "auroc_wrong": None,
    "flag_recall": 1.0,
    "flag_rate": 0.25,
    "n": 3,
    "steps": 300,
    "batch_size": 16,
    "faces_seen": 4800,
    "minutes": 5.0,
}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    write_source(root / "people", 10, seed=0)
    write_pareidolias(root / "objects", 10)
    return root


@pytest.fixture
def experiment(drawn: Path, tmp_path: Path) -> Experiment:
    return Experiment(TABLE, drawn, tmp_path / "runs", 2, Budget(minutes=5), Budget(minutes=20))


class Pretend:
    """Records commands instead of running them, writes NME 8, 9 ... for evaluations, and fails at command `dies_at`."""

    def __init__(self, dies_at: int | None = None) -> None:
        self.commands: list[list[str]] = []
        self.dies_at = dies_at

    def __call__(self, words: Sequence[str]) -> int:
        self.commands.append(list(words))
        if len(self.commands) == self.dies_at:
            raise KeyboardInterrupt
        if words[0] == "evaluate":
            out = Path(words[words.index("--json") + 1])
            out.write_text(json.dumps({**NUMBERS, "nme": 8.0 + int(out.parent.name)}))
        return 0

    @property
    def trained(self) -> list[str]:
        folders = [Path(words[-1]) for words in self.commands if words[0] != "evaluate"]
        return [f"{folder.parent.name}/{folder.name}" for folder in folders]


RUNS = [
    "people-base-tiny-scratch/0",
    "objects-alone-tiny-scratch/0",
    "objects+people-transfer-tiny-scratch/0",
    "objects+people-mdmd-tiny-scratch-4/0",
    "objects-alone-tiny-scratch/1",
    "objects+people-transfer-tiny-scratch/1",
    "objects+people-mdmd-tiny-scratch-4/1",
]


def test_bases_come_first_then_all_rows_seed_by_seed(experiment: Experiment):
    pretend = Pretend()
    said: list[str] = []
    experiment.execute(pretend, said.append)
    assert pretend.trained == RUNS
    assert len(pretend.commands) == 2 * len(RUNS)
    assert said[1].startswith("[2/7] objects-alone-tiny-scratch/0: NME 8.00 % after ")
    assert said[1].endswith(" minutes, 300 steps of 16 faces, 4,800 faces seen")


def test_the_commands_are_those_of_the_command_line(experiment: Experiment, drawn: Path):
    objects, people = str(drawn / "objects" / "annotations.json"), str(drawn / "people" / "annotations.json")
    base, alone, transfer, beside, *_ = experiment.runs()
    tail = ["--preset", "tiny", "--weights", "none", "--minutes", "5", "--seed", "0", "--quiet", "--out"]
    start = ["--from", str(base.folder)]
    assert experiment.command(base)[:3] == ["train", "--data", people]
    assert experiment.command(base)[7:9] == ["--minutes", "20"]
    assert experiment.command(alone) == ["adapt", "--target", objects, *tail, str(alone.folder)]
    assert experiment.command(transfer) == ["adapt", "--target", objects, *start, *tail, str(transfer.folder)]
    assert experiment.command(beside) == [
        *["adapt", "--target", objects, "--source", people, *start, "--train-faces", "4"],
        *[*tail, str(beside.folder)],
    ]
    for run in experiment.runs():
        words = experiment.command(run)
        assert cli.parser().parse_args(words).preset == "tiny"


def test_settings_weights_and_encoders_reach_the_command(drawn: Path, tmp_path: Path):
    rows = (
        Row("other", Training("objects", encoder="resnet50", weights="own")),
        Row("mine", Training("objects", settings=("model.groups=5",)), normalizer="box"),
    )
    experiment = Experiment(
        *(Table("", rows), drawn, tmp_path, 1, Budget(7), Budget(7)), weights="w.safetensors", settings=("train.x=1",)
    )
    other, mine = map(experiment.command, experiment.runs())
    given = ["--set", "train.heldout_share=0", "--set", "train.x=1"]
    assert other[3:] == [
        *["--preset", "paper", "--encoder", "resnet50", *given, "--steps", "7"],
        *["--seed", "0", "--quiet", "--out", str(experiment.runs()[0].folder)],
    ]
    assert mine[3:13] == [
        *["--preset", "paper", "--set", "model.groups=5", *given],
        *["--weights", "w.safetensors"],
    ]
    pretend = Pretend()
    experiment.execute(pretend, lambda _: None)
    assert pretend.commands[-1][4:] == [
        "--normalizer",
        "box",
        "--json",
        str(experiment.runs()[1].folder / "test-box.json"),
    ]


@pytest.mark.parametrize(("calibrated", "settings", "learned"), [(False, (), 8), (False, (0.5,), 4), (True, (), 7)])
def test_a_table_of_the_paper_trains_on_all_training_faces(
    experiment: Experiment, calibrated: bool, settings: tuple[float, ...], learned: int
):
    alone = replace(
        experiment,
        table=Table("", (Row("alone", ALONE),), calibrated=calibrated),
        seeds=1,
        budget=Budget(1),
        settings=tuple(f"train.heldout_share={share}" for share in settings),
    )
    alone.execute(cli.main, lambda _: None)
    made = json.loads((alone.runs()[0].folder / "model.json").read_text())["history"]
    assert made["faces"] == {"objects": learned}
    assert made["heldout"].get("n", 0) == 8 - learned


def test_no_table_of_the_paper_holds_out_faces(drawn: Path, tmp_path: Path):
    for name, table in TABLES.items():
        made = Experiment(table, drawn, tmp_path, 1, Budget(7), Budget(7))
        held_out = [run.name for run in made.runs() if "train.heldout_share=0" not in made.command(run)]
        assert held_out == ([run.name for run in made.runs()] if name not in PAPER_TABLES else []), name


def test_runs_of_the_paper_that_held_out_faces_are_not_mixed_with_others(experiment: Experiment):
    table = replace(experiment, table=Table("", (Row("alone", ALONE),)))
    calibrated = replace(table, table=replace(table.table, calibrated=True))
    calibrated.execute(Pretend(), lambda _: None)
    with pytest.raises(DataError, match="holds a run with another budget, weights or settings"):
        table.execute(Pretend(), lambda _: None)


def test_finished_runs_are_not_repeated_and_killed_ones_are(experiment: Experiment):
    killed = Pretend(dies_at=5)  # base and its evaluation, alone and its evaluation, transfer
    with pytest.raises(KeyboardInterrupt):
        experiment.execute(killed, lambda _: None)
    states = [experiment.state(run) for run in experiment.runs()]
    assert states == ["done", "done", "interrupted", "to do", "to do", "to do", "to do"]
    again = Pretend()
    experiment.execute(again, lambda _: None)
    assert again.trained == RUNS[2:]
    nothing = Pretend()
    experiment.execute(nothing, lambda _: None)
    assert nothing.commands == []


def test_a_run_that_is_trained_but_not_measured_is_only_measured(experiment: Experiment):
    with pytest.raises(KeyboardInterrupt):
        experiment.execute(Pretend(dies_at=2), lambda _: None)
    again = Pretend()
    experiment.execute(again, lambda _: None)
    assert again.commands[0][0] == "evaluate"
    assert again.trained == RUNS[1:]


def test_a_failing_run_stops_with_its_folder(experiment: Experiment):
    with pytest.raises(DataError, match=r"people-base-tiny-scratch/0 failed with exit code 1; the same command"):
        experiment.execute(lambda words: 1, lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        experiment.execute(lambda words: 130, lambda _: None)
    assert experiment.state(experiment.runs()[0]) == "interrupted"


def test_runs_with_another_budget_are_not_mixed(experiment: Experiment):
    experiment.execute(Pretend(), lambda _: None)
    longer = replace(experiment, budget=Budget(minutes=6))
    with pytest.raises(DataError, match="objects-alone-tiny-scratch/0 holds a run with another budget"):
        longer.execute(Pretend(), lambda _: None)
    assert "other        objects-alone-tiny-scratch/0  has another budget" in forecast(longer)


def test_rows_without_data_are_left_out_and_reported(experiment: Experiment):
    rows = (Row("alone", ALONE), Row("absent", Training("cofw", "mdmd", ("lapa",))))
    some = replace(experiment, table=Table("", rows), seeds=1)
    pretend = Pretend()
    some.execute(pretend, lambda _: None)
    assert pretend.trained == ["objects-alone-tiny-scratch/0"]
    assert "  no data      cofw+lapa-mdmd-paper/0\n" in forecast(some)
    assert f"  cofw: put a COCO file at {some.root}/cofw/annotations.json, or `mdmd sources add FOLDER" in forecast(
        some
    )
    with pytest.raises(DataError, match="no run has its data; cofw: put a COCO file at"):
        replace(some, only=("cofw*",)).execute(pretend, lambda _: None)
    named = replace(some, added=frozenset({"cofw", "lapa"}))
    assert named.command(named.runs()[1])[:5] == ["adapt", "--target", "cofw", "--source", "lapa"]


def test_a_set_is_found_as_a_file_or_by_its_name(drawn: Path):
    assert find("people", drawn, ()) == str(drawn / "people" / "annotations.json")
    assert find("300w", drawn, {"300w"}) == "300w"
    assert find("300w", drawn, ()) is None


def test_only_some_rows_are_run(experiment: Experiment):
    pretend = Pretend()
    replace(experiment, only=("*-4",), seeds=1).execute(pretend, lambda _: None)
    assert pretend.trained == [RUNS[0], RUNS[3]]
    with pytest.raises(DataError, match=r"--only \*-5 matches no run; there are: objects-alone-tiny-scratch, "):
        replace(experiment, only=("*-5",))
    with pytest.raises(DataError, match="--seeds is 0"):
        replace(experiment, seeds=0)


def test_a_forecast_uses_the_budget_and_then_the_times_of_finished_runs(experiment: Experiment):
    assert forecast(experiment).splitlines() == [
        "Drawn objects",
        "  to do        people-base-tiny-scratch/0  about 20 min 00 s",
        *[f"  to do        {name}  about 5 min 00 s" for name in RUNS[1:]],
        "7 runs to go, about 50 min 00 s",
    ]
    steps = replace(experiment, budget=Budget(3), base_budget=Budget(3))
    assert forecast(steps).endswith("7 runs to go, unknown time (the budget is in steps)")
    with pytest.raises(KeyboardInterrupt):
        experiment.execute(Pretend(dies_at=5), lambda _: None)
    alone = experiment.runs()[1]
    record = {**alone.record, "seconds": 4000.0}
    (alone.folder / "experiment.json").write_text(json.dumps(record))
    lines = forecast(experiment).splitlines()
    assert lines[2] == "  done         objects-alone-tiny-scratch/0  took 1 h 07 min"
    (alone.folder / "experiment.json").write_text("[1]")
    with pytest.raises(DataError, match=r"experiment\.json: found a JSON list, wanted an object"):
        forecast(experiment)
    (alone.folder / "experiment.json").write_text(json.dumps(record))
    assert lines[3] == "  interrupted  objects+people-transfer-tiny-scratch/0  about 1 h 07 min"
    assert lines[-1] == "5 runs to go, about 5 h 33 min"


def test_the_table_shows_ours_beside_the_papers(experiment: Experiment):
    experiment.execute(Pretend(), lambda _: None)
    lines = markdown(experiment).splitlines()
    assert lines[0] == "Drawn objects"
    assert lines[-1] == "A note."
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert [len(row) for row in table] == [len(table[0])] * 6
    head, _, base, alone, *_ = table
    assert base[:2] == ["base: people, tiny", "all"]
    assert dict(zip(head, alone, strict=True)) == {
        "run": "alone",
        "test": "all",
        "paper's NME %": "9.12",
        "NME %": "8.50",
        "over faces": "7.00 to 9.50",
        "over seeds": "8.00 to 9.00",
        "paper's FR10 %": "28.00",
        "FR10 %": "25.00",
        "paper's AUC10 %": "23.65",
        "AUC10 %": "30.00",
        "in 50 % ellipse": "0.500",
        "in 90 % ellipse": "0.900",
        "AUROC of wrong": "-",
        "wrong points flagged": "1.000",
        "points flagged": "0.250",
        "seeds": "2",
        "steps": "300",
        "batch": "16",
        "faces seen": "4800",
        "minutes": "0.0",
    }


def test_a_table_shows_all_finished_seeds_and_no_others(experiment: Experiment):
    replace(experiment, only=("objects-alone*",)).execute(Pretend(), lambda _: None)
    lines = markdown(replace(experiment, seeds=1)).splitlines()
    assert lines[5].endswith("| 2 | 300 | 16 | 4800 | 0.0 |")
    assert lines[6].startswith("| transfer | all | - | - | - | - |")
    assert lines[6].endswith("| 0 | - | - | - | - |")


def test_the_table_of_faces_has_no_columns_of_a_paper(drawn: Path, tmp_path: Path):
    faces = Experiment(TABLES["faces"], drawn, tmp_path, 3, Budget(minutes=5), Budget(minutes=20))
    assert "paper's" not in markdown(faces)
    assert len(faces.runs()) == 1 + 3 * 40


def test_subsets_are_evaluated_separately(experiment: Experiment, drawn: Path):
    row = Row("alone", ALONE, {"common": Numbers(2.91), WHOLE: Numbers(3.34)})
    pretend = Pretend()
    some = replace(experiment, table=Table("", (row,)), seeds=1)
    some.execute(pretend, lambda _: None)
    folder = some.runs()[0].folder
    assert [words[4:] for words in pretend.commands[1:]] == [
        ["--subset", "common", "--json", str(folder / "test-common.json")],
        ["--json", str(folder / "test.json")],
    ]
    lines = markdown(some).splitlines()
    assert [line.split(" | ")[1:4] for line in lines[4:6]] == [["common", "2.91", "8.00"], ["all", "3.34", "8.00"]]


def test_a_small_table_is_trained_evaluated_and_resumed(experiment: Experiment, tmp_path: Path):
    small = replace(experiment, seeds=1, budget=Budget(2), base_budget=Budget(2))
    commands = 0

    def launch(words: Sequence[str]) -> int:
        nonlocal commands
        commands += 1
        if commands == 5:
            raise KeyboardInterrupt
        return cli.main(words)

    with pytest.raises(KeyboardInterrupt):
        small.execute(launch, lambda _: None)
    alone = small.runs()[1].folder / "model.safetensors"
    stamp = alone.stat().st_mtime_ns
    small.execute(launch, lambda _: None)
    assert commands == 5 + 4
    assert alone.stat().st_mtime_ns == stamp
    assert [small.state(run) for run in small.runs()] == ["done"] * 4
    assert [line.split(" | ")[-5:-1] for line in markdown(small).splitlines()[4:8]] == 4 * [["1", "2", "8", "16"]]


def test_launch_process_returns_the_exit_code(capfd: pytest.CaptureFixture[str]):
    assert launch_process(["adapt", "--out", "run"]) == 2  # refused before torch is loaded
    assert "required: --target" in capfd.readouterr().err


def test_the_command_lists_and_refuses(drawn: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    options = ["--data", str(drawn), "--out", str(tmp_path / "runs")]
    assert cli.main(["experiment", "table3", *options, "--seeds", "1", "--dry-run"]) == 0
    shown = capsys.readouterr().out
    assert "  no data      pare+300w-mdmd-paper/0\n" in shown
    assert shown.endswith("0 runs to go\n")
    assert cli.main(["experiment", "table33", *options]) == 2
    assert "no table 'table33'; there are: table1, table2, " in capsys.readouterr().err
    assert cli.main(["experiment", "table1", *options]) == 2
    assert "no run has its data; cofw: put a COCO file at" in capsys.readouterr().err
    assert cli.main(["experiment", "table1", *options, "--minutes", "0"]) == 2
    assert not (tmp_path / "runs").exists()
