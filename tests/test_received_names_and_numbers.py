"""Unusable names and impossible numbers, at each door: a sentence says what was found, and nothing is stored."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from pydantic import ValidationError

from labeler.cli.main import main
from labeler.pictures.ingest import shown_name
from labeler.project.workspace import Workspace
from labeler.runs.run import read_title
from labeler.runs.sources import Sources
from labeler.server import bodies
from mdmd.data.coco import from_coco, read_coco, to_coco
from mdmd.data.definition import Definition
from mdmd.data.places import FARTHEST
from mdmd.data.records import Annotation, Box, Prediction, Sample
from mdmd.data.text import LONGEST, text_problem
from mdmd.datasets.incoming import incoming
from mdmd.datasets.readers import read
from mdmd.datasets.registry import Sources as AddedSources
from mdmd.errors import DataError
from mdmd.evaluation.error_law import RadialLaw
from mdmd.evaluation.evaluate import FlagRule
from mdmd.evaluation.predictions import predicted_coco, read_predicted
from mdmd.formats.definition_files import read_definition
from tests.builders import CATEGORY, SMALL, label_face, make_project, write_picture

#: Unusable names -> what is found in them.
ODD_NAMES = {
    "nose\0": "U+0000",
    "no\nse": "U+000A",
    "\x1b[31mnose": "U+001B",
    "nose\x7f": "U+007F",
    "nose\u2028": "U+2028",
    "nose\u202egnp": "U+202E",
    "\u2066nose": "U+2066",
    "nose\u200f": "U+200F",
    "nose\ud800": "U+D800",
    "x" * 2_000: "2,000 characters",
}
NAMES = ["Émile", "左目", "العين", "می‌خواهم", "👁 left", "nose (tip), 2nd"]
FAR = [1e300, -1e300, 1e7, math.nan, math.inf, -math.inf, 10**90]
NO_SIDE = [0, -5, 1e-300, 1e300, math.nan, math.inf]


def coco(**changes: Any) -> dict[str, Any]:
    """A COCO file with one face; `changes` by keys such as annotations_0_bbox."""
    told: dict[str, Any] = {
        "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 48}],
        "annotations": [{"id": 1, "image_id": 1, "keypoints": [9, 9, 2, 30, 9, 2, 20, 20, 2, 20, 30, 2]}],
        "categories": [json.loads(json.dumps(CATEGORY))],
        "info": {},
    }
    for path, value in changes.items():
        *parents, last = (int(key) if key.isdigit() else key for key in path.split("__"))
        target: Any = told
        for key in parents:
            target = target[key]
        target[last] = value
    return told


def through_a_file(path: str) -> Callable[[Path, Any], object]:
    """Reads a COCO file with a value at `path`, as `mdmd` and as `labeler import` do."""

    def door(folder: Path, value: Any) -> object:
        file = folder / "annotations.json"
        file.write_text(json.dumps(coco(**{path: value})), encoding="utf-8")
        found = incoming(file)
        return read_coco(file), found

    return door


def definition_file(folder: Path, value: Any) -> object:
    file = folder / "definition.json"
    file.write_text(json.dumps({**CATEGORY, "keypoints": [value, "b", "c", "d"]}), encoding="utf-8")
    return read_definition(str(file))


def annotator_of_a_table(folder: Path, value: Any) -> object:
    project = make_project(folder, pictures=1)
    try:
        row = {"face_id": 1, "landmark_id": 1, "x": 5.0, "y": 5.0, "visibility": 2}
        assert project.set_labels(pd.DataFrame([row]), annotator=value) == 1
        return project.store.history(1)[0].annotator
    finally:
        project.close()


def picture_with(what: str) -> Callable[[Path, Any], object]:
    def door(folder: Path, value: Any) -> object:
        project = make_project(folder, pictures=0)
        try:
            return project.add_picture(write_picture(folder / "new.png"), **{what: value})
        finally:
            assert len(project.store.images()) == (text_problem(value) is None)
            project.close()

    return door


def body(model: Any, **fields: Any) -> Callable[[Path, Any], object]:
    """A request's body; the value goes where a field is `...`."""

    def door(_: Path, value: Any) -> object:
        def filled(field: Any) -> Any:
            if isinstance(field, dict):
                return {filled(key): filled(inner) for key, inner in field.items()}
            if isinstance(field, list | tuple):
                return [filled(inner) for inner in field]
            return value if field is ... else field

        return model.model_validate(filled(fields))

    return door


