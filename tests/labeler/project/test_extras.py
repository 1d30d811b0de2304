"""What files say beyond labels comes out of a project as it came in, and nothing of it is stale."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO

from labeler.project.extras import LARGEST, LARGEST_OF_SET, OF_ATTRIBUTES
from labeler.project.importer import ImportReport
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.storage.records import Point
from mdmd.data.coco import read_coco
from mdmd.formats.known import by_name
from tests.builders import CATEGORY, SMALL, write_picture

#: The keys that an export computes itself.
OF_IMAGE = {"id", "file_name", "width", "height", "split", "group", "original_name"}
OF_FACE = {"id", "image_id", "category_id", "keypoints", "num_keypoints", "bbox", "area", "iscrowd"}
OF_INFO = {"project", "definition_version", "date_created", "image_folder"}

words = st.text(max_size=6)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=6,
)
others = st.dictionaries(words.map(lambda word: f"x {word}"), values, max_size=2)
polygons = st.lists(st.lists(st.integers(0, 60).map(lambda n: n / 2), min_size=6, max_size=8), min_size=1, max_size=2)
segmentations = polygons | st.fixed_dictionaries({"size": st.just([48, 64]), "counts": st.just("Nn1")})
attributes = st.dictionaries(words.filter(lambda word: word not in OF_ATTRIBUTES), values, min_size=1, max_size=3)


def some(required: Mapping[str, st.SearchStrategy[Any]], **optional: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A record with these keys and others."""
    parts = st.tuples(st.fixed_dictionaries(dict(required), optional=optional), others)
    return parts.map(lambda found: {**found[1], **found[0]})


@st.composite
def sets(draw: st.DrawFn) -> dict[str, Any]:
    """A COCO file of up to three pictures of up to two faces, with keys that say more."""
    licenses = draw(
        st.lists(some({"id": st.integers(0, 5)}, name=words, url=words), max_size=3, unique_by=lambda x: x["id"])
    )
    images, faces = [], []
    for k in range(draw(st.integers(1, 3))):
        named = {"id": st.just(k + 7), "file_name": st.just(f"{k}.png")}
        told = dict.fromkeys(("coco_url", "flickr_url", "date_captured"), words)
        image = draw(some(named, license=st.integers(0, 5), split=st.sampled_from(["train", "val", "dev"]), **told))
        images.append({**image, "group": f"subject {k}", "width": 64, "height": 48})
        for _ in range(draw(st.integers(1, 2))):
            more = some({}, segmentation=segmentations, attributes=attributes, track_id=st.integers(0, 9) | words)
            x = len(faces) + 1
            keypoints = [n for landmark in range(4) for n in (x + landmark / 8, 3 + landmark, 2)]
            face = {"id": 20 + x, "image_id": k + 7, "category_id": 1, "keypoints": keypoints, "bbox": [x, 1, 9, 9]}
            faces.append({**draw(more), **face, "num_keypoints": 4, "area": 50.5, "iscrowd": 0})
    info = draw(some({}, year=st.integers(1990, 2030), contributor=words, url=words, description=words))
    return {
        **draw(others),
        "info": info,
        "licenses": licenses,
        "images": images,
        "annotations": faces,
        "categories": [CATEGORY],
    }


def write_set(folder: Path, coco: Mapping[str, Any], name: str = "labels.json") -> Path:
    for image in coco["images"]:
        write_picture(folder / image["file_name"], color=(sum(image["file_name"].encode()) % 256, 5, 5))
    (folder / name).write_text(json.dumps(coco))
    return folder / name


def beyond(coco: Mapping[str, Any]) -> dict[str, Any]:
    """What a file says beyond what an export computes: of itself, of pictures by name, and of faces by place."""
    images = {image["id"]: image.get("original_name", image["file_name"]) for image in coco["images"]}
    faces = {}
    for face in coco["annotations"]:
        told = {key: value for key, value in face.items() if key not in OF_FACE}
        told["segmentation"] = told.get("segmentation") or []
        told["attributes"] = {k: v for k, v in face.get("attributes", {}).items() if k not in OF_ATTRIBUTES}
        faces[images[face["image_id"]], face["keypoints"][0]] = told
    return {
        "set": {k: v for k, v in coco.items() if k not in ("info", "images", "annotations", "categories")},
        "info": {key: value for key, value in coco["info"].items() if key not in OF_INFO},
        "images": {
            images[image["id"]]: {key: value for key, value in image.items() if key not in OF_IMAGE}
            for image in coco["images"]
        },
        "splits": {images[image["id"]]: (image.get("split", "train"), image["group"]) for image in coco["images"]},
        "faces": faces,
    }


