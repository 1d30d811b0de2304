"""Landmarks with too few labels to learn from."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Int
from torch import Tensor

#: With fewer labels than this the spread of a landmark's errors cannot be told.
FEWEST_LABELS = 3


def label_counts(labeled: Bool[Tensor, "F N"], mirror: Sequence[int], *, mirrored: bool) -> Int[Tensor, " N"]:
    """How many labels each landmark is learned from. Where faces are shown mirrored too, a label of a landmark is
    one of its mirror partner (`mirror`, N indices) as well."""
    counts = labeled.sum(0)
    partner = torch.as_tensor(mirror)
    if not mirrored:
        return counts
    return torch.where(partner == torch.arange(len(counts)), counts, counts + counts[partner])


def rarely_labeled(labeled: Bool[Tensor, "F N"], mirror: Sequence[int], *, mirrored: bool) -> Bool[Tensor, " N"]:
    """Landmarks learned from fewer than FEWEST_LABELS labels, those without any included."""
    return label_counts(labeled, mirror, mirrored=mirrored) < FEWEST_LABELS