POINT = {"id": 1, "x": 1, "y": 1, "v": 2}
#: Where a name comes in.
NAME_DOORS: dict[str, Callable[[Path, Any], object]] = {
    "COCO: landmark": through_a_file("categories__0__keypoints__2"),
    "COCO: category": through_a_file("categories__0__name"),
    "COCO: file_name": through_a_file("images__0__file_name"),
    "COCO: split of an image": through_a_file("images__0__split"),
    "COCO: group": through_a_file("images__0__group"),
    "COCO: style": through_a_file("images__0__style"),
    "COCO: subset": through_a_file("images__0__subset"),
    "COCO: subsets": through_a_file("annotations__0__subsets__0"),
    "COCO: split of a face": through_a_file("annotations__0__split"),
    "COCO: folder of images": through_a_file("info__image_folder"),
    "labeler new --definition": definition_file,
    "set_labels: annotator": annotator_of_a_table,
    "add_picture: split": picture_with("split"),
    "add_picture: subject": picture_with("subject"),
    "request: annotator": body(bodies.PointsBody, points=[POINT], annotator=...),
    "request: reason": body(bodies.SkipBody, reason=...),
    "request: definition": body(bodies.CategoryBody, name=...),
    "request: landmark": body(bodies.CategoryBody, keypoints=[...]),
    "request: group": body(bodies.CategoryBody, flsg={...: [0]}),
    "request: reference point": body(bodies.ReferenceBody, picture=1, points={...: [1, 1]}),
}
ALWAYS_A_LIST = "COCO: subsets"


@pytest.mark.parametrize("name", ODD_NAMES, ids=ODD_NAMES.values())
@pytest.mark.parametrize("door", NAME_DOORS)
def test_an_unusable_name_is_refused(tmp_path: Path, door: str, name: str):
    given = [name] if door == ALWAYS_A_LIST else name
    with pytest.raises((DataError, ValidationError)) as refused:
        (through_a_file("annotations__0__subsets") if door == ALWAYS_A_LIST else NAME_DOORS[door])(tmp_path, given)
    if isinstance(refused.value, ValidationError):
        said = refused.value.errors()[0]["msg"]
        assert "U+" in said or "at most" in said or "unicode" in said
    else:
        said = str(refused.value)
        assert ODD_NAMES[name] in said or "255 bytes" in said
        assert len(said) < 400 + len(str(tmp_path))
    assert name not in said
    assert said.isprintable()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("door", [door for door in NAME_DOORS if door != ALWAYS_A_LIST])
def test_names_in_any_script_pass(tmp_path: Path, door: str, name: str):
    assert repr(name)[1:-1] in repr(NAME_DOORS[door](tmp_path, name))


def test_the_longest_name_passes():
    assert text_problem("x" * LONGEST) is None
    assert text_problem("x" * (LONGEST + 1)) is not None
    assert text_problem(5) == "is 5, wanted text"


@pytest.mark.parametrize("name", ODD_NAMES, ids=ODD_NAMES.values())
def test_names_of_projects_and_sources_and_commands(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]):
    file = tmp_path / "annotations.json"
    file.write_text(json.dumps(coco()))
    write_picture(tmp_path / "a.png")
    with pytest.raises(DataError, match="a project's name"):
        Workspace(tmp_path / "projects").create(name)
    with pytest.raises(DataError, match="a source's name"):
        Sources(tmp_path / "projects").add(file, name)
    with pytest.raises(DataError, match="dataset name"):
        AddedSources(tmp_path / "home").add(file, name=name)
    for command in (["new"], ["import", str(file)], ["runs"], ["train"]):
        first, *rest = command
        assert main([first, name, *rest, "--projects", str(tmp_path / "projects")]) == 2
        assert name not in capsys.readouterr().err
    assert not (tmp_path / "projects").exists()


def test_names_that_people_gave_their_files_and_runs_are_cleaned(tmp_path: Path):
    assert shown_name(Path("a\u202egnp.exe\n.png")) == "a\ufffdgnp.exe\ufffd.png"
    assert shown_name(Path(b"caf\xe9.png".decode("utf-8", "surrogateescape"))) == "caf\ufffd.png"
    (tmp_path / "title.txt").write_text("best\u202e \x1b[31m one " + "x" * 500, encoding="utf-8")
    title = read_title(tmp_path)
    assert title is not None
    assert title.startswith("best   [31m one xxx")
    assert len(title) == 80


