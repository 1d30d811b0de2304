"""What names of landmarks tell: groups and mirror pairs."""

from __future__ import annotations

import pytest

from mdmd.data.landmark_names import group_of_name, guessed_pairs
from tests.builders import GROUPS_OF_NAMES


@pytest.mark.parametrize(("name", "group"), GROUPS_OF_NAMES)
def test_a_name_tells_the_group_of_a_part(name: str, group: str | None) -> None:
    assert group_of_name(name) == group


def test_names_with_the_other_side_are_mirror_pairs() -> None:
    names = ["L_Eye", "nose", "R_Eye", "ear_left", "left_brow_0", "right_brow_4"]
    assert guessed_pairs(names) == [(0, 2)]
