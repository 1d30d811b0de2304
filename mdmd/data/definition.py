"""A landmark definition: names, the 12 semantic groups, mirror pairs, edges and normalizer. numpy only."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from mdmd.data.text import shown, text_problem
from mdmd.errors import DataError
from mdmd.files import read_json

#: The 12 facial landmark semantic groups (FLSG) of the paper, in the order of its appendix.
GROUPS: tuple[str, ...] = (
    "upper_left_contour",
    "lower_left_contour",
    "jaw",
    "lower_right_contour",
    "upper_right_contour",
    "left_eye",
    "right_eye",
    "left_brow",
    "right_brow",
    "nose",
    "top_mouth",
    "bottom_mouth",
)
#: Landmarks of one definition. No published one has half as many.
MOST_LANDMARKS = 1000
#: The largest id that JavaScript, which reads ids too, can tell from the next one.
LARGEST_ID = 2**53 - 1
DEFINITIONS_DIR = Path(__file__).parent.parent / "definitions"


@dataclass(frozen=True)
class Definition:
    """A landmark definition: N named landmarks, each in one of the 12 groups.

    `mirror[k]` is the landmark that k becomes in a mirrored picture (k itself on the midline). `symmetric` declares
    that all landmarks of a definition without mirror pairs lie on the midline, so that it can be mirrored all the same.
    `normalizer` is two lists of landmark indices whose means span the normalizing distance
    (one index each: inter-ocular; several: inter-pupil); None normalizes by the box.
    `ids` never change and are never used twice, so that labels survive a rename or a new order.
    """

    name: str
    landmarks: tuple[str, ...]
    groups: tuple[int, ...]
    mirror: tuple[int, ...]
    edges: tuple[tuple[int, int], ...] = ()
    normalizer: tuple[tuple[int, ...], tuple[int, ...]] | None = None
    ids: tuple[int, ...] = ()
    version: int = 1
    symmetric: bool = False

    def __post_init__(self) -> None:
        if not self.ids:
            object.__setattr__(self, "ids", tuple(range(1, len(self.landmarks) + 1)))

    @property
    def members(self) -> tuple[tuple[int, ...], ...]:
        """Landmark indices of each of the 12 groups, in order; empty tuples for empty groups."""
        return tuple(tuple(k for k, g in enumerate(self.groups) if g == group) for group in range(len(GROUPS)))

    @property
    def can_be_mirrored(self) -> bool:
        """Whether the landmarks of a mirrored picture are known. Training and prediction mirror nothing otherwise.

        Without pairs, a landmark named left eye would be shown on the other eye.
        """
        return self.symmetric or any(k != partner for k, partner in enumerate(self.mirror))

    @classmethod
    def from_category(cls, category: Mapping[str, Any], *, where: str = "definition") -> Definition:
        """Read a COCO category with our extra keys; raises DataError naming every culprit.

        Keys: `keypoints` (names), `flsg` (group name -> 0-based indices), and optionally `flip_pairs`
        (0-based pairs), `skeleton` (1-based pairs), `normalizer` (a 0-based pair, a pair of lists, or
        "box"), `symmetric` (true: no pairs, every landmark is its own mirror image), `landmark_ids`,
        `definition_version`.
        """
        problems = category_problems(category)
        if problems:
            raise DataError(f"{where}: " + "; ".join(problem.text for problem in problems))
        names = tuple(category["keypoints"])
        groups = [0] * len(names)
        for group, indices in category["flsg"].items():
            for k in indices:
                groups[k] = GROUPS.index(group)
        mirror = list(range(len(names)))
        for a, b in category.get("flip_pairs") or ():
            mirror[a], mirror[b] = b, a
        normalizer = category.get("normalizer")
        return cls(
            name=str(category.get("name") or "face"),
            landmarks=names,
            groups=tuple(groups),
            mirror=tuple(mirror),
            edges=tuple((a - 1, b - 1) for a, b in category.get("skeleton") or ()),
            normalizer=None
            if normalizer in (None, "box")
            else (_as_indices(normalizer[0]), _as_indices(normalizer[1])),
            ids=tuple(category.get("landmark_ids") or ()),
            version=int(category.get("definition_version") or 1),
            symmetric=bool(category.get("symmetric")),
        )

    def to_category(self) -> dict[str, Any]:
        """The COCO category of this definition, the inverse of `from_category`."""
        ends = self.normalizer
        if ends is None:
            normalizer: Any = "box"
        elif len(ends[0]) == len(ends[1]) == 1:
            normalizer = [ends[0][0], ends[1][0]]
        else:
            normalizer = [list(ends[0]), list(ends[1])]
        return {
            "id": 1,
            "name": self.name,
            "supercategory": "face",
            "keypoints": list(self.landmarks),
            "skeleton": [[a + 1, b + 1] for a, b in self.edges],
            "flsg": {GROUPS[g]: list(m) for g, m in enumerate(self.members) if m},
            "flip_pairs": [[k, m] for k, m in enumerate(self.mirror) if k < m],
            # Only if true: digests of definitions from before this key existed stay the same.
            **({"symmetric": True} if self.symmetric else {}),
            "normalizer": normalizer,
            "definition_version": self.version,
            "landmark_ids": list(self.ids),
        }


def _as_indices(end: Any) -> tuple[int, ...]:
    return (end,) if isinstance(end, int) else tuple(end)


class Problem(NamedTuple):
    """Something wrong with a definition: the indices of the landmarks that it is about, or the key of the category."""

    text: str
    landmarks: tuple[int, ...] = ()
    key: str = ""


def category_problems(category: Any) -> list[Problem]:
    """Everything wrong with a COCO category as a landmark definition; empty when it is sound."""
    if not isinstance(category, Mapping):
        return [Problem(f"found a JSON {type(category).__name__}, wanted a category with 'keypoints' and 'flsg'")]
    names = category.get("keypoints")
    if not isinstance(names, list | tuple) or len(names) < 1:
        return [Problem("no landmarks: 'keypoints' must list at least one name")]
    if len(names) > MOST_LANDMARKS:
        return [Problem(f"found {len(names):,} landmarks, wanted at most {MOST_LANDMARKS}")]
    problems = [
        Problem(f"{key!r} must be a list")
        for key in ("flip_pairs", "skeleton", "landmark_ids")
        if not isinstance(category.get(key), list | tuple | None)
    ]
    if problems:
        return problems
    n = len(names)
    ids = category.get("landmark_ids")
    if ids is not None and (len(ids) != n or not all(map(_is_id, ids)) or len(set(ids)) != n):
        problems.append(Problem(f"'landmark_ids' must be {n} different whole numbers from 1 to {LARGEST_ID}"))
    version = category.get("definition_version")
    if version is not None and not (_is_id(version) or version == 0):
        problems.append(Problem(f"'definition_version' is {shown(version)}, wanted a whole number"))
    named = category.get("name")
    if named and (said := text_problem(named)):
        problems.append(Problem(f"'name' {said}", key="name"))
    return [
        *_name_problems(names),
        *_group_problems(names, category.get("flsg")),
        *_mirror_problems(names, category.get("flip_pairs") or ()),
        *_symmetry_problems(category.get("symmetric"), category.get("flip_pairs") or ()),
        *(
            Problem(f"edge {shown(edge)} is not two landmark numbers between 1 and {n} (COCO counts from 1)")
            for edge in category.get("skeleton") or ()
            if not _is_index_pair(edge, range(1, n + 1))
        ),
        *_normalizer_problems(category.get("normalizer"), n),
        *problems,
    ]


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_id(value: Any) -> bool:
    return _is_whole(value) and 1 <= value <= LARGEST_ID


def _is_index_pair(pair: Any, allowed: range) -> bool:
    return isinstance(pair, list | tuple) and len(pair) == 2 and all(_is_whole(k) and k in allowed for k in pair)


def _label(names: Sequence[Any], k: Any) -> str:
    if _is_whole(k) and 0 <= k < len(names):
        return f"landmark {names[k]!r} (index {k})"
    return f"landmark {shown(k)} (there are {len(names)}, from 0)"


def _name_problems(names: Sequence[Any]) -> list[Problem]:
    problems: list[Problem] = []
    seen: dict[str, int] = {}
    for k, name in enumerate(names):
        if not isinstance(name, str) or not name.strip():
            problems.append(Problem(f"the landmark with index {k} has no name", (k,)))
        elif said := text_problem(name):
            problems.append(Problem(f"the name of the landmark with index {k} {said}", (k,)))
        elif name in seen:
            problems.append(Problem(f"two landmarks are named {name!r}", (seen[name], k)))
        else:
            seen[name] = k
    return problems


def _group_problems(names: Sequence[Any], flsg: Any) -> list[Problem]:
    if not isinstance(flsg, Mapping):
        return [Problem("'flsg' is missing: it must map each of the group names used to landmark indices")]
    problems: list[Problem] = []
    group_of: dict[int, str] = {}
    for group, indices in flsg.items():
        if group not in GROUPS:
            problems.append(Problem(f"group {shown(group)} is not one of the 12: {', '.join(GROUPS)}"))
            continue
        if not isinstance(indices, list | tuple):
            problems.append(Problem(f"group {group!r} is {shown(indices)}, wanted a list of landmark indices"))
            continue
        for k in indices:
            if not _is_whole(k) or k not in range(len(names)):
                problems.append(Problem(f"group {group!r} holds {_label(names, k)}"))
            elif k in group_of:
                problems.append(Problem(f"{_label(names, k)} is in two groups, {group_of[k]!r} and {group!r}", (k,)))
            else:
                group_of[k] = group
    ungrouped = (k for k in range(len(names)) if k not in group_of)
    return problems + [Problem(f"{_label(names, k)} is in no group", (k,)) for k in ungrouped]


def _mirror_problems(names: Sequence[Any], pairs: Iterable[Any]) -> list[Problem]:
    problems: list[Problem] = []
    partner: dict[int, int] = {}
    for pair in pairs:
        if not _is_index_pair(pair, range(len(names))):
            problems.append(
                Problem(f"mirror pair {shown(pair)} is not two landmark indices between 0 and {len(names) - 1}")
            )
            continue
        a, b = pair
        if a == b:
            problems.append(
                Problem(f"{_label(names, a)} is paired with itself: leave a landmark on the midline unpaired", (a,))
            )
        for k, other in ((a, b), (b, a)):
            if partner.setdefault(k, other) != other:
                both = f"{_label(names, partner[k])} and {_label(names, other)}"
                problems.append(Problem(f"{_label(names, k)} has two mirror partners, {both}", (k,)))
    return problems


def _symmetry_problems(symmetric: Any, pairs: Sequence[Any]) -> list[Problem]:
    if not isinstance(symmetric, bool | None):
        return [Problem(f"'symmetric' is {symmetric!r}, wanted true or false")]
    if symmetric and pairs:
        found = "a mirror pair" if len(pairs) == 1 else f"{len(pairs)} mirror pairs"
        return [
            Problem(f"'symmetric' is true beside {found}: it is for definitions without pairs, leave out one of both")
        ]
    return []


def _normalizer_problems(normalizer: Any, n: int) -> list[Problem]:
    if normalizer is None or normalizer == "box":
        return []
    ends = normalizer if isinstance(normalizer, list | tuple) else ()
    parts = [list(end) if isinstance(end, list | tuple) else [end] for end in ends]
    indices = all(_is_whole(k) and 0 <= k < n for part in parts for k in part)
    if len(parts) == 2 and all(parts) and indices and set(parts[0]) != set(parts[1]):
        return []
    return [
        Problem(
            f"normalizer {shown(normalizer)} is neither two different landmarks between 0 and {n - 1} nor 'box'",
            key="normalizer",
        )
    ]


def load_definition(name: str) -> Definition:
    """One of the definitions that ship with the package, by its file's stem (such as "300w")."""
    if name not in shipped_definitions():
        raise DataError(f"no definition named {name!r}; there are: {', '.join(shipped_definitions())}")
    path = DEFINITIONS_DIR / f"{name}.json"
    return Definition.from_category(read_json(path), where=path.name)


def shipped_definitions() -> list[str]:
    """Names that `load_definition` knows."""
    return sorted(path.stem for path in DEFINITIONS_DIR.glob("*.json"))
