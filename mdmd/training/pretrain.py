"""Train the starter from scratch or on, on drawn faces, drawn animals and openly licensed photographs.

Training has several rounds. Each round draws new faces and has its own schedule, which ends at a learning rate of zero
(warm restarts, Loshchilov and Hutter 2017). Every round therefore leaves a usable starter, an interrupted pretraining
resumes in its current round at the step that it last saved, and drawn faces never repeat and do not fill the disk.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from mdmd import run_folder
from mdmd.config import ModelConfig, TrainConfig
from mdmd.data.coco import read_coco
from mdmd.data.records import Dataset
from mdmd.errors import DataError
from mdmd.models.checkpoint import Checkpoint, load
from mdmd.models.landmark_model import MDMD, build
from mdmd.synthetic.datasets import write_animals, write_source
from mdmd.training.plan import Plan
from mdmd.training.run_log import RunLog
from mdmd.training.schedule import Budget
from mdmd.training.train import train

#: ViT-Tiny with 9 of its 12 blocks and one decoder block: 5.9 M parameters, the most that SIZE_LIMIT allows.
STARTER_MODEL = ModelConfig(encoder="vit_tiny_patch16_224", encoder_depth=9, decoder_depth=1, image_size=160)
STARTER_TRAIN = TrainConfig(
    layer_decay=1.0, warmup_share=0.1, average_decay=0.998, batch_size=32, augment="drawn", heldout_share=0.05
)
#: The largest size of the shipped weights, in bytes.
SIZE_LIMIT = 12_000_000
#: The head of the drawn faces; also the name of the labeler's built-in source.
DRAWN = "drawn68"
#: The head of the drawn animals. It helps to learn, and is not in the shipped file.
DRAWN_ANIMALS = "animals18"
DRAWN_SIZE = 192
#: Subsets of the 189-point set whose photographs are CC-BY 4.0 (Face Research Lab London, Canada). Its 3DSK part is for
#: educational use only and is not used.
OPEN_SUBSETS = frozenset({"london", "canada"})


@dataclass(frozen=True)
class Drawing:
    """What is drawn for a round: faces and animals of `size` pixels, by so many `workers` (processes)."""

    faces: int = 4000
    animals: int = 0
    size: int = DRAWN_SIZE
    workers: int = 1


def open_photos(photos: Dataset) -> Dataset:
    """The images of `photos` with an openly licensed subset or none. Raises DataError if none is left."""
    kept = tuple(s for s in photos.samples if s.extra.get("subset") is None or s.extra["subset"] in OPEN_SUBSETS)
    if not kept:
        found = ", ".join(sorted({str(s.extra.get("subset")) for s in photos.samples}))
        wanted = " or ".join(sorted(OPEN_SUBSETS))
        raise DataError(f"{photos.name}: no openly licensed photographs: found the subsets {found}, wanted {wanted}")
    return replace(photos, samples=kept)


def pretrain(
    out: Path,
    photos: Dataset | None,
    plan: Plan,
    log: RunLog,
    *,
    rounds: int,
    drawing: Drawing,
    start: Checkpoint | None = None,
    config: ModelConfig = STARTER_MODEL,
) -> Checkpoint:
    """Train for `rounds` rounds, which share `plan.budget`, and write the starter to `out` after each (see `ship`).

    The first round begins from random weights, or from the starter `start`, whose rounds are counted on. The checkpoint
    of the latest round is kept in `out`/working, and finished rounds are not repeated. The starter of
    the last finished round is written again at the start, in case an earlier process was killed before it wrote it.
    `plan.keep` says how often the state of a round is saved; its file is among the drawn faces of the round.
    Raises DataError if `out`/working holds a network with another configuration.
    """
    working = out / "working"
    checkpoint = load(working) if (working / run_folder.MODEL).is_file() else None
    if checkpoint is not None and checkpoint.model.config != config:
        raise DataError(f"{working} holds a network with another configuration; choose another --out or remove it")
    if checkpoint is not None:
        _finish_round(checkpoint, out)
    elif start is not None and start.model.config != config:
        raise DataError("the starter to begin from has a network with another configuration")
    before = 0 if start is None else start.history.rounds or 0
    checkpoint = checkpoint or start
    done, faces, animals = _drawn_before(checkpoint)
    for k in range(done, before + rounds):
        folder = _drawn_folder(out, k + 1)
        drawn = [_drawn(folder, DRAWN, write_source, drawing.faces, drawing, plan.seed + k)]
        if drawing.animals:
            own = folder / "animals"
            drawn.append(_drawn(own, DRAWN_ANIMALS, write_animals, drawing.animals, drawing, plan.seed + k))
        datasets = drawn if photos is None else [drawn[0], open_photos(photos), *drawn[1:]]
        # Crops and the state to resume from go with the drawn faces, also after a kill.
        keep = None if plan.keep is None else replace(plan.keep, file=folder / run_folder.STATE)
        part = replace(plan, budget=_part(plan.budget, rounds), weights="none", seed=plan.seed + k, keep=keep)
        part = replace(part, crops=folder / "crops")
        checkpoint = train(datasets, config, part, log, start=checkpoint, stage="pretrain")
        faces, animals = faces + drawing.faces, animals + drawing.animals
        checkpoint.history = replace(
            checkpoint.history,
            base=None,  # earlier rounds are counted in `rounds`
            rounds=k + 1,
            drawn_faces=faces,
            drawn_animals=animals or None,
            photographs=None if photos is None else photos.name,
            augment=plan.train.augment,
        )
        checkpoint.save(working)
        _finish_round(checkpoint, out)
    assert checkpoint is not None
    return checkpoint


def _finish_round(checkpoint: Checkpoint, out: Path) -> None:
    """Write the starter and delete the drawn faces of its last round, and all crops of it."""
    ship(checkpoint, out)
    shutil.rmtree(_drawn_folder(out, checkpoint.history.rounds or 0), ignore_errors=True)


def _drawn_before(checkpoint: Checkpoint | None) -> tuple[int, int, int]:
    """The rounds that `checkpoint` has learned, and the faces and animals that were drawn for them."""
    if checkpoint is None:
        return 0, 0, 0
    history = checkpoint.history
    return history.rounds or 0, history.drawn_faces or 0, history.drawn_animals or 0


def _drawn(folder: Path, name: str, write: Callable[..., Path], count: int, drawing: Drawing, seed: int) -> Dataset:
    """The set `name` in `folder`, all of it to train on; `write` draws it if it is not there."""
    file = folder / "annotations.json"
    if not file.is_file():
        write(folder, count, seed=seed, size=drawing.size, workers=drawing.workers)
    return _all_for_training(read_coco(file, name=name))


def _drawn_folder(out: Path, number: int) -> Path:
    return out / f"drawn-{number}"


def _part(budget: Budget, rounds: int) -> Budget:
    if budget.steps is not None:
        return Budget(steps=max(1, budget.steps // rounds))
    assert budget.minutes is not None
    return Budget(minutes=budget.minutes / rounds)


def _all_for_training(drawn: Dataset) -> Dataset:
    return replace(drawn, samples=tuple(replace(s, split="train") for s in drawn.samples))


def ship(checkpoint: Checkpoint, folder: Path, *, limit: int = SIZE_LIMIT) -> None:
    """Write the starter to `folder` in float16, with only the head of the drawn faces, and its model card.

    Raises DataError if the weights exceed `limit` bytes.
    """
    model = only_head(checkpoint.model, DRAWN)
    size = 2 * sum(value.numel() for value in model.state_dict().values())
    if size > limit:
        raise DataError(
            f"found {size / 1e6:.1f} MB of weights in float16, wanted at most {limit / 1e6:.1f} MB for the starter"
        )
    calibrations = {head: made for head, made in checkpoint.calibrations.items() if head == DRAWN}
    Checkpoint(model, DRAWN, calibrations, checkpoint.history).save(folder, dtype=torch.float16)
    (folder / "README.md").write_text(card(checkpoint), encoding="utf-8")


def only_head(model: MDMD, name: str) -> MDMD:
    """A copy of `model` with only the head `name`."""
    state = {key: value for key, value in model.state_dict().items() if not key.startswith(("heads.", "followers."))}
    state |= {f"heads.0.{key}": value for key, value in model.head(name).state_dict().items()}
    small = build(model.config, {name: model.head_definition(name)})
    small.load_state_dict(state)
    return small


PHOTOGRAPHS = """
- **Photographs**: {count} from the Face Research Lab London Set (DeBruine and Jones 2017,
  https://doi.org/10.6084/m9.figshare.5047666) and the Canada set of https://github.com/debruine/webmorphR.stim, both
  CC-BY 4.0, with the 189-point template, used to train a second head that is not in the file."""

DRAWN_TOO = """
- **Drawn animals**: {count} heads of cats, dogs, monkeys, birds of prey and sheep with 18 exact landmarks, drawn by a
  program (`mdmd/synthetic/animals.py`), used to train another head that is not in the file."""

CARD = """# Starter

A network to adapt from if no other weights are available.

- **Data**: {drawn_faces} faces with 68 exact landmarks, drawn by a program (`mdmd/synthetic/datasets.py`).{others}
- **Not used**: research-only data and weights of others. Training started from random weights.
- **Network**: {encoder} with {blocks} blocks, decoder depth {decoder_depth}, {image_size} px, one head, float16.
- **Recipe**: `mdmd pretrain`, {rounds} rounds, augmentation "{augment}".
- **Measured**: NME {nme} % of the distance of the outer eye corners on {n} held-out drawn faces.
- **Limits**: the proportions of the drawn faces were chosen close to the mean face of 300W. Drawn faces are easier than
  real ones, human-like, and mostly seen from the front. The starter is meant to be adapted; its own 68 points are
  imprecise on photographs.
- **License**: Apache-2.0 for the weights. Keep the attributions above with them.
"""


def card(checkpoint: Checkpoint) -> str:
    """The model card, in Markdown, from the checkpoint's history."""
    history, config = checkpoint.history, checkpoint.model.config
    others = []
    if history.drawn_animals:
        others.append(DRAWN_TOO.format(count=history.drawn_animals))
    if history.photographs:
        others.append(PHOTOGRAPHS.format(count=history.faces[history.photographs]))
    return CARD.format(
        drawn_faces=history.drawn_faces,
        others="".join(others),
        encoder=config.encoder,
        blocks=checkpoint.model.encoder.depth - 1,
        decoder_depth=config.decoder_depth,
        image_size=config.image_size,
        rounds=history.rounds,
        augment=history.augment,
        nme=history.heldout.get("nme"),
        n=history.heldout.get("n"),
    )
