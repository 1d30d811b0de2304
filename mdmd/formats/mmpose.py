"""MMPose's metainfo: a Python file with `dataset_info = dict(...)`, which is never run, or the same as JSON.

`keypoint_info` has a `name` for each landmark, and the landmark that it becomes in a mirrored image as `swap`;
`skeleton_info` the edges, by names. `joint_weights` and `sigmas` must be there; they are written as 1 and 0.025.
Source: https://mmpose.readthedocs.io/en/latest/advanced_guides/customize_datasets.html.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mdmd.data.definition import Definition
from mdmd.data.text import shown, text_problem
from mdmd.errors import DataError
from mdmd.formats.python_literals import assigned, items_of, value_of

#: What a file or a class may call it.
NAMES = ("dataset_info", "metainfo", "METAINFO")
#: The keys that are read, of the whole and of each entry; others may hold what cannot be read without running it.
KEYS = ("dataset_name", "from_file")
ENTRIES = {"keypoint_info": ("name", "swap"), "skeleton_info": ("link",)}
#: COCO's value for the eyes. Only the metric OKS uses it.
SIGMA = 0.025
COLOR = [51, 153, 255]


def category_of_python(text: str, where: str) -> dict[str, Any]:
    """The category in a Python file. Raises DataError."""
    found = assigned(text, NAMES, where)
    if found is None:
        raise DataError(f"{where}: found no {NAMES[0]} = dict(...), as a file of MMPose has it")
    items = items_of(found, where)
    told: dict[str, Any] = {key: value_of(items[key], where) for key in KEYS if key in items}
    for key, wanted in ENTRIES.items():
        if key in items:
            entries = {number: items_of(entry, where) for number, entry in items_of(items[key], where).items()}
            told[key] = {
                number: {name: value_of(entry[name], where) for name in wanted if name in entry}
                for number, entry in entries.items()
            }
    return category_of(told, where)


def category_of(told: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The category that metainfo tells: names, edges and mirror pairs. Raises DataError."""
    if told.get("from_file") is not None:
        raise DataError(f"{where}: its metainfo is in another file, {shown(told['from_file'])}: name that one")
    info, links = told.get("keypoint_info"), told.get("skeleton_info") or {}
    if not isinstance(info, Mapping) or not info:
        raise DataError(f"{where}: keypoint_info is {shown(info)}, wanted a dictionary of keypoints")
    keypoints = [info[key] for key in sorted(info, key=lambda key: _number(key, where))]
    names: list[Any] = [one.get("name") if isinstance(one, Mapping) else None for one in keypoints]
    if any(map(text_problem, names)) or len({*names}) < len(names):
        raise DataError(f"{where}: keypoint_info names {shown(names)}, wanted a name of its own for each")
    index = {name: k for k, name in enumerate(names)}
    pairs = set[tuple[int, int]]()
    for k, one in enumerate(keypoints):
        swap = one.get("swap") or names[k]
        if _place(swap, index, f"{where}: swap of {names[k]!r}") != k:
            pairs.add((min(k, index[swap]), max(k, index[swap])))
    if not isinstance(links, Mapping | list):
        raise DataError(f"{where}: skeleton_info is {shown(links)}, wanted a dictionary of links")
    edges = []
    for one in links.values() if isinstance(links, Mapping) else links:
        link = one.get("link") if isinstance(one, Mapping) else None
        if not isinstance(link, list | tuple) or len(link) != 2:
            raise DataError(f"{where}: a link is {shown(one)}, wanted two names as link")
        edges.append([_place(name, index, f"{where}: a link") + 1 for name in link])
    name = told.get("dataset_name")
    return {
        "name": name if isinstance(name, str) else "face",
        "keypoints": names,
        "skeleton": edges,
        "flip_pairs": sorted(map(list, pairs)),
    }


def _number(key: Any, where: str) -> int:
    text = str(key)
    if not text.isascii() or not text.isdecimal() or len(text) > 9:
        raise DataError(f"{where}: a key of keypoint_info is {shown(key)}, wanted a number from 0")
    return int(text)


def _place(name: Any, index: Mapping[str, int], what: str) -> int:
    if not isinstance(name, str) or name not in index:
        raise DataError(f"{what} is {shown(name)}, wanted the name of a keypoint")
    return index[name]


def python_of(definition: Definition) -> str:
    """The Python file with the metainfo of `definition`."""
    names = definition.landmarks
    lines = ["dataset_info = dict(", f"    dataset_name={definition.name!r},", "    paper_info=dict(),"]
    lines.append("    keypoint_info={")
    for k, (name, other) in enumerate(zip(names, definition.mirror, strict=True)):
        swap = "" if other == k else names[other]
        lines.append(f"        {k}: dict(name={name!r}, id={k}, color={COLOR}, type='', swap={swap!r}),")
    lines += ["    },", "    skeleton_info={"]
    for k, (a, b) in enumerate(definition.edges):
        lines.append(f"        {k}: dict(link=({names[a]!r}, {names[b]!r}), id={k}, color={COLOR}),")
    lines += ["    },", f"    joint_weights={[1.0] * len(names)},", f"    sigmas={[SIGMA] * len(names)},", ")"]
    return "\n".join(lines) + "\n"
