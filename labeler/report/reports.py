"""The reports of a project's trainings: for the browser, and as files in the folders of the runs."""

from __future__ import annotations

from pathlib import Path

from labeler.errors import NotFoundError
from labeler.project.project import Project
from labeler.report.page import report_html
from labeler.runs.control import list_runs
from labeler.runs.learning_curve import how_to_measure, parts_of
from labeler.runs.model_use import model_use
from labeler.runs.run import Run
from mdmd.files import replace_file
from mdmd.run_folder import REPORT


def report_of(project: Project, run_id: str, *, against: str | None = None, linked: bool = False) -> str:
    """The report of a training as HTML, compared with the training `against` (by default the one before it).

    Raises NotFoundError for a training that does not exist and DataError for one that has measured nothing.
    """
    runs = list_runs(project)
    trainings = [run for run in runs if run.kind == "train"]
    shown = _find(trainings, run_id, project)
    other = None if against is None else _find(trainings, against, project)
    rest = [run for run in trainings if run.id != shown.id]
    parts = list(parts_of(runs, shown.id).values())
    invitation = how_to_measure(runs, shown) if linked else ""
    pairs = project.repeats.pairs()
    return report_html(
        project.name,
        shown,
        rest,
        against=other,
        parts=parts,
        invitation=invitation,
        pairs=pairs,
        use=model_use(project, shown, elsewhere=not linked),
        linked=linked,
    )


def write_report(project: Project, run_id: str, *, against: str | None = None, out: Path | None = None) -> Path:
    """Write the report as one HTML file, by default report.html in the run's folder, and return its path.

    Raises what `report_of` raises, and OSError.
    """
    html = report_of(project, run_id, against=against)
    path = out or project.runs / run_id / REPORT
    replace_file(path, lambda partial: partial.write_text(html, encoding="utf-8"))
    return path


def _find(trainings: list[Run], run_id: str, project: Project) -> Run:
    found = next((run for run in trainings if run.id == run_id), None)
    if found is None:
        there = ", ".join(run.id for run in trainings) or "none yet"
        raise NotFoundError(f"project {project.name!r} has no training {run_id!r} (there are: {there})")
    return found
