"""Run the experiments of a table: train what is missing, then evaluate. `report.py` prints the results.

A run is a folder OUT/<training>/<seed>, made by the public command line in a process of its own. Finished runs are
read, not repeated. An interrupted run is started again with the same command, which resumes it if possible.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from mdmd.errors import DataError
from mdmd.experiments.tables import WHOLE, Row, Table, Training
from mdmd.files import parse_json, read_json, write_json
from mdmd.training.schedule import Budget

#: Runs an `mdmd` command, given as a list of arguments, and returns its exit code.
Launch = Callable[[Sequence[str]], int]
State = Literal["done", "interrupted", "to do", "other", "no data"]

#: A file in the run's folder with its choices, the seconds it has taken, and whether it is trained.
RECORD = "experiment.json"
#: The paper learns from all training faces.
ALL_FACES = "train.heldout_share=0"


def launch_process(words: Sequence[str]) -> int:
    """Run an `mdmd` command in its own process. MDMD_WEIGHTS is ignored: only weights on the command line count."""
    command = [sys.executable, "-m", "mdmd", *words]
    environment = {name: value for name, value in os.environ.items() if name != "MDMD_WEIGHTS"}
    return subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False).returncode


def find(name: str, root: Path, added: Collection[str]) -> str | None:
    """The value of `--target` and `--source` for the set `name`; None if the set is not found.

    It is ROOT/name/annotations.json if that exists, or else the name of an added set.
    """
    file = root / name / "annotations.json"
    if file.is_file():
        return str(file)
    return name if name in added else None


def how_to_add(name: str, root: Path) -> str:
    """Tell the user how to add the set `name`, which `find` did not find."""
    there = root / name
    place = there if there.is_dir() else "FOLDER"
    return f"{name}: put a COCO file at {there / 'annotations.json'}, or `mdmd sources add {place} --name {name}`"


@dataclass(frozen=True)
class Run:
    """One training with one seed, in `folder`."""

    training: Training
    seed: int
    folder: Path

    @property
    def name(self) -> str:
        return f"{self.training.name}/{self.seed}"

    @property
    def is_base(self) -> bool:
        return self.training.mode == "base"

    @property
    def record(self) -> dict[str, Any]:
        """`choices`, the `seconds` of all attempts and whether the run is `trained`; empty before the first attempt."""
        return read_result(self.folder / RECORD) or {}

    @property
    def seconds(self) -> float:
        return float(self.record.get("seconds", 0.0))

    def measurement(self, row: Row, subset: str) -> Path:
        """The file with the metrics of a subset of the test split."""
        words = [word for word in (subset, row.normalizer) if word not in (WHOLE, "definition")]
        return self.folder / ("-".join(["test", *words]) + ".json")


@dataclass(frozen=True)
class Experiment:
    """A table and how it is run.

    Data is searched under `root` and among the names `added`; runs are written under `out`. `seeds` is the number of
    seeds of each row, `budget` is for each adaptation and `base_budget` for each base. `weights` are the encoder's
    weights and `settings` apply to all rows. Only a table with metrics of calibration holds out training faces, unless
    `settings` ask for it. If `only` has patterns, only rows whose training's name matches one run.
    """

    table: Table
    root: Path
    out: Path
    seeds: int
    budget: Budget
    base_budget: Budget
    weights: str | None = None
    settings: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    added: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise DataError(f"--seeds is {self.seeds}, wanted at least 1")
        names = dict.fromkeys(row.training.name for row in self.table.rows)
        for pattern in self.only:
            if not any(fnmatchcase(name, pattern) for name in names):
                raise DataError(f"--only {pattern} matches no run; there are: {', '.join(names)}")

    # Which runs there are

    def rows(self) -> list[Row]:
        """A row for each base that a training starts from, then the rows of the table."""
        own = [r for r in self.table.rows if not self.only or any(fnmatchcase(r.training.name, p) for p in self.only)]
        bases = dict.fromkeys(base for row in own if (base := row.training.base) is not None)
        return [*(Row(f"base: {' and '.join(base.data)}, {base.preset}", base) for base in bases), *own]

    def runs(self) -> list[Run]:
        """Bases first, with one seed, then all trainings with the first seed, with the second, and so on.

        In this order an interrupted experiment gives the whole table with fewer seeds.
        """
        trainings = dict.fromkeys(row.training for row in self.rows())
        bases = [self.run(training, 0) for training in trainings if training.mode == "base"]
        return bases + [self.run(t, seed) for seed in range(self.seeds) for t in trainings if t.mode != "base"]

    def run(self, training: Training, seed: int) -> Run:
        """The run of `training` with `seed`."""
        return Run(training, seed, self.out / training.name / str(seed))

    def missing(self, training: Training) -> list[str]:
        """The names of the sets that the training needs and that were not found."""
        return [name for name in training.data if find(name, self.root, self.added) is None]

    # The state of a run

    def budget_of(self, run: Run) -> Budget:
        """The training budget of the run."""
        return self.base_budget if run.is_base else self.budget

    @property
    def shared_settings(self) -> tuple[str, ...]:
        """The settings of all rows; a later one replaces an earlier one."""
        return self.settings if self.table.calibrated else (ALL_FACES, *self.settings)

    def choices(self, run: Run) -> dict[str, Any]:
        """All choices that define a run, as JSON. Runs with other choices do not belong in the same table."""
        chosen = {
            "training": asdict(run.training),
            "seed": run.seed,
            "budget": asdict(self.budget_of(run)),
            "base_budget": None if run.training.base is None else asdict(self.base_budget),
            "weights": None if self.weights is None else Path(self.weights).name,
            "settings": self.shared_settings,
        }
        return parse_json(json.dumps(chosen), "choices")

    def state(self, run: Run) -> State:
        """The state of the run; "other" if its folder holds a run with other choices."""
        record = run.record
        if record and record.get("choices") != self.choices(run):
            return "other"
        if record.get("trained") and all(file.is_file() for file in self.measurements(run)):
            return "done"
        if self.missing(run.training):
            return "no data"
        return "interrupted" if record else "to do"

    def measurements(self, run: Run) -> dict[Path, list[str]]:
        """The files of metrics that the table needs from a run, and the options of `mdmd evaluate` for each."""
        found: dict[Path, list[str]] = {}
        for row in self.rows():
            for subset in row.subsets if row.training == run.training else ():
                options = ["--subset", subset] if subset != WHOLE else []
                options += ["--normalizer", row.normalizer] if row.normalizer != "definition" else []
                found[run.measurement(row, subset)] = options
        return found

    def finished(self, training: Training) -> list[Run]:
        """The finished runs of `training`, with any seed."""
        folders = (self.out / training.name).glob(f"*/{RECORD}")
        runs = [self.run(training, int(f.parent.name)) for f in folders if f.parent.name.isdecimal()]
        return sorted((run for run in runs if self.state(run) == "done"), key=lambda run: run.seed)

    # Running

    def command(self, run: Run) -> list[str]:
        """The arguments of the `mdmd` command that trains the run."""
        training = run.training
        target, *sources = (str(find(name, self.root, self.added)) for name in training.data)
        if run.is_base:
            words = ["train", *(word for data in (target, *sources) for word in ("--data", data))]
        else:
            beside = sources if training.mode in ("mdmd", "together") else []
            words = ["adapt", "--target", target, *(word for data in beside for word in ("--source", data))]
        if training.base is not None:
            words += ["--from", str(self.run(training.base, 0).folder)]
        if training.faces is not None:
            words += ["--train-faces", str(training.faces)]
        words += ["--preset", training.preset]
        if training.encoder is not None:
            words += ["--encoder", training.encoder]
        for setting in (*training.settings, *self.shared_settings):
            words += ["--set", setting]
        weights = {"given": self.weights, "own": None, "none": "none"}[training.weights]
        if weights is not None:
            words += ["--weights", weights]
        budget = self.budget_of(run)
        words += ["--steps", str(budget.steps)] if budget.steps is not None else ["--minutes", f"{budget.minutes:g}"]
        return [*words, "--seed", str(run.seed), "--quiet", "--out", str(run.folder)]

    def execute(self, launch: Launch, say: Callable[[str], None]) -> None:
        """Train and evaluate all runs that are not done and whose data is there.

        Raises DataError for a run that was made with other choices, for a run that fails, and if no run has its data.
        """
        runs = self.runs()
        states = {run: self.state(run) for run in runs}
        for run in (run for run in runs if states[run] == "other"):
            raise DataError(f"{run.folder} holds a run with another budget, weights or settings; choose another --out")
        if all(state == "no data" for state in states.values()):
            raise DataError("no run has its data; " + "; ".join(self.wanted()))
        for number, run in enumerate(runs, start=1):
            if states[run] in ("done", "no data"):
                continue
            self._train(run, launch)
            self._measure(run, launch)
            found = [read_result(file) for file in self.measurements(run)]
            nme = ", ".join(f"{numbers['nme']:.2f} %" for numbers in found)
            say(f"[{number}/{len(runs)}] {run.name}: NME {nme} after {run.seconds / 60:.1f} minutes{work(found[0])}")

    def wanted(self) -> list[str]:
        """A line for each missing set, which tells how to add it."""
        names = dict.fromkeys(name for run in self.runs() for name in self.missing(run.training))
        return [how_to_add(name, self.root) for name in names]

    def _train(self, run: Run, launch: Launch) -> None:
        record = run.record or {"choices": self.choices(run), "seconds": 0.0, "trained": False}
        if record["trained"]:
            return
        run.folder.mkdir(parents=True, exist_ok=True)
        write_json(run.folder / RECORD, record)
        began, before = time.monotonic(), record["seconds"]
        try:
            check(launch(self.command(run)), run)
            record["trained"] = True
        finally:
            record["seconds"] = round(before + time.monotonic() - began, 1)
            write_json(run.folder / RECORD, record)

    def _measure(self, run: Run, launch: Launch) -> None:
        data = str(find(run.training.target, self.root, self.added))
        for file, options in self.measurements(run).items():
            if not file.is_file():
                check(launch(["evaluate", str(run.folder), "--data", data, *options, "--json", str(file)]), run)


def work(numbers: Mapping[str, Any]) -> str:
    """The steps of a training in words, from the metrics of `mdmd evaluate`; empty where an older file has none."""
    steps, batch, seen = (numbers.get(key) for key in ("steps", "batch_size", "faces_seen"))
    return "" if seen is None else f", {steps:,} steps of {batch} faces, {seen:,} faces seen"


def read_result(path: Path) -> Any:
    """The JSON object at `path`, or None if there is no file. Raises DataError if it is not a JSON object."""
    if not path.exists():
        return None
    try:
        found = read_json(path, constants=True)
        if not isinstance(found, dict):
            raise DataError(f"{path}: found a JSON {type(found).__name__}, wanted an object")
        return found
    except DataError as error:
        raise DataError(f"{error}; delete its folder to run it again") from None


def check(code: int, run: Run) -> None:
    """Raise KeyboardInterrupt if the command was interrupted, and DataError if it failed."""
    if code in (130, -2):
        raise KeyboardInterrupt
    if code != 0:
        raise DataError(f"the run in {run.folder} failed with exit code {code}; the same command resumes from here")
