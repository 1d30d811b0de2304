"""The commands of a run, made from its settings whenever it starts or resumes.

A folder that came from another person may hold anything. Commands are therefore never read from it. Settings are, and
each one is checked before it becomes an argument.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from labeler.project.project import Project
from labeler.project.workspace import BASES
from labeler.runs.sources import DRAWN, Source, Sources
from mdmd import run_folder
from mdmd.config import PRESETS
from mdmd.errors import DataError
from mdmd.run_folder import RunRecord, Settings

#: Seconds between kept states in a learning curve, so that none is kept: an interrupted part starts over.
NEVER = 1e9
#: Values of --weights that are not a file.
FROM_STARTER = "starter"
WEIGHTS_WORDS = ("none", FROM_STARTER)

Commands = Sequence[Sequence[str]]
#: Makes the commands of a run. The source is None for a training without one.
CommandsOf = Callable[[Project, RunRecord, Source | None], Commands]

_MDMD = (sys.executable, "-m", "mdmd")
#: Removes a part's model, which is not used after it was measured.
_REMOVE = "import os, sys; os.remove(sys.argv[1])"
#: Names of encoders in timm. A name with a colon would download a model from anywhere.
_ENCODER = re.compile(r"\w[\w.]*")
_NUMBER = re.compile(r"\d{1,9}")
_SHARE = re.compile(r"[1-9]\d?")


def commands_of(project: Project, record: RunRecord, source: Source | None) -> Commands:
    """The commands of the run `record`, with paths in the folder where the project lies now.

    Raises DataError for invalid settings.
    """
    folder, settings = (project.runs / record.id).resolve(), record.settings
    check(settings, project)
    if source is not None:
        check_source(source)
    if record.kind == "train":
        return _training(project, folder, settings, source)
    if record.kind == "curve":
        return _curve(project, folder, settings, source)
    if record.kind != "prelabel" or settings.model is None:
        raise DataError(f"run {record.id} is of the kind {record.kind!r}, which this version cannot start")
    files = [(run_folder.FACES, run_folder.PREDICTIONS)]
    return [_predict((project.runs / settings.model).resolve(), folder, files, settings)]


def settings_of(record: RunRecord, folder: Path) -> Settings:
    """The settings of a run. Version 0.1.0 recorded commands instead; their options are read, never executed.

    Raises DataError for recorded commands that version 0.1.0 does not write.
    """
    if record.commands is None:
        return record.settings
    file = folder / run_folder.RECORD
    adapt: Sequence[str] | None = None
    prelabel = False
    for command in record.commands if isinstance(record.commands, list) else [record.commands]:
        match command:
            case [_, "-m", "labeler.sources" | "labeler.runs.sources", *_]:
                continue  # a missing source is drawn again anyway
            case [_, "-m", "mdmd.cli" | "mdmd", "adapt", *words] if adapt is None:
                adapt = words
            case [_, "-m", "mdmd.cli" | "mdmd", "predict", *_]:
                prelabel = True
            case _:
                raise _unknown(file, command)
    if adapt is None:
        raise DataError(f"{file} holds no training command, so the run cannot be resumed; start a new training")
    return replace(record.settings, **_options(file, adapt), prelabel=prelabel)


#: Options of recorded trainings -> the setting and the function that reads its value.
_RECORDED: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "--source": ("given", str),
    "--preset": ("preset", str),
    "--encoder": ("encoder", str),
    "--weights": ("weights", str),
    "--minutes": ("minutes", float),
    "--base-minutes": ("base_minutes", float),
    "--steps": ("steps", int),
    "--seed": ("seed", int),
    "--save-every": ("save_every", float),
    "--tolerance": ("tolerance", float),
    "--threshold": ("threshold", float),
}
#: Recorded options that are not read: their paths may have moved.
_PLACES = ("--target", "--out", "--bases")


def _options(file: Path, words: Sequence[Any]) -> dict[str, Any]:
    found = {}
    rest = [word for word in words if word != "--quiet"]
    for option, value in zip(rest[::2], [*rest[1::2], None][: len(rest[::2])], strict=True):
        if option in _PLACES and isinstance(value, str):
            continue
        if option not in _RECORDED or not isinstance(value, str):
            raise _unknown(file, [option, value])
        name, read = _RECORDED[option]
        try:
            found[name] = read(value)
        except ValueError:
            raise _unknown(file, [option, value]) from None
    return found


def _unknown(file: Path, command: Any) -> DataError:
    words = " ".join(map(str, command)) if isinstance(command, list) else str(command)
    return DataError(f"{file} records the command {words[:80]!r}, which is not one of this tool's; nothing was run")


def source_of(settings: Settings, sources: Sources) -> Source | None:
    """The source in the settings: the registered one of that name, else the file they name; None for no source.

    Raises DataError if there is neither.
    """
    if settings.source is None and settings.given is None:
        return None
    name = settings.source or str(settings.given)
    try:
        return sources.get(name)
    except DataError as error:
        file = None if settings.given is None else located(settings.given, sources.root, "source")
        if file is None or not file.is_file():
            raise DataError(f"{error}; add it again" + (f", or put its file at {file}" if file else "")) from None
        return Source(name, file, 0, 0, [], str(file.resolve()))


def stored(path: Path, root: Path) -> str:
    """`path` as a record keeps it: relative to the projects root if it lies there, so that the root can be moved."""
    whole = path.resolve()
    return whole.relative_to(root.resolve()).as_posix() if whole.is_relative_to(root.resolve()) else str(whole)


def located(kept: str, root: Path, what: str) -> Path:
    """The path that `stored` made `kept` of. Raises DataError for a relative path that leaves the projects root."""
    if ".." in Path(kept).parts:
        raise DataError(f"found the {what} {kept!r}, which leads out of the projects folder; wanted a path in it")
    return root.resolve() / kept


def check_source(source: Source) -> None:
    """Raise DataError if the file of the source is missing. The built-in source is drawn when it is needed."""
    if source.name != DRAWN and not source.path.exists():
        raise DataError(f"the source {source.name!r} is not where it was: there is no {source.path}")


def check(settings: Settings, project: Project) -> None:
    """Raise DataError for the first invalid setting, with what was found and what was wanted."""
    if settings.preset is not None and settings.preset not in PRESETS:
        raise DataError(f"found the preset {settings.preset!r}, wanted one of {', '.join(PRESETS)}")
    if settings.encoder is not None and not _ENCODER.fullmatch(settings.encoder):
        raise DataError(f"found the encoder {settings.encoder!r}, wanted the name of an encoder in timm")
    if settings.weights not in (None, *WEIGHTS_WORDS):
        file = located(settings.weights, project.folder.parent, "weights file")
        if not file.is_file():
            raise DataError(f"no such weights file: {file}")
    above_zero = (
        ("minutes", settings.minutes),
        ("base minutes", settings.base_minutes),
        ("steps", settings.steps),
        ("seconds between kept states", settings.save_every),
        ("tolerance", settings.tolerance),
    )
    for name, value in above_zero:
        if value is not None and not (math.isfinite(value) and value > 0):
            raise DataError(f"found {name} {value}, wanted a number above 0")
    if not 0 <= settings.seed < 2**63:
        raise DataError(f"found seed {settings.seed}, wanted a whole number from 0 to 2^63 - 1")
    if settings.threshold is not None and not 0 < settings.threshold < 1:
        raise DataError(f"found threshold {settings.threshold}, wanted a number between 0 and 1")
    for name, value in (("model", settings.model), ("of", settings.of)):
        if value is not None and not _NUMBER.fullmatch(value):
            raise DataError(f"found {name} {value!r}, wanted the number of a run")
    for part in settings.parts:
        if not _SHARE.fullmatch(part):
            raise DataError(f"found the part {part!r} of a learning curve, wanted a percentage from 1 to 99")


def _training(project: Project, folder: Path, settings: Settings, source: Source | None) -> Commands:
    made = [_adapt(project, folder, folder, settings, source)]
    if source is not None and source.name == DRAWN and not source.path.is_file():
        root = project.folder.parent.resolve()
        log = folder / run_folder.LOG
        made.insert(0, _words(sys.executable, "-m", "labeler.runs.sources", root, DRAWN, source.faces, log))
    if settings.prelabel:
        files = [(run_folder.FACES, run_folder.PREDICTIONS)] if (folder / run_folder.FACES).is_file() else []
        # Predictions of the labeled faces too: see labeler/analysis/model_disagreement.py.
        files.append((run_folder.TARGET, run_folder.LABELED))
        made.append(_predict(folder, folder, files, settings))
    return made


def _curve(project: Project, folder: Path, settings: Settings, source: Source | None) -> Commands:
    made = []
    for part in settings.parts:
        share = ["--learn-share", str(int(part) / 100)]
        made.append([*_adapt(project, folder, folder / part, settings, source), *share])
        made.append(_words(sys.executable, "-c", _REMOVE, folder / part / run_folder.WEIGHTS))
    return made


def _adapt(project: Project, folder: Path, out: Path, settings: Settings, source: Source | None) -> list[str]:
    """The training on the snapshot in `folder`, into `out`."""
    if settings.minutes is None and settings.steps is None:
        raise DataError("training needs a number of minutes or of steps")
    root = project.folder.parent.resolve()
    weights = settings.weights
    if weights not in (None, *WEIGHTS_WORDS):
        weights = str(located(weights, root, "weights file"))
    options: list[tuple[str, Any]] = [
        ("--target", folder / run_folder.TARGET),
        ("--out", out),
        ("--preset", settings.preset),
        ("--seed", settings.seed),
        ("--encoder", settings.encoder),
        ("--weights", weights),
        ("--save-every", settings.save_every),
        ("--minutes", settings.minutes if settings.steps is None else None),
        ("--steps", settings.steps),
    ]
    if source is not None:
        options.append(("--source", source.given))
        if settings.uses_base:
            options += [("--bases", root / BASES), ("--base-minutes", settings.base_minutes)]
    return [*_MDMD, "adapt", *_given(options), *_flags(settings), "--quiet"]


def _predict(model: Path, folder: Path, files: Sequence[tuple[str, str]], settings: Settings) -> list[str]:
    """The command that predicts the faces in each first file and writes the second, loading the model only once."""
    named = [word for faces, out in files for word in ("--faces", folder / faces, "--out", folder / out)]
    # A picture that is gone is a warning of the run, not its failure.
    return _words(*_MDMD, "predict", model, *named, "--find-boxes", "--allow-missing", *_flags(settings))


def _flags(settings: Settings) -> list[str]:
    return _given([("--tolerance", settings.tolerance), ("--threshold", settings.threshold)])


def _given(options: Sequence[tuple[str, Any]]) -> list[str]:
    return [str(word) for option, value in options if value is not None for word in (option, value)]


def _words(*words: Any) -> list[str]:
    return [str(word) for word in words]
