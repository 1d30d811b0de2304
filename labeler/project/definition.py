"""What a user may do to a landmark definition, and what that does to the labels.

Labels hang on landmark ids alone, so a rename or a new order moves nothing. A landmark that is taken out
keeps its labels in the store; they are back when its id is. An id is never given to another landmark.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labeler.storage.records import SavedDefinition
from mdmd.data.definition import GROUPS, Definition, Problem, category_problems, load_definition, shipped_definitions
from mdmd.errors import DataError

_OTHER_SIDE = {"left": "right", "right": "left"}
_SIDE_WORD = re.compile(r"(?<![a-z])(left|right)(?![a-z])")


class DefinitionError(DataError):
    """A definition that cannot be saved; `problems` names every culprit."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.text for problem in problems))
        self.problems = [problem.text for problem in problems]


def template(name: str) -> dict[str, Any]:
    """A shipped definition as a starting point: its landmarks have no ids of this project yet."""
    category = load_definition(name).to_category()
    return {**category, "landmark_ids": [None] * len(category["keypoints"])}


def templates() -> list[dict[str, Any]]:
    """What there is to start from: name, title and number of landmarks."""
    found = []
    for name in shipped_definitions():
        definition = load_definition(name)
        found.append({"name": name, "title": definition.name, "landmarks": len(definition.landmarks)})
    return found


def problems(category: Mapping[str, Any], versions: Sequence[SavedDefinition]) -> list[Problem]:
    """Everything that keeps `category` from becoming the next of `versions`; empty when nothing does.

    `landmark_ids` may hold None for a new landmark, or be missing when all are new.
    """
    found = category_problems({key: value for key, value in category.items() if key != "landmark_ids"})
    names = category.get("keypoints")
    ids = category.get("landmark_ids")
    if ids is None or not isinstance(names, list | tuple):
        return found
    if not isinstance(ids, list | tuple) or len(ids) != len(names):
        return [*found, Problem(f"'landmark_ids' must hold an id or null for each of the {len(names)} landmarks")]
    issued = issued_ids(versions)
    seen: dict[int, int] = {}
    for k, (name, key) in enumerate(zip(names, ids, strict=True)):
        if key is None:
            continue
        if isinstance(key, bool) or not isinstance(key, int) or key < 1:
            text = f"landmark {name!r} has the id {key!r}, wanted a whole number from 1 or null"
            found.append(Problem(text, (k,)))
        elif key in seen:
            text = f"landmarks {names[seen[key]]!r} and {name!r} have the same id {key}"
            found.append(Problem(text, (seen[key], k)))
        elif versions and key not in issued:
            text = f"landmark {name!r} has the id {key}, which this project never gave; leave it null"
            found.append(Problem(text, (k,)))
        else:
            seen[key] = k
    return found


def cautions(category: Mapping[str, Any]) -> list[Problem]:
    """Where names, groups and mirror pairs of a sound `category` contradict each other about left and right.

    Nothing here keeps it from being saved: names are the user's own.
    """
    if category_problems({key: value for key, value in category.items() if key != "landmark_ids"}):
        return []
    definition = Definition.from_category({**category, "landmark_ids": None})
    return [caution for k in range(len(definition.landmarks)) for caution in _contradictions(definition, k)]


def _contradictions(definition: Definition, k: int) -> Iterator[Problem]:
    name, group, other = definition.landmarks[k], GROUPS[definition.groups[k]], definition.mirror[k]
    side, group_side = side_of(name), side_of(group)
    if side and group_side and side != group_side:
        yield Problem(f"{name!r} is named {side} and stands in the group {_words(group)}", (k,))
    if other == k:
        if side or group_side:
            yield Problem(f"{name!r} is on the {side or group_side} and has no mirror partner", (k,))
        return
    partner = definition.landmarks[other]
    twin = mirrored_name(name)
    # Names that end in their side name their twin; of left_brow_0 and right_brow_4 the numbers merely run on.
    if name.endswith(("_left", "_right")) and twin in definition.landmarks and twin != partner:
        yield Problem(f"{name!r} is paired with {partner!r}, though there is {twin!r}", (k,))
    if k > other:
        return
    if side and side == side_of(partner):
        yield Problem(f"{name!r} and {partner!r} are mirror partners, and both are named {side}", (k, other))
    if GROUPS[definition.groups[other]] != mirrored_name(group):
        found, wanted = _words(GROUPS[definition.groups[other]]), _words(mirrored_name(group))
        text = f"{name!r} is in the {_words(group)}, its mirror partner {partner!r} in the {found}, wanted {wanted}"
        yield Problem(text, (k, other))