# Numbers


def row_of_a_table(folder: Path, value: Any) -> object:
    project = make_project(folder, pictures=1)
    face = project.store.faces()[0].id
    try:
        return project.set_labels(
            pd.DataFrame([{"face_id": face, "landmark_id": 1, "x": value, "y": 3.0, "visibility": 2}], dtype=object)
        )
    finally:
        assert not project.store.points(face)
        project.close()


def predicted(position: int) -> Callable[[Path, Any], object]:
    """A file of predictions with a value as x (0) or as variance (2)."""

    def door(folder: Path, value: Any) -> object:
        points = np.array([[20.0, 20.0], [40.0, 20.0], [30.0, 30.0], [30.0, 40.0]])
        sample = Sample(Path("a.png"), "a.png", 64, 48, Box(0, 0, 64, 48), image_id=1, face_id=1)
        found = Prediction(points, np.tile(np.eye(2), (4, 1, 1)))
        told = predicted_coco(SMALL, [found], [sample], FlagRule(), RadialLaw(1.0))
        if position == 0:
            told["annotations"][0]["keypoints"][0] = value
        else:
            told["annotations"][0]["attributes"]["covariance"][0][0] = value * FARTHEST
        file = folder / "predictions.json"
        file.write_text(json.dumps(told))
        return read_predicted(file)

    return door


def exported(folder: Path, value: Any) -> object:
    points = np.array([[float(value), 2.0]] * 4)
    sample = Sample(Path("a.png"), "a.png", 64, 48, Box(0, 0, 64, 48), Annotation(points, np.full(4, 2)), face_id=1)
    return to_coco([sample], SMALL)


def distributed(folder: Path, value: Any) -> object:
    """A `.pts` file of 300W: the face is left out and named, and none is left."""
    write_picture(folder / "data" / "afw" / "a.png")
    lines = "\n".join(f"{value if k == 3 else k} {k}" for k in range(68))
    (folder / "data" / "afw" / "a.pts").write_text(f"version: 1\nn_points: 68\n{{\n{lines}\n}}\n")
    return read("300w", folder / "data", name="300w", unpacked=folder / "unpacked")


PLACE_DOORS: dict[str, Callable[[Path, Any], object]] = {
    "COCO: keypoint": through_a_file("annotations__0__keypoints__3"),
    "COCO: corner of a box": lambda folder, value: through_a_file("annotations__0__bbox")(folder, [value, 2, 30, 40]),
    "request: point": body(bodies.PointsBody, points=[{**POINT, "x": ...}]),
    "request: known point": body(bodies.ProposalBody, start="mean", known={1: [..., 1]}),
    "request: box": body(bodies.BoxBody, box=[1, ..., 3, 4]),
    "request: reference point": body(bodies.ReferenceBody, picture=1, points={"1": [..., 1]}),
    "set_labels": row_of_a_table,
    "predictions: point": predicted(0),
    "predictions: covariance": predicted(2),
    "300W": distributed,
    "export": exported,
}


@pytest.mark.parametrize("value", FAR)
@pytest.mark.parametrize("door", PLACE_DOORS)
def test_an_impossible_place_is_refused(tmp_path: Path, door: str, value: Any):
    with pytest.raises((DataError, ValidationError)) as refused:
        PLACE_DOORS[door](tmp_path, value)
    if isinstance(refused.value, DataError):
        assert "\n" not in str(refused.value)
        assert len(str(refused.value)) < 500 + len(str(tmp_path))


def box_of_a_picture(folder: Path, value: Any) -> object:
    project = make_project(folder, pictures=0)
    try:
        return project.add_picture(write_picture(folder / "new.png"), boxes=[Box(1, 1, value, 5)])
    finally:
        assert project.store.images() == []
        project.close()


def exported_box(folder: Path, value: Any) -> object:
    return to_coco([Sample(Path("a.png"), "a.png", 64, 48, Box(0, 0, value, 48), face_id=1)], SMALL)


BOX_DOORS: dict[str, Callable[[Path, Any], object]] = {
    "COCO": lambda folder, value: through_a_file("annotations__0__bbox")(folder, [1, 2, value, 40]),
    "add_picture": box_of_a_picture,
    "export": exported_box,
}


