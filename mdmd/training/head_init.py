"""Initialize the head of a new definition from landmarks that the model already predicts.

The nose tip of a 68-point definition and that of a nine-point definition are the same place under two names. The faces
labeled with the new definition show which known landmark is nearest to each new one, and the new head starts as that
landmark.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from mdmd.data.definition import Definition
from mdmd.device import autocast
from mdmd.loading.batches import FaceCache
from mdmd.models.landmark_model import MDMD

#: The most faces that are compared: each costs a prediction, and medians of this many are stable.
ENOUGH_FACES = 64
BATCH = 16


def inherit(model: MDMD, faces: FaceCache, known: Collection[str]) -> dict[str, str]:
    """Initialize the head of `faces` with the nearest landmarks of the best matching head among `known`.

    Only landmarks of the same semantic group are compared. Returns the known landmark of each new one, by name; empty
    if no other head is known.
    """
    distances = {name: distances_to(model, faces, name) for name in sorted(known) if name != faces.name}
    if not distances:
        return {}
    definition = faces.definition
    matches = {name: nearest(d, definition, model.definitions[name]) for name, d in distances.items()}
    best = min(matches, key=lambda name: _mean_distance(distances[name], matches[name]))
    model.start_head(faces.name, best, matches[best])
    names = model.definitions[best].landmarks
    return {new: names[k] for new, k in zip(definition.landmarks, matches[best], strict=True) if k >= 0}


def distances_to(model: MDMD, faces: FaceCache, head: str) -> Float[Tensor, "N M"]:
    """Median distance, in crop units, from each new landmark to each prediction of `head`; NaN if never labeled."""
    device = next(model.parameters()).device
    still = torch.Generator()
    model.eval()
    apart = []
    with torch.inference_mode(), autocast(device):
        for start in range(0, min(len(faces), ENOUGH_FACES), BATCH):
            batch = faces.batch(range(start, min(start + BATCH, len(faces))), "none", still)
            found = model(batch.images.to(device), head).mean.cpu()
            gaps = (batch.points[:, :, None] - found[:, None]).norm(dim=-1)
            apart.append(gaps.masked_fill(~batch.labeled[:, :, None], torch.nan))
    return torch.cat(apart).nanmedian(dim=0).values


def nearest(distances: Float[Tensor, "N M"], new: Definition, known: Definition) -> list[int]:
    """For each new landmark the index of the nearest known one in its group, or -1 if there is none."""
    same_group = torch.tensor(new.groups)[:, None] == torch.tensor(known.groups)[None, :]
    allowed = distances.masked_fill(~same_group | distances.isnan(), torch.inf)
    closest = allowed.min(dim=1)
    return [
        int(k) if value < torch.inf else -1
        for k, value in zip(closest.indices.tolist(), closest.values.tolist(), strict=True)
    ]


def _mean_distance(distances: Float[Tensor, "N M"], match: Sequence[int]) -> float:
    found = [float(distances[row, k]) for row, k in enumerate(match) if k >= 0]
    return sum(found) / len(found) if found else float("inf")