def _words(group: str) -> str:
    """A group's name as the pages write it."""
    return group.replace("_", " ")


def side_of(name: str) -> str | None:
    """ "left" or "right" when `name` holds that word and not the other one."""
    found = set(_SIDE_WORD.findall(name.lower()))
    return found.pop() if len(found) == 1 else None


def mirrored_name(name: str) -> str:
    """`name` with its side words swapped; one without stays as it is."""
    return _SIDE_WORD.sub(lambda word: _OTHER_SIDE[word[1]], name)


@dataclass(frozen=True)
class Effect:
    """What saving a category would do to the labels there are.

    `labels` counts the labels of every landmark id that has any, of landmarks deleted earlier too; the others count
    faces: `finished` are not complete now and would be, `unfinished` the other way round, `set_aside` would lose a
    label from sight, and to `back` one would come back.
    """

    labels: dict[int, int]
    finished: int
    unfinished: int
    set_aside: int
    back: int


def effect(category: Mapping[str, Any], now: Collection[int], labeled: Sequence[Collection[int]]) -> Effect:
    """The effect of `category` on faces that have labels of the landmark ids in `labeled`; `now` are today's ids."""
    given = category.get("landmark_ids") or [None] * len(category["keypoints"])
    today, then = set(now), {key for key in given if key is not None}
    fresh = None in given
    change = [(bool(today) and today <= set(ids), not fresh and bool(then) and then <= set(ids)) for ids in labeled]
    return Effect(
        labels=dict(sorted(Counter(key for ids in labeled for key in ids).items())),
        finished=sum(not before and after for before, after in change),
        unfinished=sum(before and not after for before, after in change),
        set_aside=sum(not (today - then).isdisjoint(ids) for ids in labeled),
        back=sum(not (then - today).isdisjoint(ids) for ids in labeled),
    )


def issued_ids(versions: Sequence[SavedDefinition]) -> set[int]:
    """Every landmark id that any version has ever used."""
    return {key for version in versions for key in version.category["landmark_ids"]}


def next_category(category: Mapping[str, Any], versions: Sequence[SavedDefinition]) -> dict[str, Any]:
    """`category` as it can be saved after `versions`: new landmarks get ids that were never used.

    Raises DefinitionError.
    """
    found = problems(category, versions)
    if found:
        raise DefinitionError(found)
    given = category.get("landmark_ids") or [None] * len(category["keypoints"])
    fresh = max([0, *issued_ids(versions), *(key for key in given if key is not None)]) + 1
    ids = []
    for key in given:
        ids.append(fresh if key is None else key)
        fresh += key is None
    return Definition.from_category({**category, "landmark_ids": ids}).to_category()


def next_reference(
    reference: Mapping[str, Any] | None, given_ids: Sequence[int | None] | None, ids: Sequence[int]
) -> dict[str, Any] | None:
    """The reference picture's points by landmark id. A new landmark's point goes by "#" and its place in the list."""
    if reference is None:
        return None
    given = given_ids or [None] * len(ids)
    fresh = {f"#{k}": str(ids[k]) for k, key in enumerate(given) if key is None}
    named: dict[str, list[float]] = {
        fresh.get(key, str(key)): list(place) for key, place in reference["points"].items()
    }
    unknown = sorted(set(named) - {str(key) for key in ids})
    if unknown:
        raise DefinitionError(
            [Problem(f"the reference picture has a point for {unknown[0]!r}, which is no landmark here")]
        )
    return {"picture": reference["picture"], "points": named}
