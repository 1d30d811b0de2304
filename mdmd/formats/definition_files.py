"""A definition alone, in the forms of this and other tools: read from a file that a person names, and written.

A form may not tell groups, which are then guessed from the names of landmarks, as are mirror pairs where it tells none.
What is written is read again, which tells what the form cannot keep.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mdmd.data.definition import GROUPS, Definition, load_definition, shipped_definitions
from mdmd.data.landmark_names import group_of_name, guessed_pairs
from mdmd.data.text import shown, text_problem
from mdmd.errors import DataError
from mdmd.files import LARGEST_SET, parse_json, read_json, replace_file
from mdmd.formats import cvat, label_studio, mmpose, sleap_skeleton
from mdmd.formats.labels import LabelSet, Loss
from mdmd.formats.text import content_of, counted
from mdmd.formats.xml import parsed

#: Bytes of a file that is no JSON, and landmarks that an error names.
LARGEST, NAMED = 10_000_000, 10
FACE = "face"


@dataclass(frozen=True)
class Form:
    """A form of a definition by the `name` of `--format`, and by its `title`; `text` is what is written."""

    name: str
    title: str
    text: Callable[[Definition], str]


@dataclass(frozen=True)
class FoundDefinition:
    """A definition that was read, and sentences about what of it is a guess."""

    definition: Definition
    notes: tuple[str, ...] = ()


def read_definition(text: str) -> FoundDefinition:
    """The shipped definition named `text`, or the one in the file `text`, whose form is found by content.

    Groups that a form does not tell are guessed from names. Raises DataError, also if they cannot be.
    """
    if text in shipped_definitions():
        return FoundDefinition(load_definition(text))
    path = Path(text)
    if not path.is_file() and path.suffix == "":
        raise DataError(f"no definition named {text!r}; there are: {', '.join(shipped_definitions())}, or a file")
    return completed(_category_in_file(path), path.name)


def _category_in_file(path: Path) -> dict[str, Any]:
    if path.suffix.lower() != ".json":
        content = content_of(path, LARGEST)
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise DataError(f"{path} holds no definition: it is not text in UTF-8") from None
        return category_in(text, path.name)
    return _category_of(read_json(path, most=LARGEST_SET, constants=True), path.name)  # it may be a whole COCO file


def category_in(text: str, where: str) -> dict[str, Any]:
    """The COCO category in the text of any form: `flsg` is in it only if the form tells groups. Raises DataError."""
    start = text.lstrip("\ufeff \t\r\n")[:1]
    if start in ("{", "["):
        return _category_of(parse_json(text, f"{where} cannot be read", constants=True), where)
    if start == "<":
        names = label_studio.landmarks_of_config(parsed(text, where))
        if not names:
            raise DataError(f"{where}: found no KeyPointLabels, as a configuration of Label Studio has them")
        return {"name": FACE, "keypoints": names}
    return mmpose.category_of_python(text, where)


def _category_of(told: Any, where: str) -> dict[str, Any]:
    if isinstance(told, list):
        skeletons = [one for one in told if isinstance(one, dict) and one.get("type") == "skeleton"]
        if len(skeletons) == 1:
            return _of_cvat(skeletons[0], where)
        if len(skeletons) > 1:
            raise DataError(f"{where}: found {len(skeletons)} labels of type skeleton, wanted one")
        if len(told) == 1:
            return _category_of(told[0], where)
    if isinstance(told, dict):
        if "keypoints" in told or "flsg" in told:
            return told
        if isinstance(told.get("categories"), list):
            return _of_coco(told["categories"], where)
        if told.get("type") == "skeleton":
            return _of_cvat(told, where)
        if "keypoint_info" in told:
            return mmpose.category_of(told, where)
        if isinstance(told.get("dataset_info"), dict):
            return mmpose.category_of(told["dataset_info"], where)
        if "nx_graph" in told or ("nodes" in told and "links" in told):
            return sleap_skeleton.category_of(told, where)
    kind = "object" if isinstance(told, dict) else type(told).__name__
    raise DataError(
        f"{where}: found a JSON {kind}, wanted a definition: a COCO category with keypoints, metainfo of MMPose, a "
        "skeleton of SLEAP, or a label of CVAT"
    )


def _of_coco(categories: list[Any], where: str) -> dict[str, Any]:
    found = [one for one in categories if isinstance(one, dict) and ("keypoints" in one or len(categories) == 1)]
    if len(found) != 1:
        raise DataError(f"{where}: found {len(found)} categories with keypoints, wanted one")
    return found[0]


def _of_cvat(label: Mapping[str, Any], where: str) -> dict[str, Any]:
    points, svg = label.get("sublabels"), label.get("svg")
    if not isinstance(points, list) or not all(isinstance(point, dict) for point in points):
        raise DataError(f"{where}: sublabels is {shown(points)}, wanted a list of labels")
    names = [point.get("name") for point in points]
    if problem := next(filter(None, map(text_problem, names)), None):
        raise DataError(f"{where}: the name of a label {problem}")
    ids = {str(point["id"]): point["name"] for point in points if isinstance(point.get("id"), int | str)}
    edges = cvat.edges_of(svg, names, ids) if isinstance(svg, str) else ()
    return {"name": label.get("name"), "keypoints": names, "skeleton": [[a + 1, b + 1] for a, b in edges]}


#: The keys of a category that the Schema page takes over.
TAKEN = ("name", "keypoints", "skeleton", "flip_pairs", "symmetric", "normalizer", "flsg")


def category_to_complete(text: str, where: str) -> dict[str, Any]:
    """The sound category in the text of any form, which a person gives groups if it has none. Raises DataError."""
    told = category_in(text, where)
    names = told.get("keypoints")
    any_group = {"flsg": {GROUPS[0]: list(range(len(names)))}} if isinstance(names, list) and "flsg" not in told else {}
    Definition.from_category({**told, **any_group}, where=where)
    return {key: told[key] for key in TAKEN if key in told}


# What a form does not tell


def completed(category: Mapping[str, Any], where: str) -> FoundDefinition:
    """The definition of a category, with groups and mirror pairs that are guessed where it tells no groups.

    Raises DataError, which names the landmarks whose group cannot be guessed.
    """
    names = category.get("keypoints")
    if "flsg" in category or not isinstance(names, list) or not names or any(map(text_problem, names)):
        return FoundDefinition(Definition.from_category(category, where=where))
    groups = [group_of_name(name) for name in names]
    unknown = [name for name, group in zip(names, groups, strict=True) if group is None]
    if unknown:
        more = f" and {len(unknown) - NAMED:,} more" if len(unknown) > NAMED else ""
        raise DataError(
            f"{where} does not tell which part of the face landmarks belong to, and these names do not either: "
            f"{', '.join(unknown[:NAMED])}{more}; import the file on the Schema page, or write its groups as 'flsg' of "
            "a COCO category"
        )
    flsg = {group: [k for k, own in enumerate(groups) if own == group] for group in GROUPS if group in groups}
    told = "; ".join(f"{group.replace('_', ' ')}: {', '.join(names[k] for k in flsg[group])}" for group in flsg)
    notes = [f"{where} tells no groups, so they are guessed from names: {told}"]
    full = {**category, "flsg": flsg}
    if category.get("flip_pairs") is None and not category.get("symmetric") and (pairs := guessed_pairs(names)):
        full["flip_pairs"] = [list(pair) for pair in pairs]
        said = ", ".join(f"{names[a]} and {names[b]}" for a, b in pairs)
        notes.append(f"{where} tells no mirror pairs, so they are guessed from names: {said}")
    edges = category.get("skeleton")
    if isinstance(edges, list) and any(isinstance(edge, list) and 0 in edge for edge in edges):
        full["skeleton"] = [[k + 1 if type(k) is int else k for k in e] if isinstance(e, list) else e for e in edges]
        notes.append(f"{where} counts the ends of edges from 0 instead of 1")
    return FoundDefinition(Definition.from_category(full, where=where), tuple(notes))


# Writing


def _json(record: Any) -> str:
    return json.dumps(record, indent=1, ensure_ascii=True) + "\n"


def _coco(definition: Definition) -> str:
    told = definition.to_category()
    return _json({key: told[key] for key in ("id", "name", "supercategory", "keypoints", "skeleton")})


def _cvat(definition: Definition) -> str:
    labels = LabelSet(definition.landmarks, (), definition.edges)
    return _json([cvat.skeleton_label(definition.name, definition.landmarks, cvat.drawn_skeleton(labels))])


FORMS: tuple[Form, ...] = (
    Form("json", "JSON of this tool", lambda definition: _json(definition.to_category())),
    Form("coco", "a COCO category", _coco),
    Form("mmpose", "MMPose's metainfo", mmpose.python_of),
    Form("sleap", "SLEAP's skeleton", lambda definition: _json(sleap_skeleton.skeleton_of(definition))),
    Form("cvat", "CVAT's label", _cvat),
    Form("label-studio", "Label Studio's configuration", lambda d: label_studio.config_of(d.landmarks)),
)


def form_by_name(name: str) -> Form:
    """The form of this name. Raises DataError."""
    found = next((form for form in FORMS if form.name == name), None)
    if found is None:
        raise DataError(f"found the format {name!r}, wanted one of {', '.join(form.name for form in FORMS)}")
    return found


def write_definition(definition: Definition, out: Path, form: Form) -> list[Loss]:
    """Write `definition` to the file `out`, and return what the form cannot keep. Raises DataError."""
    text = form.text(definition)
    lost = losses_in(definition, category_in(text, form.title), form)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        replace_file(out, lambda partial: partial.write_text(text, encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot write {out}: {error.strerror}") from None
    return lost


def losses_in(definition: Definition, told: Mapping[str, Any], form: Form) -> list[Loss]:
    """What of `definition` is not `told` by the category that was read again. Raises DataError for other landmarks."""
    if tuple(told["keypoints"]) != definition.landmarks:
        odd = next(name for name, own in zip(definition.landmarks, told["keypoints"], strict=False) if name != own)
        raise DataError(f"{form.title} cannot hold the name {odd!r}: rename the landmark")
    whole = definition.to_category()
    edges = [Counter(map(tuple, one.get("skeleton") or ())) for one in (whole, told)]
    pairs = {tuple(pair) for pair in told.get("flip_pairs") or ()}
    plain_ids = list(range(1, len(definition.ids) + 1))
    counts = {
        "groups": 0 if "flsg" in told else len(definition.landmarks),
        "mirror": sum(tuple(pair) not in pairs for pair in whole["flip_pairs"]),
        "symmetric": definition.symmetric and not told.get("symmetric"),
        "edges": (edges[0] - edges[1]).total(),
        "normalizer": definition.normalizer is not None and told.get("normalizer") != whole["normalizer"],
        "ids": 0 if "landmark_ids" in told or whole["landmark_ids"] == plain_ids else len(definition.ids),
        "version": "definition_version" not in told and definition.version != 1,
        "definition name": told.get("name") != definition.name,
    }
    return [Loss(kind, int(count)) for kind, count in counts.items() if count]


def words_of(definition: Definition) -> list[str]:
    """The definition as lines of text: its name and numbers, then each landmark."""
    pairs = sum(k < other for k, other in enumerate(definition.mirror))
    sizes = [counted(len(definition.landmarks), "landmark"), counted(pairs, "mirror pair")]
    lines = [f"{definition.name}: {', '.join([*sizes, counted(len(definition.edges), 'edge')])}"]
    for k, name in enumerate(definition.landmarks):
        other = definition.mirror[k]
        mirrored = "" if other == k else f", mirrored to {definition.landmarks[other]}"
        lines.append(f"  {name}: {GROUPS[definition.groups[k]].replace('_', ' ')}{mirrored}")
    return lines
