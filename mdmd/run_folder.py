"""A run's folder: the names of its files and the records in them.

`mdmd` and the tool's supervisor write them, the tool reads them; neither knows more of the other. Standard library
only. Every path in a record is relative, so that a folder can be moved and copied, except paths that lead out of the
tool's folders.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import MISSING, asdict, dataclass, field, fields
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from mdmd.errors import DataError, InUseError
from mdmd.files import parse_json, read_json, write_json, writes_files
from mdmd.locks import lock

T = TypeVar("T")

# What the tool writes before a run starts.
RECORD = "run.json"
TARGET = "target.json"  # the labeled faces to learn from
FACES = "faces.json"  # the faces to predict
TITLE = "title.txt"

# What the supervisor writes.
BEGAN = "began.json"
EXIT = "exit.json"
OUTPUT = "output.txt"

#: Locked by the training that writes here, as long as it lives.
LOCK = ".lock"

# Requests to a run: the file has no content.
CANCEL = "cancel"
STOP = "stop"  # end the schedule early and keep the model

# What `mdmd` writes.
LOG = "log.jsonl"
ERROR = "error.json"
METRICS = "metrics.json"  # the last file of a training: once it is there, the model is complete
MODEL = "model.json"
WEIGHTS = "model.safetensors"
STATE = "resume.safetensors"  # what a broken-off training goes on from
CARRIED = "carried.json"  # labels that the model carries over to other faces, where it was not trained on them
HELDOUT = "heldout.json"  # predictions of the held-out faces
PREDICTIONS = "predictions.json"  # predictions of FACES
LABELED = "labeled.json"  # predictions of TARGET

#: The numbers that an event of each kind in the log has.
EVENTS = {
    "step": {"step"},
    "eval": {"step", "nme"},
    "predicted": {"faces", "of"},
    "drawn": {"faces", "of"},
}
#: The names of numbers, of numbers that may be null, and of texts in events of any kind.
NUMBERS = {"time", "step", "of", "faces", "loss", "low", "high", "learning_rate", "images_per_second"}
MAYBE = {"steps", "minutes", "seconds", "eta_seconds", "nme"}
TEXTS = {"stage", "message", "device", "encoder", "weights"}

#: The kind of a `Failure` that a complete run has because its predictions cannot be used.
UNUSABLE = "predictions"
#: The tool's report of a training.
REPORT = "report.html"
#: What is left of an earlier try when a run is resumed.
LEFT_BY_A_TRY = (BEGAN, CANCEL, STOP, ERROR, EXIT)


@dataclass(frozen=True)
class Settings:
    """What a run was asked to do; its commands are made from this when it starts and again when it resumes.

    `source` is a name in the tool's list of sources; `given` leads to it where the list does not have it: a file
    outside of the projects root, or a path relative to the root. `weights` is "none", "starter" or such a path.
    `minutes` or `steps` is the budget. With `uses_base` False the training begins with `weights`, and not with a base
    of its source, which would be trained first. A run that only predicts uses the model of the run `model`; a learning
    curve measures the training `of` in `parts`, folders named by the percentage of the faces, each of which takes
    about `part_seconds`.
    """

    source: str | None = None
    given: str | None = None
    preset: str | None = None
    encoder: str | None = None
    weights: str | None = None
    minutes: float | None = None
    base_minutes: float | None = None
    uses_base: bool = True
    steps: int | None = None
    prelabel: bool = False
    seed: int = 0
    save_every: float | None = None
    tolerance: float | None = None
    threshold: float | None = None
    model: str | None = None
    of: str | None = None
    parts: tuple[str, ...] = ()
    part_seconds: float = 0.0


@dataclass(frozen=True)
class RunRecord:
    """run.json. `kind` is "train", "prelabel" or "curve"; `images` and `faces` count what it learns from or predicts.

    `queued` says that another run was active when it was started. `process_started` tells its process `pid` from a
    later one with the same id. `resumed_at` and `seconds_before` are of the newest try and of those before it.
    `left_out` says of each picture that the run does not use why. `commands` are those that version 0.1.0 recorded, as
    they were found; they are never run.
    """

    id: str
    kind: str
    created_at: float
    images: int
    faces: int
    settings: Settings = field(default_factory=Settings)
    queued: bool = False
    pid: int | None = None
    process_started: str | None = None
    resumed_at: float | None = None
    seconds_before: float = 0.0
    left_out: tuple[str, ...] = ()
    commands: Any = None

    @property
    def tried_at(self) -> float:
        """When the newest try was asked for."""
        return self.created_at if self.resumed_at is None else self.resumed_at

    def write(self, folder: Path) -> None:
        """Write run.json, the settings among the other keys."""
        told = asdict(self)
        told |= told.pop("settings")
        if self.commands is None:
            del told["commands"]
        write_json(folder / RECORD, told)


@dataclass(frozen=True)
class Began:
    """began.json: when the run's first command was started, in Unix seconds."""

    began_at: float

    def write(self, folder: Path) -> None:
        """Write began.json."""
        write_json(folder / BEGAN, asdict(self))


