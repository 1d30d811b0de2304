"""What all tools that keep points and rectangles one by one have in common: CVAT, Label Studio, labelme and others."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mdmd.data.records import Box
from mdmd.errors import DataError
from mdmd.files import write_json
from mdmd.formats import cvat, label_studio, labelme, via, x_anylabeling
from mdmd.formats.format import Format, Reading
from mdmd.formats.labels import Image, LabelSet
from tests.mdmd.formats.foreign import CASES, case, one_image
from tests.mdmd.formats.round_trips import check_round_trip, label_sets

FORMATS = (cvat.FORMAT, label_studio.FORMAT, labelme.FORMAT, x_anylabeling.FORMAT, via.FORMAT)
#: The folders of cases -> the format here that they are of.
THEIRS = {
    "cvat_points": "cvat",
    "cvat_skeleton": "cvat",
    "label_studio": "label-studio",
    "label_studio_min": "label-studio",
    "label_studio_sleapio": "label-studio",
    "labelme": "labelme",
    "x_anylabeling": "x-anylabeling",
}
by_name = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)


@by_name
@given(data=st.data())
@settings(max_examples=40)
def test_a_random_set_is_kept_but_for_what_is_said(form: Format, data: st.DataObject) -> None:
    labels = data.draw(label_sets(outside=form is not label_studio.FORMAT).filter(lambda labels: labels.images))
    has_list = form.name in ("cvat", "label-studio", "via")
    if has_list or any((face.visibility > 0).any() for image in labels.images for face in image.faces):
        check_round_trip(form, labels)
    else:
        with pytest.raises(DataError, match="there are no named points"):
            check_round_trip(form, labels)


@by_name
def test_what_is_written_is_taken_for_its_format_only(tmp_path: Path, form: Format) -> None:
    assert form.write is not None
    image = one_image(tmp_path / "in", [[1, 2, 2]], box=Box(0, 0, 5, 5))
    form.write(LabelSet(("nose",), (image,)), tmp_path / "out", "copy")
    assert [other.name for other in FORMATS if other.detect(tmp_path / "out")] == [form.name]


@pytest.mark.parametrize("folder", sorted(path.name for path in CASES.iterdir() if path.is_dir()))
def test_only_files_of_a_format_are_taken_for_it(tmp_path: Path, folder: str) -> None:
    place = case(folder, tmp_path / "set")
    wanted = [THEIRS[folder]] if folder in THEIRS else []
    assert [form.name for form in FORMATS if form.detect(place)] == wanted
    for path in place.rglob("*"):
        if path.is_file():
            found = [form.name for form in FORMATS if form.detect(path)]
            assert found == (wanted if path.suffix in (".json", ".xml") and path.name != "label_config.xml" else [])


@by_name
def test_nothing_is_taken_for_a_format_without_reason(tmp_path: Path, form: Format) -> None:
    (tmp_path / "empty.json").write_bytes(b"")
    (tmp_path / "a.json").write_bytes(b"\xff\xfe{")
    (tmp_path / "b.xml").write_bytes(b"<annotation><folder/></annotation>")
    (tmp_path / "folder.json").mkdir()
    assert not form.detect(tmp_path)
    for path in (*tmp_path.iterdir(), tmp_path / "gone", tmp_path / ("long" * 100), tmp_path / "a\0b"):
        assert not form.detect(path)
    with pytest.raises(DataError):
        form.read(tmp_path, Reading())


@by_name
def test_pictures_stay_in_the_folder_and_apart(tmp_path: Path, form: Format) -> None:
    """Names of a file that was received lead nowhere else, and two images never share a name."""
    assert form.write is not None
    image = one_image(tmp_path / "in", [[1, 2, 2]], box=Box(0, 0, 5, 5))
    names = ("../../a.png", "/a.png", "C:\\x\\a.png", "A.png")
    images = tuple(Image(name, image.path, image.faces, image.size, "train") for name in names)
    form.write(LabelSet(("nose",), images), tmp_path / "out" / "set", "copy")
    assert not list(tmp_path.glob("*.*"))
    pictures = [path for path in (tmp_path / "out").rglob("*") if path.suffix == ".png"]
    assert len(pictures) == 4
    again = form.read(tmp_path / "out" / "set", Reading())
    assert sorted(path for image in again.images if (path := image.path) is not None) == sorted(pictures)


# Files that are wrong

ODD: tuple[Any, ...] = (
    None,
    "",
    "text",
    "nan",
    [],
    {},
    [None],
    {"a": 1},
    True,
    -1,
    0,
    10**90,
    1e300,
    float("nan"),
    float("inf"),
    "a\0b\n",
    "\ud800",
    "x" * 5000,
    "http://[",
    "../" * 50,
    [[1, 2], [3, "4"]],
    [1, "1", 1.0, True],
)


def places_in(found: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each value of parsed JSON."""
    inner = found.items() if isinstance(found, dict) else enumerate(found) if isinstance(found, list) else ()
    return [place, *(way for key, value in inner for way in places_in(value, (*place, key)))]


def changed(found: Any, way: tuple[Any, ...], value: Any) -> Any:
    if not way:
        return value
    inner = dict(found) if isinstance(found, dict) else list(found)
    inner[way[0]] = changed(inner[way[0]], way[1:], value)
    return inner


def without(found: Any, way: tuple[Any, ...]) -> Any:
    inner = dict(found) if isinstance(found, dict) else list(found)
    if len(way) == 1:
        del inner[way[0]]
    elif way:
        inner[way[0]] = without(inner[way[0]], way[1:])
    return inner


