"""What several COCO files say of themselves, such as their licenses, put together as one file says it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: The key of the licenses of a file, and the one of an image for the id of its license.
LICENSES, LICENSE = "licenses", "license"

Extra = Mapping[str, Any]


def merged(files: Iterable[Extra]) -> dict[str, Any]:
    """What all `files` say, in their order: each entry of a list once, and of other keys what the first file says."""
    found: dict[str, Any] = {}
    for said in files:
        for key, value in said.items():
            there = found.get(key)
            if isinstance(there, list) and isinstance(value, list):
                known = {_text(one) for one in there}
                found[key] = [*there, *(one for one in value if _text(one) not in known)]
            elif isinstance(there, Mapping) and isinstance(value, Mapping):
                found[key] = {**value, **there}
            else:
                found.setdefault(key, value)
    return found


@dataclass(frozen=True)
class Renumbered:
    """What a file says, with ids of licenses that do not mean others in another file.

    `ids` are the new ids of its own licenses, and `others` those that mean licenses of the other file only.
    """

    extra: dict[str, Any]
    ids: Mapping[int | str, int | str] = field(default_factory=dict)
    others: frozenset[int | str] = frozenset()

    def image(self, extra: Extra) -> dict[str, Any]:
        """What an image of the file says, with the new id of its license.

        An id that none of its licenses has is left out if another one has it.
        """
        own = extra.get(LICENSE)
        if not isinstance(own, int | str):
            return dict(extra)
        if own not in self.ids and own in self.others:
            return {key: value for key, value in extra.items() if key != LICENSE}
        return {**extra, LICENSE: self.ids.get(own, own)}


def renumbered(extra: Extra, beside: Extra) -> Renumbered:
    """What a file says, so that it can stand `beside` what others say: licenses that differ have different ids."""
    there = {one["id"]: one for one in _licenses(beside)}
    same = {_content(one): key for key, one in there.items()}
    used, ids = {*there, *(one["id"] for one in _licenses(extra))}, dict[int | str, int | str]()
    licenses = list[Any]()
    for one in extra.get(LICENSES, []) if isinstance(extra.get(LICENSES), list) else []:
        key = _id(one)
        if key is not None:
            new = key
            if key in there and _content(there[key]) != _content(one):
                new = same.get(_content(one), max((k for k in used if isinstance(k, int)), default=0) + 1)
            ids.setdefault(key, new)
            used.add(new)
            one = {**one, "id": new}
        licenses.append(one)
    told = dict(extra)
    if licenses:
        told[LICENSES] = licenses
    return Renumbered(told, ids, frozenset(there))


def _licenses(extra: Extra) -> list[dict[str, Any]]:
    """The licenses that have an id by which an image can name them."""
    found = extra.get(LICENSES)
    return [one for one in found if _id(one) is not None] if isinstance(found, list) else []


def _id(license: Any) -> int | str | None:
    key = license.get("id") if isinstance(license, Mapping) else None
    return key if isinstance(key, int | str) else None


def _content(license: Extra) -> str:
    return _text({key: value for key, value in license.items() if key != "id"})


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
