"""Other tools read the sets that are exported for them: their own code says what it sees, in its own environment.

The environments are kept in pytest's cache, or in the folder that CLIENTS names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labeler.project.outgoing import Split
from labeler.project.project import Project
from mdmd.formats.definition_files import category_in, form_by_name, losses_in, write_definition
from mdmd.formats.format import Reading
from mdmd.formats.known import by_name
from mdmd.formats.labels import Loss
from tests.clients.drawn_project import (
    COLORS,
    DEFINITION,
    LANDMARKS,
    NAMES,
    drawn_project,
    faces_of,
    size_of,
)
from tests.clients.environments import python_for, run

READERS = Path(__file__).parent / "readers"
SPLIT = "train=50,val=25,test=25"
SIZES = [size_of(number) for number in range(len(NAMES))]

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Sets:
    """The sets of a project in `folder`, exported and read once. `cached` holds the environments of clients."""

    project: Project
    folder: Path
    cached: Path

    def of(self, form: str, python: Path | None = None) -> Path:
        """The set in a format, with pictures, exported by `python` or else here."""
        out = self.folder / form
        if out.exists():
            return out
        if python is None:
            exchange = self.project.exchange
            exchange.export_set(by_name(form), out, split=Split.of(SPLIT), pictures="copy")
        else:
            words = ["-m", "labeler", "--projects", self.project.folder.parent, "export", "odd", "--format", form]
            run(python, *words, "--out", out, "--split", SPLIT, "--with-pictures", "copy", inside=self.folder)
        return out

    def read(self, script: str, form: str, *words: Path, exported_there: bool = False) -> Any:
        """What a client says of the set in a format, after it was exported there if that needs a package of it."""
        path = READERS / f"{script}.py"
        python = python_for(path, self.cached)
        place = self.of(form, python if exported_there else None)
        said = self.folder / f"{script}-{form}.json"
        if not said.exists():
            run(python, path, said, *words, inside=place)
        return json.loads(said.read_text())


def cache_of(config: pytest.Config) -> Path:
    named = os.environ.get("CLIENTS")
    folder = Path(named) if named else Path(config.cache.mkdir("clients"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder.resolve()


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Sets:
    root = tmp_path_factory.mktemp("clients")
    return Sets(drawn_project(root), root / "sets", cache_of(pytestconfig))


def the_same(name: str) -> str:
    return name


def check(
    told: Mapping[str, Any],
    sets: Sets,
    *,
    named: Callable[[str], str] = the_same,
    only: Iterable[str] = NAMES,
    points: bool = True,
    boxes: bool = True,
    splits: bool = True,
    hidden: bool = True,
    outside: bool = True,
    within: float = 0.01,
) -> None:
    """A client has opened the pictures `only`, and found their faces with all points and boxes that they have.

    Without `hidden` it takes hidden points for visible ones, and without `outside` those outside are not written.
    """
    truth = {image.name: image for image in by_name("coco").read(sets.of("coco"), Reading()).images}
    found = {SIZES.index(tuple(picture["size"])): picture for picture in told["pictures"]}
    assert len(found) == len(told["pictures"])
    assert {NAMES[number] for number in found} == set(only)
    for number, picture in found.items():
        name = NAMES[number]
        assert picture["name"] == named(name)
        if splits:
            assert picture["split"] == truth[name].split
        faces = sorted(picture["faces"], key=rightmost if points else left)
        assert len(faces) == len(faces_of(number)), name
        for face, true, own in zip(faces, faces_of(number), truth[name].faces, strict=True):
            if points:
                wanted = np.array(true.points)
                if not hidden:
                    wanted[:, 2] = np.where(wanted[:, 2] > 0, 2, 0)
                if not outside:
                    wanted[wanted[:, 0] > size_of(number)[0]] = 0
                np.testing.assert_allclose(face["points"], wanted, rtol=0, atol=within, err_msg=name)
            if boxes:
                box = own.box
                assert box is not None
                np.testing.assert_allclose(face["box"], [box.x, box.y, box.w, box.h], rtol=0, atol=within)


def rightmost(face: Mapping[str, Any]) -> float:
    return max(x for x, _, v in face["points"] if v)


def left(face: Mapping[str, Any]) -> float:
    return face["box"][0]


def skeleton(told: Mapping[str, Any]) -> tuple[list[str], list[list[int]]]:
    return told["landmarks"], told["edges"]


TRUE_SKELETON = (list(LANDMARKS), [list(edge) for edge in DEFINITION.edges])


def test_the_project_has_what_clients_trip_over(sets: Sets) -> None:
    images = by_name("coco").read(sets.of("coco"), Reading()).images
    assert sorted(image.name for image in images) == sorted(NAMES)
    splits = [image.split for image in images]
    assert {split: splits.count(split) for split in splits} == {"train": 4, "val": 2, "test": 2}


def test_pycocotools_and_torchvision_read_coco(sets: Sets) -> None:
    told = sets.read("coco_tools", "coco")
    check(told, sets)
    assert skeleton(told) == TRUE_SKELETON
    assert told["precision"] == [pytest.approx(1)] * 3
    for picture, (same, boxes) in zip(told["pictures"], told["torchvision"], strict=True):
        assert same
        np.testing.assert_allclose(boxes, [face["box"] for face in picture["faces"]], rtol=0, atol=0.01)


def test_datumaro_reads_coco(sets: Sets) -> None:
    told = sets.read("datumaro_coco", "coco")
    check(told, sets)
    assert skeleton(told) == TRUE_SKELETON


def test_supervision_reads_the_boxes_of_coco(sets: Sets) -> None:
    told = sets.read("supervision_boxes", "coco")
    check(told, sets, points=False)
    assert told["classes"] == [["face"]] * 3


def test_supervision_reads_the_boxes_of_yolo(sets: Sets) -> None:
    """Its reader does not look into folders."""
    told = sets.read("supervision_boxes", "yolo-pose")
    check(told, sets, only=[name for name in NAMES if "/" not in name], points=False)
    assert told["classes"] == [["face"]] * 3


def test_ultralytics_reads_mirrors_converts_and_trains(sets: Sets) -> None:
    told = sets.read("ultralytics_pose", "yolo-pose", sets.of("coco"))
    check(told, sets, named=lambda name: name.replace("images/", "images_/"), outside=False)
    assert (told["landmarks"], told["mirror"], told["classes"]) == (list(LANDMARKS), list(DEFINITION.mirror), ["face"])
    # In the mirrored picture the left eye is where the right one was, which has its color.
    assert told["mirrored"] == [list(COLORS[partner]) for partner in DEFINITION.mirror]
    assert (told["trained"], told["seen"]) == (["best.pt", "last.pt"], {"train": 4, "val": 2})


def test_ultralytics_converts_coco_to_what_is_written_as_yolo(sets: Sets) -> None:
    told = sets.read("ultralytics_pose", "yolo-pose", sets.of("coco"))
    written = {}
    for file in sorted((sets.of("yolo-pose") / "labels").rglob("*.txt")):
        split, *rest = file.relative_to(sets.of("yolo-pose") / "labels").parts
        name = "/".join(rest).replace("images_/", "images/")
        written[split, name] = [[float(word) for word in line.split()[1:]] for line in file.read_text().splitlines()]
    found = {(one["split"], one["name"]): one["rows"] for one in told["converted"]}
    assert found.keys() == written.keys()
    for key, rows in written.items():
        if "100%" not in key[1]:  # its point outside is left out of the YOLO set
            np.testing.assert_allclose(found[key], rows, rtol=0, atol=1e-5)


def test_sleap_io_reads_sleap(sets: Sets) -> None:
    told = sets.read("sleap_sets", "sleap", exported_there=True)
    check(told, sets, named=lambda name: f"images/{name}", splits=False, hidden=False)
    assert skeleton(told) == TRUE_SKELETON
    assert told["pairs"] == [["eye_left", "eye_right"]]


def test_mmpose_parses_metainfo(sets: Sets, tmp_path: Path) -> None:
    write_definition(DEFINITION, tmp_path / "set" / "metainfo.py", form_by_name("mmpose"))
    script = READERS / "mmpose_metainfo.py"
    run(python_for(script, sets.cached), script, tmp_path / "told.json", inside=tmp_path / "set")
    assert json.loads((tmp_path / "told.json").read_text()) == {
        "name": "odd",
        "landmarks": list(LANDMARKS),
        "mirror": list(DEFINITION.mirror),
        "edges": [list(edge) for edge in DEFINITION.edges],
        "weights": [1] * 4,
        "sigmas": [0.025] * 4,
    }


def test_sleap_io_reads_a_skeleton_and_what_it_writes_is_read(sets: Sets, tmp_path: Path) -> None:
    # The last one has no edge; links do not have the landmarks in their order.
    definition = replace(
        DEFINITION,
        landmarks=("chin", *LANDMARKS[:3], "brow_left"),
        groups=(2, 5, 6, 9, 7),
        mirror=(0, 2, 1, 3, 4),
        edges=((3, 0), (1, 2), (2, 3)),
        ids=(),
    )
    write_definition(definition, tmp_path / "set" / "skeleton.json", form_by_name("sleap"))
    script = READERS / "sleap_skeleton.py"
    run(python_for(script, sets.cached), script, tmp_path / "told.json", inside=tmp_path / "set")
    told = json.loads((tmp_path / "told.json").read_text())
    assert told["name"] == "odd"
    assert told["landmarks"] == list(definition.landmarks)
    assert told["edges"] == [list(edge) for edge in definition.edges]
    assert told["pairs"] == [["eye_left", "eye_right"]]
    again = category_in(json.dumps(told["again"]), "again.json")
    assert losses_in(definition, again, form_by_name("sleap")) == [Loss("groups", 5)]


def test_sleap_io_reads_coco(sets: Sets) -> None:
    told = sets.read("sleap_sets", "coco")
    for picture in told["pictures"]:
        picture["name"] = picture["name"].removeprefix(f"images/{picture['split']}/")
    check(told, sets, boxes=False, hidden=False)
    assert skeleton(told) == TRUE_SKELETON


def in_deeplabcut(name: str) -> str:
    folder, _, file = name.rpartition("/")
    return f"labeled-data/{folder.replace('/', '-') or 'pictures'}/{file}"


def test_sleap_io_reads_deeplabcut(sets: Sets) -> None:
    told = sets.read("sleap_sets", "deeplabcut")
    order = [told["landmarks"].index(name) for name in LANDMARKS]
    for picture in told["pictures"]:
        picture["name"] = "/".join(Path(picture["name"]).parts[-3:])
        for face in picture["faces"]:
            face["points"] = [face["points"][k] for k in order]
    check(told, sets, named=in_deeplabcut, boxes=False, splits=False, hidden=False)
    edges = {frozenset(told["landmarks"][k] for k in edge) for edge in told["edges"]}
    assert edges == {frozenset(LANDMARKS[k] for k in edge) for edge in DEFINITION.edges}


def test_deeplabcut_makes_a_training_set_of_a_project_with_several_animals(sets: Sets) -> None:
    told = sets.read("deeplabcut_project", "deeplabcut")
    check(told, sets, named=in_deeplabcut, boxes=False, splits=False, hidden=False)
    assert told["multianimal"]
    assert told["columns"] == ["scorer", "individuals", "bodyparts", "coords"]
    check_training(told)


def test_deeplabcut_makes_a_training_set_of_a_project_with_one_animal(sets: Sets, tmp_path: Path) -> None:
    alone = Sets(drawn_project(tmp_path, alone=True), tmp_path / "sets", sets.cached)
    told = alone.read("deeplabcut_project", "deeplabcut")
    assert (told["multianimal"], told["columns"]) == (False, ["scorer", "bodyparts", "coords"])
    check_training(told)
    found = {SIZES.index(tuple(picture["size"])): picture["faces"] for picture in told["pictures"]}
    for number in range(len(NAMES)):
        [face] = found[number]
        np.testing.assert_allclose(face["points"], faces_of(number, alone=True)[0].points, rtol=0, atol=0.01)


def check_training(told: Mapping[str, Any]) -> None:
    assert told["landmarks"] == list(LANDMARKS)
    assert sorted(told["rows"]) == sorted(in_deeplabcut(name).split("/") for name in NAMES)
    assert told["edges"] == [[LANDMARKS[a], LANDMARKS[b]] for a, b in DEFINITION.edges]
    assert any(name.endswith("shuffle1.pickle") for name in told["training"])


def test_label_studio_takes_the_tasks(sets: Sets) -> None:
    told = sets.read("label_studio_tasks", "label-studio")
    assert told["refused"] == []
    check(told, sets, named=lambda name: f"images/{name}", hidden=False, outside=False)
    assert told["landmarks"] == list(LANDMARKS)


def test_cvat_can_load_the_labels_by_its_rules(sets: Sets) -> None:
    told = sets.read("cvat_rules", "cvat")
    check(told, sets)
    assert skeleton(told) == TRUE_SKELETON
