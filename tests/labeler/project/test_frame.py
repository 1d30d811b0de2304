"""Labels as a pandas DataFrame, and back."""

from __future__ import annotations

import io
import math
from pathlib import Path

import pandas as pd
import pytest

from labeler.project.frame import COLUMNS
from labeler.project.project import Project
from labeler.storage.records import Point
from mdmd.errors import DataError
from tests.builders import make_project

LABELS = {1: Point(20.5, 20.0, 2), 2: Point(40.0, 21.25, 1), 3: Point(None, None, 0)}


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Three faces: one with three labels of four landmarks, a skipped one with one label, one without any."""
    project = make_project(tmp_path)
    project.store.edit_points(1, LABELS)
    project.store.edit_points(2, {4: Point(1.0, 2.0, 2, "imported")}, source="imported")
    project.store.set_skip(2, "blurred")
    return project


def test_a_table_has_one_row_a_label(project: Project):
    frame = project.labels()
    assert list(frame.columns) == list(COLUMNS)
    assert {name: str(dtype) for name, dtype in frame.dtypes.items()} == COLUMNS
    assert frame["face_id"].tolist() == [1, 1, 1, 2]
    assert frame["landmark"].tolist() == ["eye_left", "eye_right", "nose", "chin"]
    assert frame["group"].tolist() == ["left_eye", "right_eye", "nose", "jaw"]
    assert frame["visibility"].tolist() == [2, 1, 0, 2]
    assert frame["origin"].tolist() == ["placed", "placed", "placed", "imported"]
    assert frame["skipped"].tolist() == [False, False, False, True]
    assert frame.loc[0, ["x", "y"]].tolist() == [20.5, 20.0]
    assert frame.loc[2, ["x", "y"]].isna().all()
    picture = project.store.image(1)
    assert frame.loc[0, ["image", "file_name", "split", "subject"]].tolist() == [
        *(picture.name, picture.file_name, picture.split, picture.subject)
    ]


def test_a_project_without_labels_has_an_empty_table_with_the_same_columns(tmp_path: Path):
    frame = make_project(tmp_path).labels()
    assert (len(frame), {name: str(dtype) for name, dtype in frame.dtypes.items()}) == (0, COLUMNS)
    with pytest.raises(DataError, match="no landmarks defined"):
        make_project(tmp_path, "bare", definition=None).labels()


def test_a_table_that_went_through_csv_changes_nothing(project: Project):
    before = project.store.connection.stamp()
    text = project.labels().to_csv(index=False)
    assert project.set_labels(pd.read_csv(io.StringIO(text))) == 0
    assert project.store.connection.stamp() == before


def test_labels_move_to_another_project_as_they_are(project: Project, tmp_path: Path):
    other = make_project(tmp_path / "other")
    assert other.set_labels(project.labels()) == 4
    columns = ["face_id", "landmark_id", "x", "y", "visibility"]
    pd.testing.assert_frame_equal(other.labels()[columns], project.labels()[columns])


def test_changed_rows_are_one_undo_step_a_face(project: Project):
    frame = project.labels()
    frame.loc[0, ["x", "y"]] = [22.0, 23.0]
    frame.loc[1, "visibility"] = 2
    revision = project.store.face(2).revision
    assert project.set_labels(frame, annotator="ann") == 2
    points = project.store.points()[1]
    assert points == {1: Point(22.0, 23.0, 2, "imported"), 2: Point(40.0, 21.25, 2, "imported"), 3: LABELS[3]}
    assert project.store.history(1)[0].annotator == "ann"
    assert project.store.face(2).revision == revision
    project.store.undo(1)
    assert project.store.points()[1] == LABELS


def test_a_missing_row_leaves_its_label(project: Project):
    assert project.set_labels(project.labels().iloc[:1]) == 0
    assert project.store.points()[1] == LABELS


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("face_id", 9, "row 1: found face 9, which is not a face of this project"),
        ("landmark_id", 9, "row 1: found landmark 9, which is not in the definition"),
        ("landmark_id", 1, "row 1: landmark 1 of face 1 has two rows, wanted one"),
        ("landmark_id", 1.5, "row 1: found 1.5 as landmark_id, wanted a whole number"),
        ("x", math.nan, "row 1: found the place"),
        ("y", math.inf, "row 1: found the place"),
        ("x", "left", "row 1: found 'left' as x, wanted a number"),
        ("visibility", 3, "row 1: found 3.0 as visibility, wanted 0"),
        ("visibility", 0, "row 1: found the place .* of an absent landmark, wanted x and y empty"),
    ],
)
def test_one_bad_row_refuses_the_whole_table(project: Project, column: str, value: object, said: str):
    frame = project.labels().astype(object)
    frame.loc[0, "x"] = 5.0
    frame.loc[1, column] = value
    before = project.store.connection.stamp()
    with pytest.raises(DataError, match=said):
        project.set_labels(frame)
    assert project.store.connection.stamp() == before


def test_a_missing_column_is_named(project: Project):
    with pytest.raises(DataError, match="no column 'visibility'; wanted face_id, landmark_id"):
        project.set_labels(project.labels().drop(columns="visibility"))
