"""Coarser facial landmark semantic groups: our reading of Table 7.

The paper draws its 5 and 8 groups (Fig. 6) and lists only the 12. We merge what its figure of the 12 puts side by side:
8 joins the five parts of the contour; 5 also joins the two eyes, the two brows, and the two halves of the mouth.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from mdmd.data.definition import GROUPS

_CONTOUR = ("upper_left_contour", "lower_left_contour", "jaw", "lower_right_contour", "upper_right_contour")

#: Number of groups -> the groups, each as those of the 12 that it joins.
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
    """Landmark indices of each of `groups` groups, from those of the 12 (`Definition.members`)."""
    return tuple(tuple(k for name in joined for k in members[GROUPS.index(name)]) for joined in GROUPINGS[groups])
