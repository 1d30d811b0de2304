"""What the Train tab says before a training: the data, the device, the time, and what is missing."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path

import huggingface_hub
from markupsafe import Markup

from labeler.analysis.agreement import FEWEST, advice, measure
from labeler.guidance.learning import Doing
from labeler.html.markup import plural, render
from labeler.project.project import Project
from labeler.report.measures import headline
from labeler.runs.commands import FROM_STARTER
from labeler.runs.control import list_runs
from labeler.runs.hardware import DEFAULT_DISK, DEFAULT_MEMORY, device_sentence, free_disk, free_memory
from labeler.runs.heldout import read_heldout
from labeler.runs.manage import megabytes
from labeler.runs.sources import DRAWN, Source, has_base, usual_network
from labeler.runs.start import FEWEST_FACES
from mdmd import run_folder
from mdmd.config import BASE_MINUTES, DEFAULT_ENCODER, MIRRORED, PAPER_ENCODER, PRESETS, STARTER, heldout_count
from mdmd.data.records import HELDOUT_SPLIT, Dataset
from mdmd.errors import DataError

#: With fewer labeled faces than this, a model rarely saves work.
USEFUL_FACES = 50
#: Landmarks with fewer labels than this are named.
FEW_LABELS = 10
#: The three choices of training time, in minutes.
PACES = {"quick": 5, "standard": 10, "thorough": 30}
#: The range of minutes that the form takes: more than a day is probably a typing error.
FEWEST_MINUTES, MOST_MINUTES = 1, 1440
#: Megabytes of an encoder's weights on the hub, in float32.
DOWNLOADS = {DEFAULT_ENCODER: 23, PAPER_ENCODER: 346}


def preflight_html(
    project: Project | None,
    source: Source | None,
    encoder: str,
    weights: str,
    preset: str,
    minutes: float | None,
    *,
    queue_full: str | None = None,
) -> Markup:
    """The data of a training with these choices, its device, its time, and what is missing.

    `minutes` is the value in the form, None for an empty field. `queue_full` says why no run can be started.
    """
    if project is None:
        return render("preflight.html", missing="No project is open: open one on the Project page.")
    if project.definition is None:
        return render("preflight.html", missing="No landmarks are defined yet: define them on the Schema page.")
    progress = project.progress()
    faces = progress.training_faces
    dataset = project.training_set()
    unseen = sum(sample.unseen for sample in dataset.samples)
    held = heldout_count(faces, PRESETS[preset].train.heldout_share) if preset in PRESETS else 0
    named = sum(sample.split == HELDOUT_SPLIT and not sample.unseen for sample in dataset.samples)
    facts = [f"{progress.training_words} on {plural(progress.training_pictures, 'picture')}."]
    if progress.labeled_faces > faces:
        facts.append("The other labeled faces are on pictures that are kept for tests.")
    if kept := named or min(held, faces - unseen):
        facts.append(
            f"Held out: {'' if named else 'about '}{kept} of them. The model does not learn from these, so they tell "
            "its error and how far off its points may be."
        )
    warnings = []
    if faces < FEWEST_FACES:
        warnings.append(
            f"Training needs at least {FEWEST_FACES} labeled faces, and {USEFUL_FACES} or more for a useful model."
        )
    elif faces < USEFUL_FACES:
        warnings.append(f"A useful model takes {USEFUL_FACES} or more labeled faces.")
    counts = label_counts(dataset)
    if faces:
        facts.append(labels_sentence(counts, project.definition.mirror))
        missing = [name for name, count in counts.items() if not count]
        if missing:
            warnings.append(f"Without labels, so they cannot be learned: {', '.join(missing)}.")
        # If all landmarks have few labels, there are few faces, which has been facts above.
        few = [f"{name} ({count})" for name, count in counts.items() if 0 < count < min(FEW_LABELS, faces)]
        if few:
            warnings.append(f"With few labels, so less accurate: {', '.join(few)}.")
    augment = PRESETS.get(preset, PRESETS["default"]).train.augment
    if MIRRORED[augment] > 0 and not project.definition.can_be_mirrored:
        warnings.append(
            f"{project.definition.name!r} has no mirror pairs, so pictures are not mirrored and training has less to "
            "learn from: name pairs on the Schema page, or declare there that every landmark lies on the middle line."
        )
    if unseen:
        facts.append(f"{plural(unseen, 'face')} with points accepted unseen: used for training, never for measuring.")
    precision = precision_sentence(project)
    facts += [precision] if precision else []
    chosen = encoder.strip() or PRESETS.get(preset, PRESETS["default"]).model.encoder
    begins = beginning(project, source, encoder, weights, preset)
    shown_weights = FROM_STARTER if begins is Beginning.STARTER else weights.strip()
    for sentence, is_warning in (source_sentence(source), weights_sentence(chosen, shown_weights, starter=STARTER)):
        (warnings if is_warning else facts).append(sentence)
    known = preset == "default" and chosen == DEFAULT_ENCODER
    room, short = room_sentences(free_memory(), free_disk(project.folder), known=known)
    problem = minutes_problem(minutes)
    facts += [f"{device_sentence()} {room}"]
    if problem is None and minutes is not None:
        facts.insert(-1, time_sentence(source, minutes, learned=begins is not Beginning.SOURCE_FIRST))
        around = around_sentence(source, progress.faces_to_go)
        facts[-1:-1] = [around] if around else []
    learning = project.learning.source
    if begins is Beginning.STARTER and source is not None and learning is not None and learning.name == source.name:
        facts.insert(-1, f"{learning.sentence} A training that starts before begins with the starter.")
    warnings += [*short, *([problem] if problem else [])]
    return render("preflight.html", missing=None, facts=facts, warnings=warnings, queue_full=queue_full)


def minutes_problem(minutes: float | None) -> str | None:
    """What is wrong with the minutes in the form, or None."""
    if minutes is not None and FEWEST_MINUTES <= minutes <= MOST_MINUTES:
        return None
    found = "nothing" if minutes is None else f"{minutes:g}"
    return f"Minutes: a number from {FEWEST_MINUTES} to {MOST_MINUTES:,} is wanted, found {found}."


def time_sentence(source: Source | None, minutes: float, *, learned: bool) -> str:
    """How long a training takes, including the time for a source that has to be trained on first."""
    usual = plural(round(minutes), "minute")
    if source is None or learned:
        return f"Takes about {usual}."
    return (
        f"Takes up to {plural(round(minutes + BASE_MINUTES), 'minute')} this time: up to {BASE_MINUTES:g} to train "
        f"on {source.name} first, once on this machine, then {usual} for your landmarks."
    )


def around_sentence(source: Source | None, to_go: int) -> str:
    """What a run does before and after the training, in time of its own; empty if there is nothing."""
    draws = source is not None and source.name == DRAWN and not source.path.exists()
    before = f"Before that, {source.faces:,} faces are drawn, once on this machine" if source and draws else ""
    after = f"then {plural(to_go, 'face')} {'is' if to_go == 1 else 'are'} pre-labeled" if to_go else ""
    said = "; ".join(each for each in (before, after) if each)
    return f"{said[0].upper()}{said[1:]}, which takes minutes of its own." if said else ""


def precision_sentence(project: Project) -> str | None:
    """Whether the newest model is as precise as the person; None without a model or without enough blind repeats."""
    pairs = project.repeats.pairs()
    if len(pairs) < FEWEST:
        return None
    for run in list_runs(project):
        if run.kind != "train":
            continue
        try:
            found = read_heldout(run.folder)
        except DataError:
            continue
        if found is not None and found.final:
            floor = measure(found.definition, pairs).floor
            return None if floor is None else advice(headline(found).nme, floor)
    return None


def label_counts(dataset: Dataset) -> dict[str, int]:
    """For each landmark, how many faces have it labeled."""
    labeled = [sample.annotation.labeled for sample in dataset.samples if sample.annotation is not None]
    return {name: sum(bool(mask[k]) for mask in labeled) for k, name in enumerate(dataset.definition.landmarks)}


def labels_sentence(counts: dict[str, int], mirror: tuple[int, ...]) -> str:
    """The numbers of landmarks, of labels for each, and of mirror pairs."""
    fewest, most = min(counts.values(), default=0), max(counts.values(), default=0)
    each = f"{fewest:,}" if fewest == most else f"{fewest:,} to {most:,}"
    pairs = sum(partner > k for k, partner in enumerate(mirror))
    return f"{plural(len(counts), 'landmark')} with {each} labels each, {plural(pairs, 'mirror pair')}."


def source_sentence(source: Source | None) -> tuple[str, bool]:
    """The source set that is trained on beside the labels, and whether this is a warning."""
    if source is None:
        return "Without a second data set the model is trained on your pictures alone and is less accurate.", True
    drawn = " that the tool draws itself" if source.name == DRAWN else ""
    what = f"{source.name}: {plural(source.faces, 'face')}{drawn}, with {source.landmarks} points"
    if source.path.exists():
        return f"Together with {what}.", False
    if source.name == DRAWN:
        return f"Together with {what}; they are drawn when first used.", False
    return f"The data set {source.name} is missing: there is no file {source.path}.", True


def room_sentences(memory: int, disk: int, *, known: bool) -> tuple[str, list[str]]:
    """Free memory and disk beside what a run takes (if `known`), and a warning for each that is too small."""
    free = f"{megabytes(memory)} of memory and {megabytes(disk)} of disk"
    if not known:
        return f"Free: {free}; what a run with this network takes is not known.", []
    short = []
    if memory < DEFAULT_MEMORY:
        short.append(
            f"Only {megabytes(memory)} of memory are free, a run takes about {megabytes(DEFAULT_MEMORY)}: close "
            "other programs."
        )
    if disk < DEFAULT_DISK:
        short.append(
            f"Only {megabytes(disk)} of the disk are free, a run takes up to {megabytes(DEFAULT_DISK)}: delete old "
            "runs or make room otherwise."
        )
    return f"Free: {free}; a run takes about {megabytes(DEFAULT_MEMORY)} and {megabytes(DEFAULT_DISK)}.", short


def pace_choices(source: Source | None, *, learned: bool) -> list[tuple[str, str]]:
    """The three choices of training time as (label with the whole time, name)."""
    more = 0 if source is None or learned else BASE_MINUTES
    first = ", the first time" if more else ""
    return [(f"{name}, {minutes + more:g} min{first}", name) for name, minutes in PACES.items()]


def pace_of(minutes: float | None) -> str | None:
    """The name of the choice with these minutes, or None."""
    return next((name for name, known in PACES.items() if known == minutes), None)


class Beginning(Enum):
    """What a training begins with."""

    WEIGHTS = "the encoder's weights, or a base that is there"
    STARTER = "the starter"
    SOURCE_FIRST = "a base of its source, which it must train first"


def beginning(project: Project, source: Source | None, encoder: str, weights: str, preset: str) -> Beginning:
    """What a training with these choices begins with."""
    if source is None or not PRESETS.get(preset, PRESETS["default"]).starts_from_base:
        return Beginning.WEIGHTS
    if source.name == DRAWN and weights.strip() == FROM_STARTER:
        return Beginning.STARTER
    usual = usual_network(preset, encoder) and not weights.strip()
    if usual and source.name == DRAWN:
        return Beginning.STARTER
    if has_base(source, preset if preset in PRESETS else "default", encoder):
        return Beginning.WEIGHTS
    learns = project.learning.doing not in (Doing.NONE, Doing.OFF)
    return Beginning.STARTER if usual and learns else Beginning.SOURCE_FIRST


def weights_sentence(encoder: str, weights: str, *, starter: Path) -> tuple[str, bool]:
    """Where the encoder's pretrained weights come from, and whether this is a warning.

    `starter` is the folder of the starter, which replaces weights of the default encoder that cannot be downloaded.
    """
    if weights == "none":
        return "Without pretrained weights the model needs far more labels.", True
    if weights == "starter":
        return "Training starts from the starter weights that come with the tool.", False
    if weights:
        found = Path(os.path.expanduser(weights)).is_file()
        return (f"Pretrained weights: {weights}.", False) if found else (f"There is no weights file {weights}.", True)
    if encoder == "test_vit":
        return "test_vit is a toy network for tests.", True
    here = huggingface_hub.try_to_load_from_cache(f"timm/{encoder}", "model.safetensors")
    if isinstance(here, str):
        return "The weights with which the encoder begins are on this machine.", False
    size = f" ({DOWNLOADS[encoder]} MB)" if encoder in DOWNLOADS else ""
    absent = (
        f"The weights with which the encoder begins are not on this machine: they are downloaded{size} when training "
        "starts. "
    )
    if encoder == DEFAULT_ENCODER and (starter / run_folder.MODEL).is_file():
        return (
            absent + "If the download fails, training starts from the starter weights that come with the tool.",
            False,
        )
    return absent + "If the download fails, training goes on without them and needs far more labels.", True