@dataclass(frozen=True)
class Ended:
    """exit.json: the exit code of the run (below 0: a signal), and when it ended, in Unix seconds."""

    code: int
    ended_at: float = 0.0

    def write(self, folder: Path) -> None:
        """Write exit.json."""
        write_json(folder / EXIT, asdict(self))


@dataclass(frozen=True)
class Failure:
    """error.json: why a command gave up, in a sentence, and what kind of error it is."""

    error: str
    kind: str | None = None

    def write(self, folder: Path) -> None:
        """Write error.json."""
        write_json(folder / ERROR, asdict(self))


@dataclass(frozen=True)
class Stopped:
    """Where a training ended early: at `step` of `of`."""

    step: int
    of: int


@dataclass(frozen=True)
class History:
    """How the model in model.json came to be; None and empty where an older file does not say.

    `weights` is the file that the encoder started from (None: random numbers) and `base` the history of the checkpoint
    that training started from. `stage` is "base", "adapt" or "pretrain"; `preset` and `train` (a TrainConfig as JSON)
    are what was asked for. `faces` counts the faces learned from by set, and `licenses` is what each set says of its
    licenses; `heldout` are the metrics on held-out faces of
    the target, and `rarely_labeled` its landmarks with too few labels. `box_scale` is the size of a face's box in sizes
    of the box of its points. `seconds` is the time that training took, `steps` the number of its steps, and `stopped`
    where it ended early. Minutes depend on the machine: compare trainings by their steps and `faces_seen`.

    A starter also has the `rounds` it was learned in, the numbers of `drawn_faces` and `drawn_animals`, the set of
    `photographs` if any, and the augmentation `augment`.
    """

    weights: str | None = None
    base: History | None = None
    stage: str | None = None
    preset: str | None = None
    train: dict[str, Any] | None = None
    seed: int | None = None
    faces: dict[str, int] = field(default_factory=dict)
    licenses: dict[str, str] | None = None
    heldout: dict[str, float | None] = field(default_factory=dict)
    rarely_labeled: dict[str, int] = field(default_factory=dict)
    box_scale: float | None = None
    seconds: float | None = None
    steps: int | None = None
    stopped: Stopped | None = None
    rounds: int | None = None
    drawn_faces: int | None = None
    drawn_animals: int | None = None
    photographs: str | None = None
    augment: str | None = None

    @classmethod
    def from_json(cls, told: Mapping[str, Any], file: Path) -> History:
        """The history in the file model.json. Raises DataError for a value of another type."""
        nested = {
            key: kind(told[key])
            for key, kind in (
                ("base", lambda base: cls.from_json(base, file)),
                ("stopped", lambda stopped: typed(Stopped, stopped, file)),
            )
            if isinstance(told.get(key), dict)
        }
        return typed(cls, {**told, **nested}, file)

    @property
    def batch_size(self) -> int | None:
        """The number of faces of a step."""
        found = (self.train or {}).get("batch_size")
        return found if isinstance(found, int) else None

    @property
    def faces_seen(self) -> int | None:
        """How often a face was learned from, of all sets together."""
        return None if self.steps is None or self.batch_size is None else self.steps * self.batch_size

    def effort(self) -> dict[str, float | None]:
        """What the training took, to stand beside its results; None for what an older file does not say."""
        minutes = None if self.seconds is None else round(self.seconds / 60, 2)
        return {
            "steps": self.steps,
            "batch_size": self.batch_size,
            "faces_seen": self.faces_seen,
            "minutes": minutes,
        }

    def to_json(self) -> dict[str, Any]:
        """As a JSON object, without the keys that say nothing of this model."""
        told = {key.name: getattr(self, key.name) for key in fields(self)}
        told["base"] = None if self.base is None else self.base.to_json()
        told["stopped"] = None if self.stopped is None else asdict(self.stopped)
        always = ("weights", "faces", "heldout", "rarely_labeled")
        always += ("photographs",) if self.rounds is not None else ()
        return {key: value for key, value in told.items() if value is not None or key in always}


