"""Edits of a landmark definition, and their effect on the labels.

Labels belong to landmark ids, so renaming or reordering landmarks does not change them. The labels of a deleted
landmark stay in the store and return with its id. An id is never reused for another landmark.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from labeler.storage.records import SavedDefinition
from mdmd.data.definition import GROUPS, Definition, Problem, category_problems, load_definition, shipped_definitions
from mdmd.data.landmark_names import mirrored_name, partner_name, side_of
from mdmd.errors import DataError


class DefinitionError(DataError):
    """The definition cannot be saved; `problems` lists all reasons."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(problem.text for problem in problems))
        self.problems = [problem.text for problem in problems]


def template(name: str) -> dict[str, Any]:
    """The COCO category of a shipped definition, without landmark ids, because these belong to a project."""
    category = load_definition(name).to_category()
    return {**category, "landmark_ids": [None] * len(category["keypoints"])}


def templates() -> list[dict[str, Any]]:
    """Name, title and number of landmarks of each shipped definition."""
    found = []
    for name in shipped_definitions():
        definition = load_definition(name)
        found.append({"name": name, "title": definition.name, "landmarks": len(definition.landmarks)})
    return found


def problems(category: Mapping[str, Any], versions: Sequence[SavedDefinition]) -> list[Problem]:
    """The reasons why `category` cannot be saved after `versions`; empty if it can.

    `landmark_ids` may contain None for new landmarks, and may be missing if all landmarks are new.
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
    """Contradictions about left and right between names, groups and mirror pairs of a valid `category`.

    They do not prevent saving, because users may choose any names.
    """
    if category_problems({key: value for key, value in category.items() if key != "landmark_ids"}):
        return []
    definition = Definition.from_category({**category, "landmark_ids": None})
    return [caution for k in range(len(definition.landmarks)) for caution in _contradictions(definition, k)]


def _contradictions(definition: Definition, k: int) -> Iterator[Problem]:
    name, group, other = definition.landmarks[k], GROUPS[definition.groups[k]], definition.mirror[k]
    side, group_side = side_of(name), side_of(group)
    if side and group_side and side != group_side:
        yield Problem(f"{name!r} is named {side} but is in the group {_words(group)}", (k,))
    if other == k:
        if side or group_side:
            why = "the definition says that every landmark lies on the middle line"
            found = f", but {why}" if definition.symmetric else " and has no mirror partner"
            yield Problem(f"{name!r} is on the {side or group_side}{found}", (k,))
        return
    partner = definition.landmarks[other]
    twin = partner_name(name)
    passes_over = twin is not None and twin in definition.landmarks and twin != partner
    if passes_over:
        yield Problem(f"{name!r} is paired with {partner!r}, although there is a landmark {twin!r}", (k,))
    if k > other:
        return
    both = f"{name!r} and {partner!r} are mirror partners"
    if side and side == side_of(partner):
        yield Problem(f"{both}, and both are named {side}", (k, other))
    elif (side is None) != (side_of(partner) is None):
        named, unnamed = (name, partner) if side else (partner, name)
        yield Problem(f"{both}, but only {named!r} is named with a side, {unnamed!r} is not", (k, other))
    elif GROUPS[definition.groups[other]] != mirrored_name(group):
        found = f"{_words(group)} and {_words(GROUPS[definition.groups[other]])}"
        yield Problem(f"{both}, but their groups {found} do not mirror each other", (k, other))
    elif side and not passes_over and _without_numbers(mirrored_name(name)) != _without_numbers(partner):
        yield Problem(f"{both}, but their names differ in more than the side", (k, other))


def _without_numbers(name: str) -> str:
    return re.sub(r"[\d_\W]+", "_", name.lower()).strip("_")


def _words(group: str) -> str:
    """A group's name as shown on the pages."""
    return group.replace("_", " ")


@dataclass(frozen=True)
class Effect:
    """The effect of saving a category on existing labels.

    `labels` counts labels by landmark id, including deleted landmarks. The other fields count faces: `finished` would
    become complete, `unfinished` would become incomplete, `set_aside` would have a label hidden, and `back` would have
    a hidden label restored.
    """

    labels: dict[int, int]
    finished: int
    unfinished: int
    set_aside: int
    back: int


def effect(category: Mapping[str, Any], now: Collection[int], labeled: Sequence[Collection[int]]) -> Effect:
    """The effect of saving `category`; `labeled` holds the labeled landmark ids of each face, `now` the current ids."""
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
    """All landmark ids used by any version."""
    return {key for version in versions for key in version.category["landmark_ids"]}


def next_category(category: Mapping[str, Any], versions: Sequence[SavedDefinition], *, last: int = 0) -> dict[str, Any]:
    """`category` completed for saving after `versions`: new landmarks get ids above `last` that were never used.

    Raises DefinitionError if it cannot be saved.
    """
    found = problems(category, versions)
    if found:
        raise DefinitionError(found)
    given = category.get("landmark_ids") or [None] * len(category["keypoints"])
    fresh = max([last, *issued_ids(versions), *(key for key in given if key is not None)]) + 1
    ids = []
    for key in given:
        ids.append(fresh if key is None else key)
        fresh += key is None
    return Definition.from_category({**category, "landmark_ids": ids}).to_category()


def next_reference(
    reference: Mapping[str, Any] | None, given_ids: Sequence[int | None] | None, ids: Sequence[int]
) -> dict[str, Any] | None:
    """The reference picture with its points by landmark id; None without one.

    `given_ids` are the ids before saving, None for new landmarks, and `ids` those after. The key of a new landmark's
    point is "#" and its index. Raises DefinitionError for a point of an unknown landmark.
    """
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
            [
                Problem(
                    f"the reference picture has a point for {unknown[0]!r}, which is not a landmark of this definition"
                )
            ]
        )
    return {"picture": reference["picture"], "points": named}