def read_or_say(form: Format, place: Path) -> None:
    form.detect(place)
    try:
        labels = form.read(place, Reading())
    except DataError:
        return
    for image in labels.images:
        for face in image.faces:
            assert len(face.points) == len(face.visibility) == len(labels.landmarks)
            assert (abs(face.points) <= 1e6).all()
    assert all(out.record and out.why for out in labels.left_out)


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A set of each case, and one that is written in VIA, which has no case."""
    folder = tmp_path_factory.mktemp("sets")
    made = {name: case(name, folder / name) for name in THEIRS}
    image = one_image(folder / "in", [[1, 2, 2], [3, 4, 1]], box=Box(0, 0, 5, 5))
    via.write(LabelSet(("nose", "chin"), (image,)), folder / "via", "copy")
    return {**made, "via": folder / "via"}


@pytest.mark.parametrize("name", [name for name in (*THEIRS, "via") if not name.startswith("cvat")])
@given(data=st.data())
@settings(max_examples=50)
def test_wrong_values_in_json_are_said(sets: dict[str, Path], name: str, data: st.DataObject) -> None:
    form = next(form for form in FORMATS if form.name == THEIRS.get(name, name))
    [file, *_] = sorted(sets[name].glob("*.json"))
    before = file.read_bytes()
    told = json.loads(before)
    try:
        for _ in range(data.draw(st.integers(1, 4))):
            way = data.draw(st.sampled_from(places_in(told)))
            if data.draw(st.booleans()) and way:
                told = without(told, way)
            else:
                told = changed(told, way, data.draw(st.sampled_from(ODD)))
        file.write_text(json.dumps(told), encoding="utf-8")
        read_or_say(form, sets[name])
        read_or_say(form, file)
    finally:
        file.write_bytes(before)


XML_ODD = ("", "0", "-1", "nan", "inf", "1e400", "text", "1,2;3,4", ",", ";;", "1_0,2", "x" * 5000, "../" * 50, "&#9;")


@pytest.mark.parametrize("name", ["cvat_points", "cvat_skeleton"])
@given(data=st.data())
@settings(max_examples=100)
def test_wrong_values_in_xml_are_said(sets: dict[str, Path], name: str, data: st.DataObject) -> None:
    file = sets[name] / "annotations.xml"
    before = file.read_text(encoding="utf-8")
    text = before
    try:
        for _ in range(data.draw(st.integers(1, 4))):
            kind = data.draw(st.sampled_from(['"[^"]*"', r"</?\w+", r">[^<]+<"]))
            spots = list(re.finditer(kind, text))
            spot = data.draw(st.sampled_from(spots))
            odd = data.draw(st.sampled_from(XML_ODD))
            start, end = spot.group()[0], spot.group()[-1]
            text = text[: spot.start()] + (f"{start}{odd}{end}" if end in '"<' else odd) + text[spot.end() :]
        file.write_text(text, encoding="utf-8")
        read_or_say(cvat.FORMAT, sets[name])
    finally:
        file.write_text(before, encoding="utf-8")


@by_name
def test_files_that_are_no_json_or_too_deep_are_said(tmp_path: Path, form: Format) -> None:
    if form is cvat.FORMAT:
        pytest.skip("it is XML")
    start = {"label-studio": '[{"data": {"image": "a.png"}, "annotations": [', "via": '{"_via_img_metadata": '}
    text = start.get(form.name, '{"checked": true, "shapes": [' if form.name == "x-anylabeling" else '{"shapes": [')
    for more in ("", "[" * 200_000, "1" * 5000):
        (tmp_path / "a.json").write_text(text + more)
        assert form.detect(tmp_path)
        with pytest.raises(DataError, match="cannot be read"):
            form.read(tmp_path, Reading())


def test_a_large_image_is_read_in_time(tmp_path: Path) -> None:
    """Thousands of faces without a group, and regions in each other, do not take the square of their number."""
    rows = range(4_000)
    boxes = [{"name": "rect", "x": 10 * k, "y": 0, "width": 5, "height": 5} for k in rows]
    points = [{"name": "point", "cx": 10 * k + 2, "cy": 2} for k in rows]
    regions = [
        {"shape_attributes": shape, "region_attributes": {} if shape["name"] == "rect" else {"name": "nose"}}
        for shape in (*boxes, *points)
    ]
    write_json(tmp_path / "via.json", {"a": {"filename": "a.png", "regions": regions, "file_attributes": {}}})
    labels = via.read(tmp_path, Reading())
    assert labels.faces == 4_000
    assert all(face.box is not None and face.visibility[0] == 2 for face in labels.images[0].faces)
    value = {"x": 1, "y": 1, "keypointlabels": ["nose"]}
    size = {"original_width": 10, "original_height": 10}
    chain = [{"id": f"{k}", "parentID": f"{k - 1}", "type": "keypointlabels", "value": value, **size} for k in rows]
    write_json(tmp_path / "tasks.json", [{"data": {"image": "a.png"}, "annotations": [{"result": chain}]}])
    assert label_studio.read(tmp_path, Reading()).faces > 0


def test_several_files_of_one_format_are_not_mixed(tmp_path: Path) -> None:
    for name in ("a.json", "b.json"):
        write_json(tmp_path / name, {"_via_img_metadata": {}})
    with pytest.raises(DataError, match=r"found 2 files of VIA \(a\.json, b\.json\), wanted one: name the file"):
        via.read(tmp_path, Reading())