@dataclass(frozen=True)
class Model:
    """model.json: the head that is meant when none is named, and the history."""

    target: str
    history: History


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Make `folder` and keep other trainings out of it during the block. Raises InUseError if one is in it.

    Of the processes that train together only the one that writes files takes part.
    """
    if not writes_files():
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder / LOCK, wait=False) as held:
        if not held:
            raise InUseError(f"another training is using {folder}: wait until it has ended, or name another folder")
        yield


def in_use(folder: Path) -> bool:
    """Whether a training is using `folder`."""
    if not (folder / LOCK).is_file():
        return False
    with lock(folder / LOCK, wait=False) as held:
        return not held


def read_record(folder: Path) -> RunRecord:
    """run.json in `folder`. Raises DataError that names the file and the key that cannot be used."""
    file = folder / RECORD
    told = read_json(file, constants=True)
    if not isinstance(told, dict):
        raise DataError(f"{file} does not describe a run: wanted a JSON object")
    return typed(RunRecord, {**told, "settings": typed(Settings, told, file)}, file)


def read_began(folder: Path) -> Began | None:
    """began.json in `folder`; None where it is missing or not complete."""
    return _found(Began, folder / BEGAN)


def read_ended(folder: Path) -> Ended | None:
    """exit.json in `folder`; None where it is missing or not complete."""
    return _found(Ended, folder / EXIT)


def succeeded(folder: Path, ended: Ended) -> bool:
    """Whether the run in `folder` has its result, although its last command may have failed.

    The result of a training is its model, with the predictions of FACES if there are faces to predict. LABELED is
    optional. A run that was cancelled did not succeed.
    """
    if ended.code == 0:
        return True
    wanted = [WEIGHTS, MODEL, METRICS, *([PREDICTIONS] if (folder / FACES).is_file() else [])]
    return all((folder / name).is_file() for name in wanted) and not (folder / CANCEL).exists()


def read_failure(folder: Path) -> Failure | None:
    """error.json in `folder`; None where it is missing or not complete."""
    return _found(Failure, folder / ERROR)


def read_metrics(folder: Path) -> dict[str, Any] | None:
    """metrics.json in `folder`: numbers by name, and objects; None where it is missing or not complete."""
    found = read_object(folder / METRICS)
    return (
        None
        if found is None
        else {key: v for key, v in found.items() if v is None or isinstance(v, dict) or _is_number(v)}
    )


def must_hold_model(folder: Path) -> None:
    """Raise DataError if there is no model in `folder`. It is said before PyTorch is loaded, which takes seconds."""
    if not (folder / MODEL).is_file():
        raise DataError(f"{folder} holds no model (no {MODEL}); train one with `mdmd train` or `mdmd adapt`")


def read_model(folder: Path) -> Model | None:
    """Target and history in model.json in `folder`; None where it is missing, not complete or not readable."""
    told = read_object(folder / MODEL) or {}
    try:
        return typed(Model, {**told, "history": History.from_json(told["history"], folder / MODEL)}, folder / MODEL)
    except (DataError, KeyError, TypeError, AttributeError):
        return None


def read_stopped(metrics: Mapping[str, Any] | None) -> Stopped | None:
    """Where the training that measured `metrics` ended early; None if it did not."""
    match (metrics or {}).get("stopped"):
        case {"step": int(step), "of": int(of)}:
            return Stopped(step, of)
    return None


def read_events(folder: Path) -> list[dict[str, Any]]:
    """The events in log.jsonl, in order, without those that have not what `EVENTS` says.

    Only whole lines count: the last one may still be being written.
    """
    try:
        lines = (folder / LOG).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    events = []
    for line in lines:
        try:
            event = parse_json(line, "the event cannot be read", constants=True)
        except DataError:
            continue
        if isinstance(event, dict) and _is_event(event):
            events.append(event)
    return events


def _is_event(event: dict[str, Any]) -> bool:
    """Whether the pages can show `event`: a log may have come with a project from elsewhere."""
    kind = event.get("event")
    return (
        isinstance(kind, str)
        and event.keys() >= EVENTS.get(kind, set())
        and all(_is_number(event[key]) for key in NUMBERS & event.keys())
        and all(event[key] is None or _is_number(event[key]) for key in MAYBE & event.keys())
        and all(_is_number(event[key]) for key in EVENTS.get(kind, set()))
        and all(isinstance(event[key], str) for key in TEXTS & event.keys() if event[key] is not None)
        and isinstance(event.get("losses", {}), dict)
        and all(map(_is_number, event.get("losses", {}).values()))
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def read_object(file: Path) -> dict[str, Any] | None:
    """A JSON object; None where the file is missing, not complete or holds something else."""
    try:
        found = read_json(file, constants=True)
    except DataError:
        return None
    return found if isinstance(found, dict) else None


def typed(record: type[T], told: Mapping[str, Any], file: Path) -> T:
    """The dataclass `record` from the keys of `told` that it has; others are passed over.

    Raises DataError that names `file` for a key that is missing or has a value of another type.
    """
    hints = get_type_hints(record)
    values: dict[str, Any] = {}
    for key in fields(record):  # pyright: ignore[reportArgumentType] - T is a dataclass
        if key.name not in told:
            if key.default is MISSING and key.default_factory is MISSING:
                raise DataError(f"{file} does not say {key.name!r}")
            continue
        value, hint = told[key.name], hints[key.name]
        if not _is(hint, value):
            raise DataError(f"{file}: found {key.name} {str(value)[:60]!r}, wanted {_words(hint)}")
        values[key.name] = tuple(value) if isinstance(value, list) and get_origin(hint) is tuple else value
    return record(**values)


def _found(record: type[T], file: Path) -> T | None:
    told = read_object(file)
    try:
        return None if told is None else typed(record, told, file)
    except DataError:
        return None


_WORDS: dict[Any, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    NoneType: "null",
}


def _is(hint: Any, value: Any) -> bool:
    if hint is Any:
        return True
    if isinstance(hint, UnionType):
        return any(_is(one, value) for one in get_args(hint))
    if get_origin(hint) is tuple:
        return isinstance(value, list | tuple) and all(_is(get_args(hint)[0], one) for one in value)
    if get_origin(hint) is dict:
        return isinstance(value, dict) and all(_is(get_args(hint)[1], one) for one in value.values())
    if hint is float:
        return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return isinstance(value, hint) and not (hint is int and isinstance(value, bool))


def _words(hint: Any) -> str:
    if isinstance(hint, UnionType):
        return " or ".join(map(_words, get_args(hint)))
    if get_origin(hint) is dict:
        return "an object"
    return f"a list of {_words(get_args(hint)[0])}" if get_origin(hint) is tuple else _WORDS.get(hint, "an object")
