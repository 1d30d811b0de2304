"""What a user may do to a landmark definition, and what that does to the labels.

Labels hang on landmark ids alone, so a rename or a new order moves nothing. A landmark that is taken out
keeps its labels in the store; they are back when its id is. An id is never given to another landmark.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labeler.store import SavedDefinition
from mdmd.records import DataError, Definition, category_problems, load_definition, shipped_definitions


class DefinitionError(DataError):
    """A definition that cannot be saved; `problems` names every culprit."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = list(problems)


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


def problems(category: Mapping[str, Any], versions: Sequence[SavedDefinition]) -> list[str]:
    """Everything that keeps `category` from becoming the next of `versions`; empty when nothing does.

    `landmark_ids` may hold None for a new landmark, or be missing when all are new.
    """
    found = category_problems({key: value for key, value in category.items() if key != "landmark_ids"})
    names = category.get("keypoints")
    ids = category.get("landmark_ids")
    if ids is None or not isinstance(names, list | tuple):
        return found
    if not isinstance(ids, list | tuple) or len(ids) != len(names):
        return [*found, f"'landmark_ids' must hold an id or null for each of the {len(names)} landmarks"]
    issued = issued_ids(versions)
    seen: dict[int, str] = {}
    for name, key in zip(names, ids, strict=True):
        if key is None:
            continue
        if isinstance(key, bool) or not isinstance(key, int) or key < 1:
            found.append(f"landmark {name!r} has the id {key!r}, wanted a whole number from 1 or null")
        elif key in seen:
            found.append(f"landmarks {seen[key]!r} and {name!r} have the same id {key}")
        elif versions and key not in issued:
            found.append(f"landmark {name!r} has the id {key}, which this project never gave; leave it null")
        else:
            seen[key] = name
    return found


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
        raise DefinitionError([f"the reference picture has a point for {unknown[0]!r}, which is no landmark here"])
    return {"picture": reference["picture"], "points": named}
