"""Reports of an experiment: a forecast of its runs, and its table with the paper's numbers beside ours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import fmean
from typing import Any

from mdmd.experiments.runner import Experiment, Run, read_result
from mdmd.experiments.tables import Numbers

#: What a training took, as `mdmd evaluate` says it.
EFFORT = {"steps": "steps", "batch_size": "batch", "faces_seen": "faces seen"}
#: Metrics of `mdmd evaluate` that the paper prints, and those that it does not print; shares unless in percent.
PRINTED = {"nme": "NME %", "fr10": "FR10 %", "auc10": "AUC10 %"}
CALIBRATION = {
    "coverage50": "in 50 % ellipse",
    "coverage90": "in 90 % ellipse",
    "auroc_wrong": "AUROC of wrong",
    "flag_recall": "wrong points flagged",
    "flag_rate": "points flagged",
}


def forecast(experiment: Experiment) -> str:
    """All runs with their states, the missing data, and the time left."""
    runs = experiment.runs()
    states = {run: experiment.state(run) for run in runs}
    lines, left = [experiment.table.title], []
    for run in runs:
        words = {"other": "has another budget, weights or settings; choose another --out", "no data": ""}.get(
            states[run]
        )
        if states[run] == "done":
            words = f"took {duration(run.seconds)}"
        elif words is None:
            like = [done.seconds for done in runs if states[done] == "done" and done.is_base == run.is_base]
            left.append(expected(experiment, run, like))
            words = "unknown time" if left[-1] is None else f"about {duration(left[-1])}"
        lines.append(f"  {states[run]:<11}  {run.name}  {words}".rstrip())
    wanted = experiment.wanted()
    if wanted:
        lines += ["missing data:", *(f"  {line}" for line in wanted)]
    known = [seconds for seconds in left if seconds is not None]
    total = f"about {duration(sum(known))}" if len(known) == len(left) else "unknown time (the budget is in steps)"
    return "\n".join([*lines, f"{len(left)} runs to go" + (f", {total}" if left else "")])


def expected(experiment: Experiment, run: Run, like: Sequence[float]) -> float | None:
    """Expected seconds of the run: the mean of `like` (finished runs), else its budget; None if unknown."""
    if like:
        return fmean(like)
    minutes = experiment.budget_of(run).minutes
    return None if minutes is None else 60 * minutes


def markdown(experiment: Experiment) -> str:
    """The table of finished runs as Markdown; each number is the mean over seeds.

    "over faces" is the 95 % bootstrap interval of the NME over test faces, with bounds averaged over seeds. "over
    seeds" gives the lowest and the highest NME. "minutes" is the duration of the whole training command, and "faces
    seen" are its steps times its batch.
    """
    table, rows = experiment.table, experiment.rows()
    compared = any(row.paper for row in rows)
    head = ["run", "test", *paired("nme", compared), "over faces", "over seeds"]
    head += [*paired("fr10", compared), *paired("auc10", compared)]
    head += [*(CALIBRATION.values() if table.calibrated else ()), "seeds", *EFFORT.values(), "minutes"]
    lines = [head, ["---"] * len(head)]
    for row in rows:
        runs = experiment.finished(row.training)
        minutes = mean(run.seconds / 60 for run in runs)
        for subset in row.subsets:
            found = [read_result(run.measurement(row, subset)) for run in runs]
            cells = measured(found, row.paper.get(subset), compared=compared, calibrated=table.calibrated)
            took = [shown(mean(numbers.get(key) for numbers in found), 0) for key in EFFORT]
            lines.append([row.label, subset or "all", *cells, str(len(runs)), *took, shown(minutes, 1)])
    text = [table.title, "", *("| " + " | ".join(cells) + " |" for cells in lines)]
    return "\n".join([*text, "", table.note] if table.note else text)


def paired(key: str, compared: bool) -> list[str]:
    """The column titles of a metric: the paper's, if the table has any, and ours."""
    return [f"paper's {PRINTED[key]}", PRINTED[key]] if compared else [PRINTED[key]]


def measured(found: Sequence[dict[str, Any]], paper: Numbers | None, *, compared: bool, calibrated: bool) -> list[str]:
    """The cells of one row: the numbers `found` for each seed, beside the paper's."""
    cells: list[str] = []
    for key in PRINTED:
        cells += [shown(getattr(paper, key, None))] if compared else []
        cells.append(shown(mean(numbers[key] for numbers in found)))
        if key == "nme":
            low, high = (mean(numbers[end] for numbers in found) for end in ("nme_low", "nme_high"))
            each = [numbers["nme"] for numbers in found]
            cells.append(f"{shown(low)} to {shown(high)}" if each else "-")
            cells.append(f"{shown(min(each))} to {shown(max(each))}" if len(each) > 1 else "-")
    if calibrated:
        cells += [shown(mean(numbers[key] for numbers in found), 3) for key in CALIBRATION]
    return cells


def mean(values: Iterable[float | None]) -> float | None:
    """The mean of the values that are not None; None if there is none."""
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def shown(value: float | None, digits: int = 2) -> str:
    """A number with `digits` decimals, or a dash for None."""
    return "-" if value is None else f"{value:.{digits}f}"


def duration(seconds: float) -> str:
    """Hours and minutes, or minutes and seconds below an hour."""
    whole = round(seconds)
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{round(seconds / 60) // 60} h {round(seconds / 60) % 60:02d} min"
