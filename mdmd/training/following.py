"""After an adaptation the target's points also follow from those of a source, by what the learned faces say."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mdmd.data.records import Prediction, Sample
from mdmd.inference.predict import predict_crops, views_ahead
from mdmd.models.landmark_model import MDMD
from mdmd.training.crossfit import folds_of
from mdmd.transfer.candidates import LabeledFaces
from mdmd.transfer.carried_labels import complex_of
from mdmd.transfer.follow import Relation, relation

#: A source with fewer landmarks says too little of a face.
FEWEST_LANDMARKS = 20
#: The most learned faces that are predicted, and into how many parts they are divided to measure errors.
ENOUGH_FACES = 300
FOLDS = 5
#: With very many landmarks fewer faces are taken, but FEWEST_FACES: so many that the products of weights are no more.
WORK, FEWEST_FACES = 3_000_000_000, 20
BATCH = 32


def follow_source(model: MDMD, target: str, sources: Sequence[str], faces: Sequence[Sample], seed: int) -> str | None:
    """Let head `target` follow that of `sources` from which its labels on the learned `faces` follow best.

    Pictures that can no longer be read are left out. Returns the source, or None: with faces of fewer than two groups,
    without a source of at least FEWEST_LANDMARKS landmarks, or if pictures of the target are mirrored and those of no
    source may be.
    """
    own = model.definitions[target]
    usable = [name for name in sources if _usable(model, name, mirrored=own.can_be_mirrored)]
    if not usable:
        return None
    most = max(len(model.definitions[name].landmarks) for name in usable)
    count = min(ENOUGH_FACES, max(FEWEST_FACES, WORK // (len(own.landmarks) * most**2)))
    chosen = np.random.default_rng(seed).permutation(len(faces))[:count]
    seen, readable = _seen(model, usable, [faces[k] for k in sorted(chosen)])
    folds = min(FOLDS, len({face.group for face in readable}))
    if folds < 2:
        return None
    fold = np.zeros(len(readable), dtype=np.int64)
    for part, members in enumerate(folds_of(readable, folds, seed)):
        fold[members] = part
    found = {name: _relation(model, target, name, seen[name], readable, fold) for name in usable}
    sizes = np.sqrt([face.box.w * face.box.h for face in readable])[:, None]
    errors = {name: _mean(one.off / sizes) for name, one in found.items() if np.isfinite(one.weights).all()}
    if not errors:
        return None
    best = min(errors, key=lambda name: errors[name])
    model.follow(target, best).take(found[best])
    return best


def _usable(model: MDMD, name: str, *, mirrored: bool) -> bool:
    """Whether points may follow from those of head `name`, on mirrored pictures as well if `mirrored`."""
    definition = model.definitions[name]
    return len(definition.landmarks) >= FEWEST_LANDMARKS and (definition.can_be_mirrored or not mirrored)


def _seen(
    model: MDMD, heads: Sequence[str], faces: Sequence[Sample]
) -> tuple[Mapping[str, list[Prediction]], list[Sample]]:
    """What each of `heads` predicts on the faces whose pictures can be read, and those faces."""
    found: dict[str, list[Prediction]] = {head: [] for head in heads}
    unusable: dict[Path, str] = {}
    for images, crops in views_ahead(faces, model.config, batch_size=BATCH, unusable=unusable):
        for head, own in found.items():
            own += predict_crops(model, images, head, crops)
    kept = [k for k, face in enumerate(faces) if face.path not in unusable]
    return {head: [own[k] for k in kept] for head, own in found.items()}, [faces[k] for k in kept]


def _relation(
    model: MDMD,
    target: str,
    source: str,
    seen: Sequence[Prediction],
    faces: Sequence[Sample],
    fold: NDArray[np.int64],
) -> Relation:
    labels = [face.annotation for face in faces if face.annotation is not None]
    points = np.stack([np.where(one.labeled, complex_of(one.points), np.nan) for one in labels])
    unseen = np.array([face.unseen for face in faces])
    labeled = LabeledFaces(
        complex_of(np.stack([one.points for one in seen])),
        np.stack([one.covariance for one in seen]),
        points,
        np.where(unseen[:, None], np.inf, np.zeros(points.shape)),
    )
    own, other = (model.definitions[name] for name in (target, source))
    return relation(labeled, fold, (own.mirror, other.mirror) if own.can_be_mirrored else None)


def _mean(values: NDArray[np.float64]) -> float:
    """The mean of known values; infinite if none is."""
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else np.inf
