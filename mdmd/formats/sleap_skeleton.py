"""A skeleton as SLEAP exports it: JSON of a graph, in which an object that stood there before is told by a number.

`links` are edges (type 1) and symmetries (type 2), `nodes` the landmarks in their order. What stands there first is a
`py/object` (a node) or a `py/reduce` (a type), and later a `py/id`: which of these objects it is, from 1. Files of
sleap-io write out every node of a link, and count nodes and types apart. No object is made of what a file names.
Source: https://docs.sleap.ai and files that sleap-io 0.9.5 wrote.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mdmd.data.definition import MOST_LANDMARKS, Definition
from mdmd.data.text import shown, text_problem
from mdmd.errors import DataError

EDGE, SYMMETRY = 1, 2
MOST_LINKS = 10_000


def category_of(told: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The category that a skeleton tells: names, edges and mirror pairs. Raises DataError."""
    graph = told["nx_graph"] if isinstance(told.get("nx_graph"), Mapping) else told
    links, nodes = (_list(graph.get(key), f"{where}: {key}") for key in ("links", "nodes"))
    if len(nodes) > MOST_LANDMARKS or len(links) > MOST_LINKS:
        raise DataError(
            f"{where}: found {len(nodes):,} nodes and {len(links):,} links, wanted at most {MOST_LANDMARKS:,} and "
            f"{MOST_LINKS:,}"
        )
    parts = [[_part(link, key, where) for key in ("source", "target", "type")] for link in links]
    ends = [_part(node, "id", where) for node in nodes]
    found = _Objects([part for link in parts for part in link], ends, where)
    names = [found.node(end) for end in ends]
    index = {name: k for k, name in enumerate(names)}
    edges, pairs = [], set[tuple[int, int]]()
    for source, target, kind in parts:
        a, b = (index.get(found.node(end)) for end in (source, target))
        if a is None or b is None:
            raise DataError(f"{where}: a link leads to a node that is not in nodes")
        number = found.type(kind)
        if number == EDGE:
            edges.append([a + 1, b + 1])
        elif number == SYMMETRY:
            pairs.add((min(a, b), max(a, b)))
        else:
            raise DataError(f"{where}: a link has the type {shown(number)}, wanted 1 (edge) or 2 (symmetry)")
    about = graph.get("graph")
    name = about.get("name") if isinstance(about, Mapping) else None
    told_pairs = {"flip_pairs": sorted(map(list, pairs))} if pairs else {}  # many skeletons are made without
    return {
        "name": name if isinstance(name, str) and name else "face",
        "keypoints": names,
        "skeleton": edges,
        **told_pairs,
    }


class _Objects:
    """What numbers in a file refer to: names of nodes (text) and types of links (whole numbers), as they come."""

    def __init__(self, linked: list[Mapping[str, Any]], ends: list[Mapping[str, Any]], where: str) -> None:
        self._where = where
        new = [_new(part, where) for part in linked]
        self._all = [one for one in (*new, *(_new(end, where) for end in ends)) if one is not None]
        self._types = [one for one in self._all if isinstance(one, int)]
        self._nodes = list(dict.fromkeys(one for one in self._all if isinstance(one, str)))
        told = [end["py/id"] for end in ends if "py/id" in end]
        named = [self._at(self._all, number) for number in told]
        # Counted together, the nodes must be nodes, and different ones; otherwise they are counted apart.
        self._together = all(isinstance(name, str) for name in named) and len({*named}) == len(named)

    def node(self, part: Mapping[str, Any]) -> str:
        new = _new(part, self._where)
        found = new if new is not None else self._at(self._all if self._together else self._nodes, part.get("py/id"))
        if not isinstance(found, str):
            raise DataError(f"{self._where}: found {shown(part)}, wanted a node")
        return found

    def type(self, part: Mapping[str, Any]) -> int | None:
        new, number = _new(part, self._where), part.get("py/id")
        if not part:
            return EDGE
        found = new if new is not None else self._at(self._all, number)
        if not isinstance(found, int):
            found = self._at(self._types, number)
        # A file of sleap-io whose first links are symmetries calls their type 2, although there is only one.
        return found if isinstance(found, int) else number if isinstance(number, int) else None

    @staticmethod
    def _at(objects: list[Any], number: Any) -> Any:
        is_place = isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= len(objects)
        return objects[number - 1] if is_place else None


def _new(part: Mapping[str, Any], where: str) -> str | int | None:
    """The name of a node, or the number of a type, that stands there for the first time; else None."""
    if "py/object" in part:
        state = part.get("py/state", part)
        values = state.get("py/tuple") if isinstance(state, Mapping) else None
        name = values[0] if isinstance(values, list) and values else None
        name = state.get("name") if name is None and isinstance(state, Mapping) else name
        if problem := text_problem(name):
            raise DataError(f"{where}: the name of a node {problem}")
        return name
    if "py/reduce" in part:
        for one in _list(part["py/reduce"], f"{where}: py/reduce"):
            values = one.get("py/tuple") if isinstance(one, Mapping) else None
            if isinstance(values, list) and values and isinstance(values[0], int) and not isinstance(values[0], bool):
                return values[0]
        raise DataError(f"{where}: the type of a link is {shown(part)}, wanted a number")
    return None


def _list(found: Any, what: str) -> list[Any]:
    if not isinstance(found, list):
        raise DataError(f"{what} is {shown(found)}, wanted a list")
    return found


def _part(record: Any, key: str, where: str) -> Mapping[str, Any]:
    found = record.get(key, {} if key == "type" else None) if isinstance(record, Mapping) else None
    if not isinstance(found, Mapping):
        raise DataError(f"{where}: {key} is {shown(found)}, wanted an object")
    return found


def skeleton_of(definition: Definition) -> dict[str, Any]:
    """The JSON of a skeleton, numbered as SLEAP does; a symmetry stands there in both directions."""
    known: dict[str | int, int] = {}

    def node(k: int) -> dict[str, Any]:
        name = definition.landmarks[k]
        if name in known:
            return {"py/id": known[name]}
        known[name] = len(known) + 1
        return {"py/object": "sleap.skeleton.Node", "py/state": {"py/tuple": [name, 1.0]}}

    def kind(number: int) -> dict[str, Any]:
        if number in known:
            return {"py/id": known[number]}
        known[number] = len(known) + 1
        return {"py/reduce": [{"py/type": "sleap.skeleton.EdgeType"}, {"py/tuple": [number]}]}

    links: list[dict[str, Any]] = []
    for k, (a, b) in enumerate(definition.edges):
        about = {"edge_insert_idx": k, "key": sum(pair == (a, b) for pair in definition.edges[:k])}
        links.append({**about, "source": node(a), "target": node(b), "type": kind(EDGE)})
    for k, other in enumerate(definition.mirror):
        if k != other:
            key = sum(pair == (k, other) for pair in definition.edges)
            links.append({"key": key, "source": node(k), "target": node(other), "type": kind(SYMMETRY)})
    return {
        "directed": True,
        "graph": {"name": definition.name, "num_edges_inserted": len(definition.edges)},
        "links": links,
        "multigraph": True,
        "nodes": [{"id": node(k)} for k in range(len(definition.landmarks))],
    }
