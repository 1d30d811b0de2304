"""DeepLabCut and Lightning Pose: their tables are read, told apart, written and read again."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pandas
import pytest
import yaml
from hypothesis import given

from mdmd.errors import DataError
from mdmd.formats import deeplabcut, lightning_pose
from mdmd.formats.format import Reading
from mdmd.formats.labels import Image, LabelSet
from tests.mdmd.formats.foreign import CASES, TRUTH, case, check_truth, one_image
from tests.mdmd.formats.round_trips import check_mutation, check_round_trip, few, label_sets, mutations

CSV = "labeled-data/clip1/CollectedData_anna.csv"
MULTI = """scorer,,,bob,bob,bob,bob,bob,bob
individuals,,,eve,eve,eve,ada,ada,ada
bodyparts,,,nose,nose,nose,nose,nose,nose
coords,,,x,y,likelihood,x,y,likelihood
labeled-data,v,a.png,1.5,2.5,0.25,,,
labeled-data,v,b.png,1,2,0.5,3,4,1
"""


def test_a_project_is_read(tmp_path: Path) -> None:
    place = case("dlc", tmp_path / "set")
    assert deeplabcut.detect(place)
    labels = deeplabcut.read(place, Reading())
    check_truth(labels, hidden=False)
    assert (labels.landmarks, labels.edges, labels.changes) == (tuple(TRUTH["names"]), ((0, 1),), ())
    assert labels.images[0].name == "labeled-data/clip1/00002-cup.jpg"
    assert labels.images[0].path == place / "labeled-data/clip1/00002-cup.jpg"


@pytest.mark.parametrize("inner", ["labeled-data", "labeled-data/clip1", CSV, "config.yaml", CSV[:-3] + "h5"])
def test_a_part_of_a_project_is_read_too(tmp_path: Path, inner: str) -> None:
    place = case("dlc", tmp_path / "set") / inner
    assert deeplabcut.detect(place)
    labels = deeplabcut.read(place, Reading())
    check_truth(labels, hidden=False)
    assert labels.images[0].path == tmp_path / "set/labeled-data/clip1/00002-cup.jpg"


def test_the_h5_is_read_without_a_csv_and_compared_with_it(tmp_path: Path) -> None:
    place = case("dlc", tmp_path / "set")
    text = (place / CSV).read_text()
    (place / CSV).write_text(text.replace("134.51", "134.61"))
    labels = deeplabcut.read(place, Reading())
    assert labels.images[0].faces[0].points[0].tolist() == [134.61, 108.49]
    assert labels.changes == (
        "CollectedData_anna.csv and CollectedData_anna.h5 hold different labels: those of CollectedData_anna.csv are "
        "read",
    )
    (place / CSV).unlink()
    check_truth(deeplabcut.read(place, Reading()), hidden=False)


def test_an_h5_with_pickled_names_or_links_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "labeled-data" / "v"
    folder.mkdir(parents=True)
    file = folder / "CollectedData_a.h5"
    with h5py.File(file, "w") as opened:
        opened.create_group("df_with_missing").create_dataset("table", data=np.zeros(3))
    with pytest.raises(DataError, match="names of landmarks are pickled, which is not read: put the csv beside it"):
        deeplabcut.read(file, Reading())
    with h5py.File(file, "w") as opened:
        opened["df_with_missing"] = h5py.ExternalLink("/etc/other.h5", "/x")
    with pytest.raises(DataError, match="'df_with_missing' is a link"):
        deeplabcut.read(file, Reading())
    file.write_bytes(b"no")
    with pytest.raises(DataError, match="is not an HDF5 file as DeepLabCut writes it"):
        deeplabcut.read(file, Reading())


def test_an_h5_of_endless_names_is_refused(tmp_path: Path) -> None:
    file = case("dlc", tmp_path / "set") / (CSV[:-3] + "h5")
    with h5py.File(file, "r+") as opened:
        del opened["df_with_missing/axis1_level2"]
        opened["df_with_missing"].create_dataset("axis1_level2", shape=(3,), dtype="S500000000", chunks=True)
    with pytest.raises(DataError, match="'axis1_level2' has more than 1,000,000,000 bytes"):
        deeplabcut.read(file, Reading())


def test_several_animals_and_the_scores_of_a_model(tmp_path: Path) -> None:
    file = tmp_path / "machinelabels-iter0.csv"
    file.write_text(MULTI)
    config = "scorer: bob\nbodyparts: MULTI!\nindividuals: [eve, ada]\nidentity: "
    for unnamed in ("", "false", "1", None):  # their order may be another one in each picture
        if unnamed is not None:
            (tmp_path / "config.yaml").write_text(config + unnamed)
        labels = deeplabcut.read(file, Reading())
        assert [face.subject for image in labels.images for face in image.faces] == [None] * 3
        (tmp_path / "config.yaml").unlink(missing_ok=True)
    (tmp_path / "config.yaml").write_text(config + "true")
    labels = deeplabcut.read(file, Reading())
    first, second = labels.images
    [face] = first.faces
    assert (face.points.tolist(), face.subject, face.predicted) == ([[1.5, 2.5]], "eve", True)
    assert face.scores is not None
    assert face.scores.tolist() == [0.25]
    assert [(face.subject, face.points.tolist()) for face in second.faces] == [("eve", [[1, 2]]), ("ada", [[3, 4]])]


@pytest.mark.timeout(60)  # it took many minutes
def test_a_table_of_very_many_individuals_is_read_in_seconds(tmp_path: Path) -> None:
    people, names = [f"p{k}" for k in range(1000)], [f"n{k}" for k in range(30)]
    cells = [(person, name, axis) for person in people for name in names for axis in "xy"]
    rows = [["scorer", *(["bob"] * len(cells))]]
    rows += [[title, *(cell[k] for cell in cells)] for k, title in enumerate(("individuals", "bodyparts", "coords"))]
    rows += [[f"labeled-data/v/{k}.png", *(["1"] * len(cells))] for k in range(3)]
    file = tmp_path / "CollectedData_bob.csv"
    file.write_text("\n".join(",".join(row) for row in rows))
    labels = deeplabcut.read(file, Reading())
    assert [len(image.faces) for image in labels.images] == [1000] * 3


def test_rows_that_cannot_be_read_are_left_out(tmp_path: Path) -> None:
    place = case("dlc", tmp_path / "set")
    file = place / CSV
    lines = file.read_text().splitlines()
    lines[3] = lines[3].replace("134.51", "left")
    lines[4] += ",1"
    lines[5] = lines[5].replace("99.08", "inf")
    file.write_text("\n".join([*lines, lines[5].replace("inf", "99.08")]))
    (file.with_suffix(".h5")).unlink()
    labels = deeplabcut.read(place, Reading())
    assert len(labels.images) == 1
    assert [(out.record, out.why) for out in labels.left_out] == [
        (f"{CSV}, line 4", "found 'left', wanted a number"),
        (f"{CSV}, line 5", "found 22 cells, wanted 21"),
        (f"{CSV}, line 6", "found 'inf', wanted a number within 1,000,000"),
    ]


def test_labels_of_people_come_before_those_of_models(tmp_path: Path) -> None:
    place = case("dlc", tmp_path / "set")
    text = (place / CSV).read_text()
    (place / "labeled-data/clip1/machinelabels-iter0.csv").write_text(text.replace("134.51", "1.51"))
    labels = deeplabcut.read(place, Reading())
    assert labels.images[0].faces[0].points[0, 0] == 134.51
    assert [(out.record, out.why) for out in labels.left_out] == [
        ("labeled-data/clip1/machinelabels-iter0.csv", "3 rows are of pictures that have labels already")
    ]


def test_predictions_for_a_video_are_said(tmp_path: Path) -> None:
    file = tmp_path / "CollectedData_x.csv"
    file.write_text("scorer,a,a\nbodyparts,nose,nose\ncoords,x,y\n0,1,2\n1,2,3\n")
    with pytest.raises(DataError, match="its rows are frames of a video, not pictures"):
        deeplabcut.read(file, Reading())


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "found the headings"),
        ("scorer,a,a\nbodyparts,n,n\ncoords,x,x\n", "two columns are x of 'n'"),
        ("scorer,a\nbodyparts,n\ncoords,x\n", "there is no column y of 'n'"),
        ("scorer,a,a\nbodyparts,n\ncoords,x,y\n", "the same number of columns"),
        ("scorer,a,a\nbodyparts,n,n\ncoords,z,w\n", "found 0 bodyparts"),
    ],
)
def test_headings_that_say_no_landmarks_are_said(tmp_path: Path, text: str, why: str) -> None:
    file = tmp_path / "CollectedData_x.csv"
    file.write_text(text)
    with pytest.raises(DataError, match=why):
        deeplabcut.read(file, Reading())


def test_lightning_pose_is_read_and_told_apart(tmp_path: Path) -> None:
    place = case("lightning_pose", tmp_path / "set")
    for one in (place, place / "CollectedData.csv"):
        assert lightning_pose.detect(one)
        assert not deeplabcut.detect(one)
        labels = lightning_pose.read(one, Reading())
        check_truth(labels, hidden=False)
        assert labels.images[0].name == "labeled-data/clip1/00002-cup.jpg"
        assert labels.images[0].path == place / "labeled-data/clip1/00002-cup.jpg"


def test_an_old_table_of_deeplabcut_is_none_of_lightning_pose(tmp_path: Path) -> None:
    file = case("lightning_pose", tmp_path / "set") / "CollectedData.csv"
    old = tmp_path / "set/labeled-data/clip1/CollectedData_anna.csv"
    file.rename(old)
    assert deeplabcut.detect(old)
    assert not lightning_pose.detect(old)
    check_truth(deeplabcut.read(old, Reading()), hidden=False)


@pytest.mark.parametrize("form", [deeplabcut.FORMAT, lightning_pose.FORMAT], ids=lambda form: form.name)
def test_other_formats_are_not_taken(form: deeplabcut.Format) -> None:
    own = {"deeplabcut": "dlc", "lightning-pose": "lightning_pose"}[form.name]
    taken = {path.relative_to(CASES).parts[0] for path in [*CASES.iterdir(), *CASES.rglob("*")] if form.detect(path)}
    assert taken == {own}
    assert not form.detect(CASES / "nowhere")


def test_a_project_is_written(tmp_path: Path) -> None:
    image = one_image(tmp_path / "in", [[10.25, 20, 2], [0, 0, 0], [100, 319.5, 1]], "s1/a.png")
    labels = LabelSet(("eye", "nose", "chin"), (image,), edges=((0, 2),))
    lost = deeplabcut.write(labels, tmp_path / "out", "copy")
    assert [loss.words for loss in lost] == ["1 hidden point becomes visible"]
    assert (tmp_path / "out/labeled-data/s1/CollectedData_labeler.csv").read_text().splitlines() == [
        "scorer,,,labeler,labeler,labeler,labeler,labeler,labeler",
        "bodyparts,,,eye,eye,nose,nose,chin,chin",
        "coords,,,x,y,x,y,x,y",
        "labeled-data,s1,a.png,10.25,20.0,,,100.0,319.5",
    ]
    told = yaml.safe_load((tmp_path / "out/config.yaml").read_text())
    assert (told["bodyparts"], told["skeleton"]) == (["eye", "nose", "chin"], [["eye", "chin"]])
    assert [Path(video).stem for video in told["video_sets"]] == ["s1"]


def test_pandas_reads_what_is_written_as_deeplabcut_does(tmp_path: Path) -> None:
    one = one_image(tmp_path / "in", [[10.25, 20, 2], [0, 0, 0]], "s1/a.png", subject="eve")
    two = one_image(tmp_path / "in", [[1, 2, 2], [3, 4, 2]], "s1/b.png")
    two = replace(two, faces=(*two.faces, *one.faces))
    labels = LabelSet(("eye", "nose"), (one, two))
    deeplabcut.write(labels, tmp_path / "dlc", "none")
    lightning_pose.write(labels, tmp_path / "lp", "none")
    file = tmp_path / "dlc/labeled-data/s1/CollectedData_labeler.csv"
    frame = pandas.read_csv(file, index_col=[0, 1, 2], header=[0, 1, 2, 3])
    assert list(frame.index) == [("labeled-data", "s1", "a.png"), ("labeled-data", "s1", "b.png")]
    assert frame["labeler"]["eve"]["eye"]["x"].tolist() == [10.25, 10.25]
    assert frame["labeler"]["individual1"]["nose"]["y"].fillna(0).tolist() == [0, 4]
    told = yaml.safe_load((tmp_path / "dlc/config.yaml").read_text())
    assert (told["individuals"], told["multianimalbodyparts"]) == (["eve", "individual1"], ["eye", "nose"])
    frame = pandas.read_csv(tmp_path / "lp/CollectedData.csv", index_col=0, header=[0, 1, 2])
    assert list(frame.index) == ["labeled-data/s1/a.png", "labeled-data/s1/b.png"]
    assert frame["labeler"]["nose"]["x"].fillna(0).tolist() == [0, 3]


def test_subjects_are_kept_if_every_face_has_its_own(tmp_path: Path) -> None:
    def kept(*faces: tuple[str, str | None]) -> tuple[list[str | None], list[str]]:
        out = tmp_path / str(len(list(tmp_path.iterdir())))
        images = dict[str, Image]()
        for k, (name, subject) in enumerate(faces):
            one = one_image(tmp_path / "in", [[k + 1, 20, 2]], name, subject=subject)
            before = images[name].faces if name in images else ()
            images[name] = replace(one, faces=(*before, *one.faces))
        lost = deeplabcut.write(LabelSet(("nose",), tuple(images.values())), out, "none")
        labels = deeplabcut.read(out, Reading())
        words = [loss.words for loss in lost if loss.kind == "face subject"]
        return [face.subject for image in labels.images for face in image.faces], words

    assert kept(("a.png", "eve"), ("a.png", "ada"), ("b.png", "ada")) == (["eve", "ada", "ada"], [])
    assert kept(("a.png", "eve"), ("b.png", None)) == ([None, None], ["the subject of 1 face is left out"])
    assert kept(("a.png", "eve"), ("a.png", "eve")) == ([None, None], ["the subjects of 2 faces are left out"])
    assert kept(("a.png", None), ("a.png", None)) == ([None, None], [])


def test_names_that_no_file_can_have_are_not_found(tmp_path: Path) -> None:
    place = case("lightning_pose", tmp_path / "set")
    file = place / "CollectedData.csv"
    file.write_text(file.read_text().replace("00002-cup", "x" * 400).replace("00003-car", "../" * 3))
    labels = lightning_pose.read(file, Reading())
    assert [image.path for image in labels.images] == [None, None, place / "labeled-data/clip1/00004-handbag.jpg"]


@few
@given(label_sets())
def test_what_deeplabcut_loses_is_said(labels: LabelSet) -> None:
    check_round_trip(deeplabcut.FORMAT, labels, renames=True, in_order=False)


@few
@given(label_sets())
def test_what_lightning_pose_loses_is_said(labels: LabelSet) -> None:
    check_round_trip(lightning_pose.FORMAT, labels, renames=True)


@pytest.mark.parametrize("name", ["dlc", "lightning_pose"])
def test_damaged_tables_raise_nothing_else(tmp_path_factory: pytest.TempPathFactory, name: str) -> None:
    place = case(name, tmp_path_factory.mktemp("damaged") / "set")
    form, inner = {
        "dlc": (deeplabcut.FORMAT, CSV),
        "lightning_pose": (lightning_pose.FORMAT, "CollectedData.csv"),
    }[name]
    text = (place / inner).read_text()

    @given(mutations(text))
    def damaged(edited: str) -> None:
        check_mutation(form, place, place / inner, edited)

    damaged()


def test_a_damaged_config_raises_nothing_else(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = case("dlc", tmp_path_factory.mktemp("damaged") / "set")
    file = place / "config.yaml"

    @given(mutations(file.read_text()))
    def damaged(edited: str) -> None:
        check_mutation(deeplabcut.FORMAT, place, file, edited)

    damaged()


def test_a_damaged_h5_raises_nothing_else(tmp_path: Path) -> None:
    file = case("dlc", tmp_path / "set") / (CSV[:-3] + "h5")
    content = file.read_bytes()
    chance = np.random.default_rng(0)
    for _ in range(200):
        damaged = bytearray(content)
        for place in chance.integers(0, len(content), 12):
            damaged[place] = chance.integers(0, 256)
        file.write_bytes(damaged)
        deeplabcut.detect(file)
        try:
            deeplabcut.read(file, Reading())
        except DataError:
            continue