def exported(project: Project, folder: Path) -> list[dict[str, Any]]:
    """The project as one file, and as a set with a file for each split, put together."""
    project.export(folder / "one.json")
    project.export_set(by_name("coco"), folder / "set")
    files = [json.loads(path.read_text()) for path in sorted((folder / "set" / "annotations").iterdir())]
    lists = {key: [one for file in files for one in file[key]] for key in ("images", "annotations")}
    return [json.loads((folder / "one.json").read_text()), {**files[0], **lists}]


def kept(project: Project) -> list[object]:
    extras = project.store.extras
    return [extras.of_sets(), extras.of_images(), extras.of_faces()]


@given(coco=sets())
@settings(max_examples=25)
def test_what_a_file_says_beyond_labels_comes_out_again(coco: dict[str, Any]) -> None:
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        file = write_set(folder / "in", coco)
        workspace = Workspace(folder / "projects")
        project = workspace.create("first", definition=SMALL)
        assert project.import_labels(file).refused == []
        wanted = beyond(coco)
        for found in exported(project, folder / "out"):
            got = beyond(found)
            if "description" not in wanted["info"]:
                assert got["info"].pop("description").endswith("4 facial landmarks")
            assert got == wanted
        before = kept(project)
        assert project.import_labels(folder / "out" / "one.json").already == len(coco["images"])
        assert kept(project) == before
        second = workspace.create("second", definition=SMALL)
        assert second.import_labels(folder / "out" / "one.json").refused == []
        assert beyond(exported(second, folder / "again")[0]) == beyond(exported(project, folder / "other")[0])
        workspace.close()


def imported(tmp_path: Path, coco: dict[str, Any], **how: Any) -> tuple[Project, ImportReport]:
    project = Workspace(tmp_path / "projects").create("apes", definition=SMALL)
    return project, project.import_labels(write_set(tmp_path / "in", coco), **how)


def a_set(face: Mapping[str, Any], *, image: Mapping[str, Any] | None = None, **of_set: Any) -> dict[str, Any]:
    """One face on one picture, and what is said beyond its labels."""
    own = {"id": 1, "image_id": 1, "category_id": 1, "keypoints": [9, 9, 2, 20, 9, 2, 15, 15, 2, 15, 20, 2]}
    return {
        "images": [{"id": 1, "file_name": "a.png", "width": 64, "height": 48, **(image or {})}],
        "annotations": [{**own, "bbox": [5, 5, 20, 20], **face}],
        "categories": [CATEGORY],
        **of_set,
    }


def face_of(project: Project, tmp_path: Path) -> dict[str, Any]:
    return exported(project, tmp_path / f"out {project.store.newest_action()}")[0]["annotations"][0]


def test_a_changed_label_brings_no_stale_value_back(tmp_path: Path) -> None:
    own = {"absent": ["chin"], "sources": {"placed": 9}, "box": "picture", "annotators": ["eve"], "occluded": True}
    more = {"segmentation": [[1, 2, 3, 4, 5, 6]], "area": 7, "num_keypoints": 4, "iscrowd": 0, "unseen": True}
    project, _ = imported(tmp_path, a_set({**more, "attributes": own}))
    project.store.edit_points(1, {4: None, 1: Point(3, 3, 2)})
    project.store.edit_box(1, project.store.face(1).box)
    face = face_of(project, tmp_path)
    assert (face["area"], face["num_keypoints"], face["keypoints"][:3]) == (400, 3, [3, 3, 2])
    assert face["segmentation"] == [[1, 2, 3, 4, 5, 6]]
    assert "unseen" not in face
    assert face["attributes"] == {
        "occluded": True,
        "sources": {"imported": 2, "placed": 1},
        "point_sources": ["placed", "imported", "imported", None],
    }


def test_the_score_of_a_model_is_not_that_of_a_persons_labels(tmp_path: Path) -> None:
    project, _ = imported(
        tmp_path, a_set({"score": 0.5, "track_id": 3, "attributes": {"source": "predicted", "keyframe": 1}})
    )
    project.store.edit_points(1, {1: Point(3, 3, 2)})
    face = face_of(project, tmp_path)
    assert ("score" in face, face["track_id"], face["attributes"]["keyframe"]) == (False, 3, 1)
    assert "source" not in face["attributes"]


def test_what_is_too_large_or_no_json_is_left_out_named_and_counted(tmp_path: Path) -> None:
    large = [[0.5] * LARGEST]
    face = {"segmentation": large, "track_id": 4, "depth": float("nan")}
    coco = a_set(
        face, image={"coco_url": "x" * LARGEST, "license": 1}, videos=["x" * LARGEST_OF_SET], info={"year": 2020}
    )
    project, report = imported(tmp_path, coco)
    assert sorted(report.notes) == [
        "'coco_url' of an image is left out, because all that is kept has at most 100,000 characters: 1",
        "'depth' of a face is left out, because it holds a number that is none: 1",
        "'segmentation' of a face is left out, because all that is kept has at most 100,000 characters: 1",
        "'videos' of the file is left out, because all that is kept has at most 1,000,000 characters: 1",
    ]
    assert kept(project) == [[{"info": {"year": 2020}}], {1: {"license": 1}}, {1: {"track_id": 4}}]