@pytest.mark.parametrize("value", NO_SIDE)
@pytest.mark.parametrize("door", BOX_DOORS)
def test_an_impossible_box_is_refused(tmp_path: Path, door: str, value: Any):
    with pytest.raises(DataError, match=r"box .*must (be places|have a width)"):
        BOX_DOORS[door](tmp_path, value)


@pytest.mark.parametrize("key", ["images__0__width", "images__0__height", "images__0__id", "annotations__0__id"])
@pytest.mark.parametrize("value", [-1, 0.5, 10**90, 1e300, 2**60, math.nan, math.inf, True, "1"])
def test_sizes_and_ids_are_whole_numbers_that_fit(tmp_path: Path, key: str, value: Any):
    with pytest.raises(DataError, match=r"annotations\.json, \w+ .*: (id|width|height) is .*, wanted a whole number"):
        through_a_file(key)(tmp_path, value)


@pytest.mark.parametrize("value", [[1, 2, 3, 10**90], [0, 1, 2, 3], [-1, 2, 3, 4], [1, 2, 3, 2**63]])
def test_landmark_ids_fit_a_database_and_a_browser(value: list[int]):
    with pytest.raises(DataError, match="'landmark_ids' must be 4 different whole numbers from 1"):
        Definition.from_category({**CATEGORY, "landmark_ids": value})


def test_a_definition_has_not_thousands_of_landmarks():
    many = [str(k) for k in range(1_001)]
    with pytest.raises(DataError, match="found 1,001 landmarks, wanted at most 1000"):
        Definition.from_category({"name": "many", "keypoints": many, "flsg": {"jaw": list(range(1_001))}})


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("tolerance", 1e308 * 10, "it holds Infinity"),
        ("tolerance", -1, "tolerance is -1.0, wanted a share"),
        ("tolerance", 10**90, "tolerance is 1e[+]90, wanted a share"),
        ("threshold", 7, "threshold is 7.0, wanted a probability"),
        ("repeats", 3, "repeats is 3.0, wanted a share"),
    ],
)
def test_settings_of_a_project_are_shares(tmp_path: Path, key: str, value: Any, said: str):
    project = make_project(tmp_path, pictures=0)
    project.close()
    file = project.folder / "project.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))
    with pytest.raises(DataError, match=said):
        Workspace(tmp_path / "projects").open(project.name)


@pytest.mark.parametrize(
    "option",
    [
        *(("--minutes", text) for text in ("nan", "1e999", "-1")),
        *(("--seed", text) for text in ("-1", str(2**64))),
        ("--steps", "0"),
        ("--base-minutes", "inf"),
        ("--encoder", "a\u202eb"),
    ],
    ids=ascii,
)
def test_numbers_of_the_command_line(tmp_path: Path, option: tuple[str, str], capsys: pytest.CaptureFixture[str]):
    project = make_project(tmp_path, pictures=3, labeled=3)
    project.close()
    assert main(["train", project.name, *option, "--projects", str(tmp_path / "projects")]) == 2
    assert "wanted" in capsys.readouterr().err
    assert not project.runs.exists() or not list(project.runs.iterdir())


def test_far_labels_of_a_data_set_are_left_out_and_named(tmp_path: Path):
    (tmp_path / "annotations.json").write_text(json.dumps(coco(annotations__0__keypoints__3=1e300)))
    write_picture(tmp_path / "a.png")
    found = read("coco", tmp_path, name="x", unpacked=tmp_path)
    assert found.far == ("a.png, face 1: eye_right",)
    with pytest.raises(DataError, match=r"annotation 1: landmark 1 is at \(1e\+300, 9\), wanted places within"):
        from_coco(coco(annotations__0__keypoints__3=1e300), folder=tmp_path, name="x", where="x.json")


def test_an_impossible_label_is_not_exported_from_a_database(tmp_path: Path):
    project = make_project(tmp_path, pictures=1)
    face = project.store.faces()[0].id
    label_face(project, face)
    with project.store.connection.transaction() as db:
        db.execute("UPDATE point_edits SET x = 1e300 WHERE landmark_id = 3")
    with pytest.raises(DataError, match=r"'nose' is labeled at \(1e\+300, 26\.0\), wanted places within"):
        project.export(tmp_path / "out.json")
    assert not (tmp_path / "out.json").exists()
    project.close()
