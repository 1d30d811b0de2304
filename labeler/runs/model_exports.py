"""Export the model of a run for use elsewhere, by a process of its own: a folder of the project, and a zip of it."""

from __future__ import annotations

import secrets
import shutil
import subprocess
import threading
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from labeler.errors import ConflictError, NotFoundError, StorageError
from labeler.project.project import Project
from labeler.runs.background import end_process, start_mdmd, why_failed
from labeler.runs.control import model_run
from labeler.runs.model_use import EXPORTS, ModelExport
from labeler.runs.run import Run
from mdmd.data.text import shown
from mdmd.errors import DataError
from mdmd.files import replace_file

#: What the process writes in its folder.
MADE = "model"


@dataclass(frozen=True)
class ExportedModel:
    """An exported model: its `folder` in the project, and the `archive` of it."""

    form: ModelExport
    folder: Path
    archive: Path


@dataclass
class Exporting:
    """An export of the model of `run` in a `form`; `problem` says why it "failed". The process writes in `folder`."""

    project: Project
    run: Run
    form: ModelExport
    folder: Path
    state: Literal["waiting", "running", "done", "failed"] = "waiting"
    problem: str | None = None
    process: subprocess.Popen[bytes] | None = None

    @property
    def active(self) -> bool:
        """Whether it is still being made."""
        return self.state in ("waiting", "running")

    @property
    def name(self) -> str:
        """What tells it and its state from all others."""
        return f"{self.folder.name}:{self.state}"


class ModelExports:
    """The exports of a server, one at a time in each project; they are made in `folder`.

    `step` starts and collects processes: it is called again and again by one thread, with which the processes end. Safe
    to share between threads.
    """

    every = 0.25

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._newest: dict[Path, Exporting] = {}

    def of(self, project: Project) -> Exporting | None:
        """The newest export of a project since the server was started."""
        newest = self._newest.get(project.folder)
        return newest if newest is not None and newest.project is project else None

    def begin(self, project: Project, run_id: str, form: ModelExport) -> Exporting:
        """Export the model of a run; an earlier export of the same is replaced when this one is complete.

        Raises NotFoundError without such a model, ConflictError while another one of the project is exported, and
        StorageError where the project can only be looked at.
        """
        if project.read_only is not None:
            raise StorageError(f"the model cannot be exported into this project: {project.read_only}")
        run = model_run(project, run_id)
        with self._lock:
            before = self.of(project)
            if before is not None and before.active:
                raise ConflictError(f"the model of run {before.run.name} is being exported; wait for that")
            folder = self._folder / secrets.token_hex(8)
            self._folder.mkdir(mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700)
            made = self._newest[project.folder] = Exporting(project, run, form, folder)
        return made

    def step(self) -> None:
        """Start the processes that wait, and collect what has been exported."""
        for made in list(self._newest.values()):
            try:
                if made.state == "waiting":
                    words = ["export", made.run.folder.resolve(), "--format", made.form.name]
                    words += ["--tolerance", str(made.project.settings.tolerance), "--out", made.folder / MADE]
                    made.process = start_mdmd(words, made.folder, is_waited_for=True)
                    made.state = "running"
                elif made.state == "running":
                    self._collect(made)
            except (DataError, OSError) as error:
                end_process(made.process)
                made.problem, made.state = f"the model could not be exported: {error}", "failed"
                shutil.rmtree(made.folder, ignore_errors=True)

    def close(self) -> None:
        """End all exports that are not complete."""
        for made in self._newest.values():
            end_process(made.process)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _collect(self, made: Exporting) -> None:
        code = None if made.process is None else made.process.poll()
        if code is None:
            return
        if code != 0:
            if not made.run.has_model:
                raise NotFoundError(f"run {made.run.name} has been deleted meanwhile")
            raise DataError(why_failed(made.folder, code))
        folder, archive = _places(made.project, made.run.id, made.form)
        folder.parent.mkdir(exist_ok=True)  # never its parent: the project may have just been renamed
        archive.unlink(missing_ok=True)
        if folder.exists():
            shutil.rmtree(folder)
        shutil.move(made.folder / MADE, folder)
        replace_file(archive, lambda partial: zip_folder(folder, partial, under=folder.name))
        shutil.rmtree(made.folder, ignore_errors=True)
        made.state = "done"


def exported_models(project: Project, run_id: str) -> list[ExportedModel]:
    """The exports of a run that are there."""
    found = (ExportedModel(form, *_places(project, run_id, form)) for form in EXPORTS)
    inside = project.folder.resolve()
    return [
        one
        for one in found
        if one.folder.is_dir() and one.archive.is_file() and one.archive.resolve().is_relative_to(inside)
    ]


def exported_model(project: Project, run_id: str, form: str) -> ExportedModel:
    """The export of a run in the form of that name. Raises NotFoundError without one."""
    found = exported_models(project, run_id) if run_id.isdecimal() and run_id.isascii() else []
    for one in found:
        if one.form.name == form:
            return one
    raise NotFoundError(f"run {shown(run_id)} has no export {shown(form)}")


def zip_folder(folder: Path, target: Path, *, under: str = "") -> None:
    """Write the files of a folder, and those that links in it lead to, as a zip; their names begin with `under`."""
    # Pictures and weights are compressed already.
    with zipfile.ZipFile(target, "w", zipfile.ZIP_STORED) as archive:
        for file in sorted(path for path in folder.rglob("*") if path.is_file()):
            archive.write(file, (Path(under) / file.relative_to(folder)).as_posix())


def _places(project: Project, run_id: str, form: ModelExport) -> tuple[Path, Path]:
    folder = project.folder / "exports" / f"{project.name}-{run_id}-{form.name}"
    return folder, folder.with_name(f"{folder.name}.zip")
