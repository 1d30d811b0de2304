"""Definitions alone, in the forms of other tools: what is written comes back, but for what is said to be lost."""

from __future__ import annotations

import ast
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdmd.data.definition import GROUPS, Definition, load_definition, shipped_definitions
from mdmd.errors import DataError
from mdmd.formats.definition_files import (
    FORMS,
    Form,
    category_in,
    completed,
    form_by_name,
    losses_in,
    read_definition,
    write_definition,
)
from tests.builders import MIDLINE, SMALL

NAMES = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S", "Zs"], include_characters="'\"\\&<>{}%"), max_size=12
).filter(lambda name: name.strip())


@st.composite
def definitions(draw: st.DrawFn) -> Definition:
    """Any definition, with names that can be written in all scripts."""
    names = draw(st.lists(NAMES, min_size=1, max_size=7, unique=True))
    n = len(names)
    order = draw(st.permutations(range(n)))
    mirror = list(range(n))
    for k in range(draw(st.integers(0, n // 2))):
        a, b = order[2 * k], order[2 * k + 1]
        mirror[a], mirror[b] = b, a
    index = st.integers(0, n - 1)
    ends = (order[0],), (order[1],) if n > 1 else ()
    return Definition(
        draw(NAMES),
        tuple(names),
        tuple(draw(st.lists(st.integers(0, len(GROUPS) - 1), min_size=n, max_size=n))),
        tuple(mirror),
        tuple(draw(st.lists(st.tuples(index, index), max_size=6))),
        ends if n > 1 and draw(st.booleans()) else None,
        tuple(draw(st.permutations(range(1, n + 1)))),
        draw(st.integers(1, 3)),
        symmetric=mirror == list(range(n)) and draw(st.booleans()),
    )


def without(definition: Definition, lost: dict[str, int], told: dict[str, Any]) -> dict[str, Any]:
    """The category of `definition` without what is said to be lost; lost edges are taken from what was read."""
    whole = definition.to_category()
    keys = {"groups": "flsg", "mirror": "flip_pairs", "normalizer": "normalizer", "ids": "landmark_ids"}
    keys |= {"version": "definition_version", "symmetric": "symmetric", "definition name": "name"}
    kept = {key: value for key, value in whole.items() if key not in {keys.get(kind) for kind in lost}}
    if "edges" in lost:
        kept["skeleton"] = told.get("skeleton") or []
    return kept


@settings(deadline=None, max_examples=60)
@given(definition=definitions())
def test_what_is_written_is_read_again_but_for_what_is_lost(definition: Definition) -> None:
    for form in FORMS:
        told = category_in(form.text(definition), "x")
        lost = {loss.kind: loss.count for loss in losses_in(definition, told, form)}
        kept = without(definition, lost, told)
        for key in ("keypoints", "name", "skeleton", "flip_pairs", "normalizer", "flsg", "landmark_ids", "symmetric"):
            default = {"normalizer": "box", "landmark_ids": definition.to_category()["landmark_ids"]}.get(key)
            empty = {"skeleton": [], "flip_pairs": []}.get(key)
            if key in kept:
                assert told.get(key, default if default else empty) == kept[key], (form.name, key)
        if "edges" in lost:
            assert len(definition.edges) - len(told.get("skeleton") or []) == lost["edges"]
        if form.name == "json":
            assert lost == {}
            assert completed(told, "x").definition == definition


def test_each_form_says_what_it_cannot_keep() -> None:
    small = replace(SMALL, ids=(2, 1, 3, 4), version=3, name="apes")
    lost = {
        form.name: [loss.words for loss in losses_in(small, category_in(form.text(small), "x"), form)] for form in FORMS
    }
    groups, pair = "the groups of 4 landmarks are left out", "1 mirror pair is left out"
    rest = ["the distance that errors are divided by is left out", "the ids of 4 landmarks are left out"]
    rest += ["the version is left out"]
    assert lost == {
        "json": [],
        "coco": [groups, pair, *rest],
        "mmpose": [groups, *rest],
        "sleap": [groups, *rest],
        "cvat": [groups, pair, *rest],
        "label-studio": [groups, pair, "1 edge is left out", *rest, "the name of the definition is left out"],
    }
    [form] = [form for form in FORMS if form.name == "mmpose"]
    assert "symmetric" in [loss.kind for loss in losses_in(MIDLINE, category_in(form.text(MIDLINE), "x"), form)]


@pytest.mark.parametrize("form", FORMS, ids=lambda form: form.name)
def test_groups_and_pairs_that_a_form_does_not_tell_are_guessed_and_said(form: Form, tmp_path: Path) -> None:
    file = tmp_path / "landmarks.txt"  # the form is found by content
    write_definition(SMALL, file, form)
    found = read_definition(str(file))
    assert found.definition.landmarks == SMALL.landmarks
    assert (found.definition.groups, found.definition.mirror) == (SMALL.groups, SMALL.mirror)
    guessed = "landmarks.txt tells no groups, so they are guessed from names: jaw: chin; left eye: eye_left; "
    guessed += "right eye: eye_right; nose: nose"
    pairs = "landmarks.txt tells no mirror pairs, so they are guessed from names: eye_left and eye_right"
    told = {"json": (), "mmpose": (guessed,), "sleap": (guessed,)}
    assert found.notes == told.get(form.name, (guessed, pairs))


@pytest.mark.parametrize("name", shipped_definitions())
def test_shipped_definitions_come_back_from_each_form(name: str) -> None:
    definition = load_definition(name)
    for form in FORMS:
        told = category_in(form.text(definition), "x")
        assert tuple(told["keypoints"]) == definition.landmarks
        assert "edges" not in {loss.kind for loss in losses_in(definition, told, form)} or form.name == "label-studio"


def test_groups_that_cannot_be_guessed_are_an_error_that_names_the_landmarks(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    file.write_text(json.dumps({"keypoints": ["nose", "kpt-1", "kpt-2"]}))
    with pytest.raises(DataError, match=r"a\.json does not tell which part .* do not either: kpt-1, kpt-2; import the"):
        read_definition(str(file))
    file.write_text(json.dumps({"keypoints": [f"kpt-{k}" for k in range(15)]}))
    with pytest.raises(DataError, match="kpt-9 and 5 more;"):
        read_definition(str(file))


def test_edges_that_are_counted_from_0_are_read_so(tmp_path: Path) -> None:
    file = tmp_path / "a.json"
    category = {"keypoints": ["nose", "chin", "jaw"], "skeleton": [[0, 1], [1, 2]]}
    file.write_text(json.dumps({"categories": [{"name": "hand"}, {"name": "head", **category}]}))
    found = read_definition(str(file))
    assert (found.definition.name, found.definition.edges) == ("head", ((0, 1), (1, 2)))
    assert found.notes[-1] == "a.json counts the ends of edges from 0 instead of 1"


# MMPose

METAINFO = """
_base_ = ['../runtime.py']
weights = [1.] * 3
dataset_info = dict(
    dataset_name='fox',
    paper_info=dict(author='A' 'B', year=2024),
    keypoint_info={
        1: dict(name='L_Eye', id=1, color=[255, -1, 0], type='upper', swap='R_Eye'),
        0: {'name': 'Nose', 'swap': '', 'color': palette[0]},
        2: dict(name='R_Eye', swap='L_Eye'),
    },
    skeleton_info={0: dict(link=('Nose', 'L_Eye'), id=0, color=(0, 255, 0))},
    joint_weights=[1.] * 3,
    sigmas=compute(),
)
"""


def test_metainfo_of_mmpose_is_read_and_never_run(tmp_path: Path) -> None:
    file = tmp_path / "fox.py"
    file.write_text(METAINFO + f"\nopen({str(tmp_path / 'ran')!r}, 'w')\n")
    found = read_definition(str(file)).definition
    assert found == Definition("fox", ("Nose", "L_Eye", "R_Eye"), (9, 5, 6), (0, 2, 1), ((0, 1),))
    assert not (tmp_path / "ran").exists()
    record = {
        "dataset_info": {
            "dataset_name": "fox",
            "keypoint_info": {"0": {"name": "nose"}, "10": {"name": "chin"}, "2": {"name": "jaw", "swap": "jaw"}},
            "skeleton_info": {},
        }
    }
    assert category_in(json.dumps(record), "x")["keypoints"] == ["nose", "jaw", "chin"]
    assert category_in(json.dumps(record["dataset_info"]), "x")["flip_pairs"] == []


def test_what_is_written_for_mmpose_has_the_keys_that_it_needs() -> None:
    statement = ast.parse(form_by_name("mmpose").text(SMALL)).body[0]
    assert isinstance(statement, ast.Assign)
    told = eval(compile(ast.Expression(statement.value), "x", "eval"), {"dict": dict, "__builtins__": {}})
    assert {*told} == {
        "dataset_name",
        "paper_info",
        "keypoint_info",
        "skeleton_info",
        "joint_weights",
        "sigmas",
    }
    assert told["keypoint_info"][0] == {
        "name": "eye_left",
        "id": 0,
        "color": [51, 153, 255],
        "type": "",
        "swap": "eye_right",
    }
    assert told["skeleton_info"][0]["link"] == ("eye_left", "eye_right")
    assert len(told["joint_weights"]) == len(told["sigmas"]) == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("import os", "found no dataset_info = dict(...)"),
        ("dataset_info = dict(", "is not Python (line 1)"),
        ("dataset_info = load()", "line 1: found Call, wanted a dictionary; nothing in it is run"),
        ("dataset_info = dict(**other)", "wanted keys, not another dictionary"),
        ("dataset_info = dict(keypoint_info=__import__('os').environ)", "line 1: found Attribute, wanted a dictionary"),
        ("dataset_info = dict(keypoint_info=points)", "found 'points', wanted a dictionary"),
        ("dataset_info = dict(keypoint_info={0: dict(name=b'a')})", "found \"b'a'\", wanted text, numbers"),
        ("dataset_info = dict(keypoint_info={f(): 1})", "wanted a name or a number as a key"),
        ("dataset_info = dict(from_file='coco.py')", "its metainfo is in another file, 'coco.py'"),
        ("dataset_info = dict(keypoint_info={})", "keypoint_info is {}, wanted a dictionary of keypoints"),
        ("dataset_info = {'keypoint_info': {0: {}}}", "keypoint_info names [None], wanted a name of its own"),
        ("dataset_info = {'keypoint_info': {0: {'name': f()}}}", "found Call, wanted a dictionary"),
        ("dataset_info = {'keypoint_info': {'a': {'name': 'b'}}}", "a key of keypoint_info is 'a', wanted a number"),
        ("dataset_info = {'keypoint_info': {0: {'name': 'b', 'swap': 'c'}}}", "swap of 'b' is 'c', wanted the name"),
        (
            "dataset_info = {'keypoint_info': {0: {'name': 'b'}}, 'skeleton_info': {0: {'link': ['b']}}}",
            "a link is {'link': ['b']}, wanted two names",
        ),
        ("x = " + "(" * 500 + ")" * 500, "is not Python"),
        ("dataset_info = dict(dataset_name=" + "-" * 5000 + "1)", "fox.py"),
        ("dataset_info = dict(dataset_name=0x" + "f" * 5000 + ")", "found a whole number of more than 100 digits"),
        ("dataset_info = {0x" + "f" * 5000 + ": 1}", "found a whole number of more than 100 digits"),
        ("dataset_info = dict(dataset_name=" + "[" * 80 + "]" * 80 + ")", "it nests more than 50 deep"),
    ],
)
def test_what_is_no_metainfo_is_refused_in_a_sentence(text: str, said: str, tmp_path: Path) -> None:
    file = tmp_path / "fox.py"
    file.write_text(text)
    with pytest.raises(DataError) as caught:
        read_definition(str(file))
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


# SLEAP

LEFT = {"py/object": "sleap.skeleton.Node", "py/state": {"py/tuple": ["eye_left", 1.0]}}
RIGHT = {"py/object": "sleap.skeleton.Node", "name": "eye_right", "weight": 1.0}
NOSE = {"py/object": "sleap.skeleton.Node", "py/state": {"py/tuple": ["nose", 1.0]}}
CHIN = {"py/object": "sleap.skeleton.Node", "py/state": {"name": "chin"}}


def kind(number: int) -> dict[str, Any]:
    return {"py/reduce": [{"py/type": "sleap.skeleton.EdgeType"}, {"py/tuple": [number]}]}


def link(source: Any, target: Any, of: Any) -> dict[str, Any]:
    return {"key": 0, "source": source, "target": target, "type": of}


def refer(number: int) -> dict[str, int]:
    return {"py/id": number}


#: As SLEAP numbers nodes and types, together; and as sleap-io does, apart.
TOGETHER = {
    "graph": {"name": "ape"},
    "links": [
        link(LEFT, NOSE, kind(1)),
        link(RIGHT, refer(2), refer(3)),
        link(refer(1), refer(4), kind(2)),
        link(refer(4), refer(1), refer(5)),
    ],
    "nodes": [{"id": refer(2)}, {"id": refer(1)}, {"id": refer(4)}, {"id": CHIN}],
}
APART = {
    "graph": {"name": "ape"},
    "links": [link(LEFT, NOSE, kind(1)), link(RIGHT, NOSE, refer(1)), link(LEFT, RIGHT, kind(2))],
    "nodes": [{"id": refer(2)}, {"id": refer(1)}, {"id": refer(3)}, {"id": CHIN}],
}


@pytest.mark.parametrize("told", [TOGETHER, APART, {"description": None, "nx_graph": TOGETHER}, [APART]])
def test_skeletons_of_sleap_and_of_sleap_io_are_read(told: Any) -> None:
    assert category_in(json.dumps(told), "x") == {
        "name": "ape",
        "keypoints": ["nose", "eye_left", "eye_right", "chin"],
        "skeleton": [[2, 1], [3, 1]],
        "flip_pairs": [[1, 2]],
    }


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"nodes": 3}, "nodes is 3, wanted a list"),
        ({"nodes": [{"id": refer(99)}]}, "found {'py/id': 99}, wanted a node"),
        ({"nodes": [{"id": refer(2)}, {"id": refer(1)}, {"id": CHIN}]}, "a link leads to a node that is not in nodes"),
        ({"nodes": [{"id": 5}]}, "id is 5, wanted an object"),
        ({"links": [link(LEFT, NOSE, kind(7))]}, "a link has the type 7, wanted 1 (edge) or 2 (symmetry)"),
        ({"links": [link(LEFT, NOSE, {"py/reduce": [{"py/type": "os.system"}]})]}, "the type of a link is"),
        ({"links": [link({"py/object": "os.system"}, NOSE, kind(1))]}, "the name of a node is None, wanted text"),
    ],
)
def test_skeletons_that_cannot_be_are_refused(change: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError) as caught:
        category_in(json.dumps({**TOGETHER, **change}), "x")
    assert said in str(caught.value)


