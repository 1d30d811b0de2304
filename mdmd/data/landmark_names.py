"""What the name of a landmark says: its side, its mirror partner and its group.

static/schema/landmark_names.js of the tool reads names by the same rules.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mdmd.data.definition import GROUPS

_OTHER_SIDE = {"left": "right", "right": "left", "l": "r", "r": "l"}
_LETTER = r"[^\W\d_]"
#: A side word or letter by itself (`ear_left`, `l_ear`), after a small letter (`earL`) or before a capital (`LeftEar`).
_SIDE = re.compile(
    rf"(?<!{_LETTER})(?:[Ll]eft|[Rr]ight|LEFT|RIGHT|[LlRr])(?!{_LETTER})|(?<=[a-z])(?:Left|Right)(?![a-z])"
    rf"|(?<=[a-z])[LR](?!{_LETTER})|(?<!{_LETTER})(?:[Ll]eft|[Rr]ight|[LlRr])(?=[A-Z][a-z])"
)
#: Words in names by the part of the head, in the order in which they count: in `lower_beak` the half, in `tear_duct` no
#: ear. A part on both sides of the head has a group on each.
_PARTS: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(words), part)
    for words, part in (
        (r".*brow.*", "brow"),
        (r"eye.*|lids?|pupils?|iris", "eye"),
        (r"nose.*|nostrils?|snout|cere|crest|comb", "nose"),
        (r"mouth|.*lips?|beak|bill|teeth|tooth|fangs?|tusks?", "mouth"),
        (r"whiskers?|muzzle", "top_mouth"),
        (r"tongue", "bottom_mouth"),
        (r"jaw.*|chin.*|beard|wattles?", "jaw"),
        (r"ears?|horns?|antlers?|temples?", "upper_contour"),
        (r"cheeks?|jowls?|gills?", "lower_contour"),
    )
)


def side_of(name: str) -> str | None:
    """ "left" or "right" if a name like `ear_left`, `l_ear` or `earL` tells that side and not the other, else None."""
    found = {"left" if word[0][0] in "Ll" else "right" for word in _SIDE.finditer(name)}
    return found.pop() if len(found) == 1 and len(name) > 1 else None


def partner_name(name: str) -> str | None:
    """The name of the mirror partner.

    None without a side, and where a number follows the side: left_brow_0 may be paired with right_brow_4.
    """
    if side_of(name) is None:
        return None
    last = list(_SIDE.finditer(name))[-1]
    return None if re.search(r"\d", name[last.start() :]) else mirrored_name(name)


def mirrored_name(name: str) -> str:
    """`name` with the sides swapped."""

    def swapped(word: re.Match[str]) -> str:
        other = _OTHER_SIDE[word[0].lower()]
        if word[0].islower():
            return other
        return other.upper() if word[0].isupper() else other.capitalize()

    return _SIDE.sub(swapped, name)


def group_of_name(name: str) -> str | None:
    """The group that a name like `eye_outer_left`, `lip_top` or `ear_tip_left` tells; None if it tells none."""
    side, words = side_of(name), _words(name)
    part = next((part for pattern, part in _PARTS if any(map(pattern.fullmatch, words))), None)
    if part is None:
        return None
    if part == "mouth":
        return "bottom_mouth" if {"bottom", "lower"} & {*words} else "top_mouth"
    group = f"{side}_{part}" if part in ("eye", "brow") else part.replace("_contour", f"_{side}_contour")
    return group if group in GROUPS else None


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name, its side and its numbers, sorted: `LeftEye`, `eye_left` and `l_eye` have the same."""
    side = side_of(name)
    rest = name if side is None else _SIDE.sub(" ", name)
    found = [*_words(rest), *re.findall(r"\d+", rest), *([] if side is None else [side])]
    return tuple(sorted(found)) or (name,)


def _words(name: str) -> list[str]:
    """The words of a name in small letters: `earTipLeft` and `ear_tip_left` have the same."""
    apart = "".join(
        f" {letter}" if letter.isupper() and before.islower() else letter
        for before, letter in zip(f" {name}", name, strict=False)
    )
    return re.findall(r"[^\W\d_]+", apart.lower())


def guessed_pairs(names: Sequence[str]) -> list[tuple[int, int]]:
    """The mirror pairs that names tell, as indices."""
    index = {name: k for k, name in enumerate(names)}
    partner = [index.get(partner_name(name) or "") for name in names]
    return [(k, other) for k, other in enumerate(partner) if other is not None and k < other and partner[other] == k]
