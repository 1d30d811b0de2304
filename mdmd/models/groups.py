"""Coarser facial landmark semantic groups: our reading of Table 7.

The paper shows its 5 and 8 groups only in a figure (Fig. 6) and lists the 12. We merge adjacent groups of the 12: 8
groups merge the five parts of the contour; 5 groups also merge the two eyes, the two brows and both parts of the mouth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mdmd.data.definition import GROUPS

_CONTOUR = ("upper_left_contour", "lower_left_contour", "jaw", "lower_right_contour", "upper_right_contour")

#: Number of groups -> for each group, the names of the 12 that it merges.
GROUPINGS: Mapping[int, tuple[tuple[str, ...], ...]] = {
    12: tuple((name,) for name in GROUPS),
    8: (
        _CONTOUR,
        ("left_eye",),
        ("right_eye",),
        ("left_brow",),
        ("right_brow",),
        ("nose",),
        ("top_mouth",),
        ("bottom_mouth",),
    ),
    5: (
        _CONTOUR,
        ("left_eye", "right_eye"),
        ("left_brow", "right_brow"),
        ("nose",),
        ("top_mouth", "bottom_mouth"),
    ),
}


def grouped(members: Sequence[Sequence[int]], groups: int) -> tuple[tuple[int, ...], ...]:
    """Landmark indices of each of `groups` groups, from those of the 12 groups (`Definition.members`)."""
    return tuple(tuple(k for name in joined for k in members[GROUPS.index(name)]) for joined in GROUPINGS[groups])