# CVAT and Label Studio


def test_labels_of_cvat_are_read_with_the_edges_of_their_drawing() -> None:
    svg = (
        '<line x1="1" y1="1" x2="2" y2="2" data-type="edge" data-node-from="1" data-node-to="3"></line>'
        '<circle data-type="element node" data-node-id="1" data-label-id="8"></circle>'
        '<circle data-type="element node" data-node-id="3" data-label-id="6"></circle>'
    )
    points = [{"id": 6, "name": "nose", "type": "points"}, {"id": 8, "name": "chin", "type": "points"}]
    label = {"name": "ape", "type": "skeleton", "sublabels": points, "svg": svg}
    told = category_in(json.dumps([{"name": "box", "type": "rectangle"}, label]), "x")
    assert told == {"name": "ape", "keypoints": ["nose", "chin"], "skeleton": [[2, 1]]}
    assert category_in(json.dumps({**label, "svg": "<svg"}), "x")["skeleton"] == []
    for wrong, said in (
        ([label, label], "found 2 labels of type skeleton, wanted one"),
        ({**label, "sublabels": 3}, "sublabels is 3, wanted a list of labels"),
        ({**label, "sublabels": [{"name": 3}]}, "the name of a label is 3, wanted text"),
    ):
        with pytest.raises(DataError, match=said):
            category_in(json.dumps(wrong), "x")


