"""Landmarks with too few labels to train on."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor

#: With fewer labels, the spread of a landmark's errors cannot be estimated.
FEWEST_LABELS = 3


def label_counts(labeled: Bool[Tensor, "F N"], mirror: Sequence[int], *, mirrored: bool) -> Int[Tensor, " N"]:
    """The number of labels that each landmark is trained on, from `labeled` (F, N).

    If faces are also shown `mirrored`, a label also counts for the landmark's mirror partner (`mirror`, N indices).
    """
    counts = labeled.sum(0)
    partner = torch.as_tensor(mirror)
    if not mirrored:
        return counts
    return torch.where(partner == torch.arange(len(counts)), counts, counts + counts[partner])


def rarely_labeled(labeled: Bool[Tensor, "F N"], mirror: Sequence[int], *, mirrored: bool) -> Bool[Tensor, " N"]:
    """The landmarks (N,) with fewer than FEWEST_LABELS labels, including those with none."""
    return label_counts(labeled, mirror, mirrored=mirrored) < FEWEST_LABELS