def test_keys_of_the_wrong_type_do_not_make_an_export_that_cannot_be_read(tmp_path: Path) -> None:
    face = {"attributes": ["a"], "subsets": 5, "split": ["x"], "segmentation": "?", "unseen": 7}
    odd = {"style": ["x"], "subset": {"a": 1}, "subsets": 3, "license": [1]}
    project, report = imported(tmp_path, a_set(face, image=odd, info="text", licenses={"id": 1}))
    assert report.refused == []
    project.export(tmp_path / "one.json")
    assert len(read_coco(tmp_path / "one.json").samples) == 1
    assert COCO(str(tmp_path / "one.json")).getImgIds() == [1]
    project.export_set(by_name("coco"), tmp_path / "set", pictures="copy")
    assert project.import_labels(tmp_path / "set").already == 1


def test_licenses_of_two_files_stay_apart(tmp_path: Path) -> None:
    project, _ = imported(
        tmp_path, a_set({}, image={"license": 1}, licenses=[{"id": 1, "name": "BY"}], info={"year": 1})
    )
    other = a_set(
        {}, image={"license": 1, "file_name": "b.png"}, licenses=[{"id": 1, "name": "NC"}, {"id": 2, "name": "BY"}]
    )
    stray = a_set({}, image={"license": 1, "file_name": "c.png"}, info={"year": 2, "url": "u"})
    for number, coco in enumerate((other, stray)):
        project.import_labels(write_set(tmp_path / f"in {number}", coco))
    for found in exported(project, tmp_path / "out"):
        names = {one["id"]: one["name"] for one in found["licenses"]}
        assert sorted(names.values()) == ["BY", "BY", "NC"]
        told = {image.get("original_name", image["file_name"]): image.get("license") for image in found["images"]}
        assert (names[told["a.png"]], names[told["b.png"]], told["c.png"]) == ("BY", "NC", None)
        assert (found["info"]["year"], found["info"]["url"]) == (1, "u")


def test_files_of_a_folder_keep_the_licenses_of_each(tmp_path: Path) -> None:
    for split, license in (("train", "BY"), ("val", "NC")):
        coco = a_set({}, image={"license": 3, "file_name": f"{split}.png"}, licenses=[{"id": 3, "name": license}])
        write_set(tmp_path / "in", coco, f"labels_{split}.json")
    project = Workspace(tmp_path / "projects").create("apes", definition=SMALL)
    assert project.import_labels(tmp_path / "in").added == 2
    found = exported(project, tmp_path / "out")[0]
    names = {one["id"]: one["name"] for one in found["licenses"]}
    assert {image["file_name"]: names[image["license"]] for image in found["images"]} == {
        "train.png": "BY",
        "val.png": "NC",
    }


def test_an_import_that_is_taken_back_takes_with_it_what_it_said(tmp_path: Path) -> None:
    project, first = imported(tmp_path, a_set({"track_id": 1}, licenses=[{"id": 1, "name": "BY"}]))
    again = write_set(
        tmp_path / "again", a_set({"track_id": 2, "keypoints": [1, 1, 2] * 4}, licenses=[{"id": 1, "name": "NC"}])
    )
    second = project.import_labels(again, replace_labels=True)
    assert project.store.extras.of_faces() == {1: {"track_id": 2}}
    assert second.number is not None
    project.take_back_import(second.number)
    assert kept(project) == [[{"licenses": [{"id": 1, "name": "BY"}]}], {}, {1: {"track_id": 1}}]
    assert first.number is not None
    project.take_back_import(first.number)
    assert kept(project) == [[], {}, {}]


def test_what_two_imports_say_stays_until_both_are_taken_back(tmp_path: Path) -> None:
    licenses = [{"id": 1, "name": "BY"}]
    project, first = imported(tmp_path, a_set({}, image={"license": 1}, licenses=licenses))
    again = a_set({}, image={"license": 1, "file_name": "b.png"}, licenses=licenses)
    project.import_labels(write_set(tmp_path / "again", again))
    project.take_back_import(first.number)
    [found, _] = exported(project, tmp_path / "out")
    assert found["licenses"] == licenses
    project.take_back_import()
    assert project.store.extras.of_sets() == []


def test_what_another_format_cannot_keep_is_said(tmp_path: Path) -> None:
    project, _ = imported(tmp_path, a_set({"track_id": 1}, image={"coco_url": "u"}))
    lost = project.export_set(by_name("yolo-pose"), tmp_path / "out").lost
    assert [loss.words for loss in lost][:2] == [
        "what came with 1 picture is left out",
        "what came with 1 face is left out",
    ]