def test_a_configuration_of_label_studio_is_read_in_the_order_of_its_model_index() -> None:
    text = """<?xml version="1.0"?><View><Image name="i" value="$image"/><RectangleLabels name="r" toName="i">
      <Label value="face"/></RectangleLabels><KeyPointLabels name="k" toName="i"><Label value="nose" model_index="1"/>
      <Label value="chin" model_index="0" background="red"/></KeyPointLabels></View>"""
    assert category_in(text, "x")["keypoints"] == ["chin", "nose"]
    with pytest.raises(DataError, match="found no KeyPointLabels"):
        category_in("<View/>", "x")
    with pytest.raises(DataError, match="DOCTYPE or ENTITY"):
        category_in('<!DOCTYPE a [<!ENTITY b "c">]><View>&b;</View>', "x")


# Hostile content


def test_a_file_that_is_no_definition_is_named(tmp_path: Path) -> None:
    for name, content, said in (
        ("a.json", b"[]", r"a\.json: found a JSON list, wanted a definition"),
        ("a.json", b'{"images": []}', r"a\.json: found a JSON object, wanted a definition"),
        ("a.py", b"\xff\xfe", r"a\.py holds no definition: it is not text in UTF-8"),
        ("a.txt", b"", "found no dataset_info"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(DataError, match=said):
            read_definition(str(tmp_path / name))
    with pytest.raises(DataError, match=r"no definition named '300v'; there are: 300w, .*, or a file"):
        read_definition("300v")
    with pytest.raises(DataError, match="no such file"):
        read_definition(str(tmp_path / "gone.json"))
    with pytest.raises(DataError, match=r"gone\.py cannot be read: No such file"):
        read_definition(str(tmp_path / "gone.py"))
    with pytest.raises(DataError, match="found the format 'yaml', wanted one of json, coco, mmpose"):
        form_by_name("yaml")


KEYS = ["id", "name", "py/id", "py/object", "py/tuple", "link", "0"]
Odd = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 9) | st.floats() | st.sampled_from(["", "nose", "\n", "x" * 600]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=3),
    max_leaves=6,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Every list and object in `value` with each of its keys."""
    keys = list(value) if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else []
    return [(value, key) for key in keys] + [place for key in keys for place in places(value[key])]


@settings(deadline=None, max_examples=150)
@given(data=st.data())
def test_wrong_types_anywhere_give_a_sentence(data: st.DataObject) -> None:
    info = {"keypoint_info": {"0": {"name": "nose", "swap": ""}}, "skeleton_info": {"0": {"link": ["nose", "nose"]}}}
    documents = [TOGETHER, APART, info, SMALL.to_category(), json.loads(form_by_name("cvat").text(SMALL))]
    document = json.loads(json.dumps(data.draw(st.sampled_from(documents))))
    for _ in range(data.draw(st.integers(1, 2))):
        if found := places(document):
            holder, key = data.draw(st.sampled_from(found))
            holder[key] = data.draw(Odd)
    try:
        found = completed(category_in(json.dumps(document), "x"), "x")
    except DataError:
        return
    assert len(found.definition.landmarks) == len(found.definition.groups)


@settings(deadline=None, max_examples=100)
@given(data=st.data(), form=st.sampled_from(["mmpose", "label-studio"]))
def test_damaged_text_gives_a_sentence(data: st.DataObject, form: str) -> None:
    text = form_by_name(form).text(SMALL)
    start = data.draw(st.integers(0, len(text)))
    text = text[:start] + data.draw(st.text(max_size=3)) + text[start + data.draw(st.integers(0, 9)) :]
    try:
        names = completed(category_in(text, "x"), "x").definition.landmarks
    except DataError:
        return
    assert names
