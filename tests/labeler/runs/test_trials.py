"""A model is tried on pictures that are not in the project, and they come in with proposals if they are added."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from labeler.errors import ConflictError, LockedError, NotFoundError
from labeler.project.project import Project
from labeler.runs.collect import collect_predictions
from labeler.runs.manage import delete
from labeler.runs.trials import MOST, Trial, Trials
from labeler.runs.tried_pictures import faces_of
from mdmd.errors import DataError
from mdmd.evaluation.predictions import read_predicted
from mdmd.files import write_json
from tests.builders import (
    PATIENCE_WITH_TRAINING,
    drawn_faces,
    leave_predictions,
    leave_starter,
    predictions_of,
    starter_project,
    wait_for,
    write_picture,
)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with starter_project(tmp_path / "projects", drawn_faces()[0]) as project:
        yield project


@pytest.fixture
def trials(tmp_path: Path) -> Iterator[Trials]:
    trials = Trials(tmp_path / "tries")
    yield trials
    trials.close()


def dropped(folder: Path, files: list[Path]) -> list[Path]:
    """Copies, as uploads are."""
    folder.mkdir(exist_ok=True)
    return [Path(shutil.copy(file, folder / file.name)) for file in files]


def ended(trials: Trials, trial: Trial) -> Trial:
    wait_for(lambda: trials.step() or not trial.active, seconds=PATIENCE_WITH_TRAINING)
    return trial


def done(trials: Trials, trial: Trial) -> Trial:
    """The try as if the model had put each point at a place that depends on its landmark, the first one flagged."""
    definition = trial.project.definition
    assert definition is not None
    told = predictions_of(trial.project, [picture.id for picture in trial.pictures])
    for number, record in enumerate(told["annotations"], start=1):
        record["bbox"] = [10.0 * number, 20.0, 200.0, 180.0]
        record["attributes"]["flagged"][0] = True
    write_json(trial.folder / "predictions.json", told)
    found = read_predicted(trial.folder / "predictions.json")
    trial.faces, trial.state = faces_of(found, trial.pictures), "done"
    return trial


@pytest.mark.slow
def test_a_real_model_finds_points_in_pictures_that_come_in_with_them(
    project: Project, trials: Trials, tmp_path: Path
) -> None:
    sideways = tmp_path / "sideways.jpg"
    with Image.open(drawn_faces()[1]) as image:
        exif = Image.Exif()
        exif[0x0112] = 6
        image.convert("RGB").rotate(90, expand=True).save(sideways, exif=exif, quality=95)
    (tmp_path / "notes.txt").write_text("no picture")
    files = dropped(tmp_path / "up", [sideways, drawn_faces()[2], drawn_faces()[0], tmp_path / "notes.txt"])
    trial = ended(trials, trials.begin(project, "001", files))
    assert trial.state == "done", trial.problem
    assert [picture.there for picture in trial.pictures] == [False, False, True]
    [(name, _reason)] = trial.refused
    assert name == "notes.txt"
    assert not any(file.exists() for file in files[:3]), "they were moved"
    assert {len(face.points) for face in trial.faces.values()} == {68}
    assert trial.faces[1].box != trial.pictures[0].box, "the face is found"
    with Image.open(drawn_faces()[1]) as image:
        upright = image.size
    with Image.open(trial.pictures[0].file) as image:
        assert image.size == upright
    assert trial.seconds > 0

    before = project.store.points()
    trials.add(project, trial.number)
    assert trial.added is not None
    assert (trial.added.new, trial.added.there) == (["sideways.jpg", drawn_faces()[2].name], [drawn_faces()[0].name])
    assert not trial.folder.exists()
    assert project.store.points() == before, "proposals are no labels"
    new = project.store.faces()[1:]
    predicted = project.store.predictions.of_run(1)
    assert sorted(predicted) == [face.id for face in new]
    for face, tried in zip(new, (trial.faces[1], trial.faces[2]), strict=True):
        assert face.box == tried.box
        assert predicted[face.id] == tried.points
        shown = project.proposed.of(face.id)
        assert shown is not None
        assert shown.proposer.name == "run 1"
    with Image.open(project.images / project.store.images()[1].file_name) as stored:
        assert stored.size == upright


def test_what_was_tried_comes_in_once_and_pictures_that_are_there_stay_as_they_are(
    project: Project, trials: Trials, tmp_path: Path
) -> None:
    trial = done(trials, trials.begin(project, "001", dropped(tmp_path / "up", drawn_faces()[:3])))
    project.add_picture(drawn_faces()[1])
    project.remove_picture(project.store.images()[1].id)
    trials.add(project, trial.number)
    assert trial.added is not None
    assert (trial.added.new, trial.added.back, trial.added.there) == (
        [drawn_faces()[2].name],
        [drawn_faces()[1].name],
        [drawn_faces()[0].name],
    )
    assert trials.add(project, trial.number) is trial, "from a second page"
    assert len(project.store.images()) == 3
    assert list(project.store.predictions.of_run(1)) == [project.store.faces()[2].id]


def test_a_picture_gets_the_subject_that_the_rule_of_the_project_tells(
    project: Project, trials: Trials, tmp_path: Path
) -> None:
    project.change_settings(subjects="{subject}_*")
    file = write_picture(tmp_path / "up" / "anna_2.png")
    trial = done(trials, trials.begin(project, "001", [file]))
    trials.add(project, trial.number)
    assert project.store.images()[1].subject == "anna"


def test_the_points_join_those_that_the_run_predicted_before(project: Project, trials: Trials, tmp_path: Path) -> None:
    leave_starter(project, 2)
    leave_predictions(project, 3, predictions_of(project, [1]))
    collect_predictions(project)
    trial = done(trials, trials.begin(project, "002", dropped(tmp_path / "up", drawn_faces()[1:2])))
    before = project.index.standings()
    trials.add(project, trial.number)
    new = project.store.faces()[1]
    assert list(project.store.predictions.of_run(2)) == [new.id]
    assert list(project.store.predictions.of_run(3)) == [1]
    assert project.index.standings()[:1] == before
    project.charge.put("run 2")
    shown = project.proposed.of(new.id)
    assert shown is not None
    assert shown.proposer.name == "run 2"
    assert project.index.standings()[1].flagged == 1


def test_too_many_pictures_and_runs_without_a_model_are_refused_and_nothing_is_moved(
    project: Project, trials: Trials, tmp_path: Path
) -> None:
    files = [write_picture(tmp_path / "up" / f"{k}.png") for k in range(MOST + 1)]
    with pytest.raises(DataError, match="found 21 pictures, wanted at most 20"):
        trials.begin(project, "001", files)
    with pytest.raises(DataError, match="no picture was dropped"):
        trials.begin(project, "001", [])
    with pytest.raises(NotFoundError, match="has no run 007"):
        trials.begin(project, "007", files[:1])
    leave_predictions(project, 2, predictions_of(project, []))
    with pytest.raises(NotFoundError, match="run 002 has no model"):
        trials.begin(project, "002", files[:1])
    assert all(file.exists() for file in files)
    assert trials.of(project) is None


def test_files_that_are_no_pictures_are_named_and_doubles_are_looked_at_once(
    project: Project, trials: Trials, tmp_path: Path
) -> None:
    (tmp_path / "up").mkdir()
    (tmp_path / "up" / "notes.jpg").write_text("no picture")
    trial = trials.begin(project, "001", [tmp_path / "up" / "notes.jpg"])
    assert (trial.state, trial.problem) == ("failed", "none of the pictures can be used")
    [(name, _)] = trial.refused
    assert name == "notes.jpg"
    files = [
        *dropped(tmp_path / "up", drawn_faces()[1:2]),
        Path(shutil.copy(drawn_faces()[1], tmp_path / "up" / "again.png")),
    ]
    trial = trials.begin(project, "001", files)
    assert len(trial.pictures) == 1
    assert trial.refused == [("again.png", f"it is the same picture as {drawn_faces()[1].name}")]


def test_nothing_of_a_try_stays_after_another_one_after_clearing_and_after_the_end(
    project: Project, trials: Trials, tmp_path: Path
) -> None:
    kept = tmp_path / "tries"
    first = trials.begin(project, "001", dropped(tmp_path / "up", drawn_faces()[1:2]))
    trials.step()
    assert first.process is not None
    second = trials.begin(project, "001", dropped(tmp_path / "up", drawn_faces()[2:3]))
    assert first.process.poll() is not None
    assert [folder.name for folder in kept.iterdir()] == [second.number]
    with pytest.raises(ConflictError, match="another try has taken their place"):
        trials.add(project, first.number)
    with pytest.raises(ConflictError, match="not been predicted yet"):
        trials.add(project, second.number)
    trials.discard(project, first.number)
    assert trials.of(project) is second, "a page with an older try ends no newer one"
    trials.discard(project, second.number)
    assert list(kept.iterdir()) == []
    trials.begin(project, "001", dropped(tmp_path / "up", drawn_faces()[2:3]))
    trials.step()
    trials.close()
    assert not kept.exists()
    assert len(project.store.images()) == 1


def test_a_run_that_is_deleted_meanwhile_is_said(project: Project, trials: Trials, tmp_path: Path) -> None:
    trial = trials.begin(project, "001", dropped(tmp_path / "up", drawn_faces()[1:2]))
    delete(project, "001")
    ended(trials, trial)
    assert trial.problem == "run 001 has been deleted meanwhile: drop the pictures again for another model"
    leave_starter(project, 2)
    trial = done(trials, trials.begin(project, "002", dropped(tmp_path / "up", drawn_faces()[1:2])))
    delete(project, "002")
    with pytest.raises(ConflictError, match="run 002 has been deleted, so nothing can be proposed in its name"):
        trials.add(project, trial.number)
    assert len(project.store.images()) == 1
    assert trials.of(project) is trial, "and its pictures are still there"


def test_a_failure_says_what_the_command_said(project: Project, trials: Trials, tmp_path: Path) -> None:
    (project.runs / "001" / "model.json").unlink()
    trial = ended(trials, trials.begin(project, "001", dropped(tmp_path / "up", drawn_faces()[1:2])))
    assert trial.state == "failed"
    assert str(trial.problem).startswith("the pictures could not be predicted: ")
    assert "holds no model (no model.json)" in str(trial.problem)


def test_pictures_that_cannot_be_added_are_kept(
    project: Project, trials: Trials, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = done(trials, trials.begin(project, "001", dropped(tmp_path / "up", drawn_faces()[1:3])))

    def locked(*args: object, **options: object) -> None:
        raise LockedError("another program keeps the labels locked")

    with monkeypatch.context() as patched:
        patched.setattr(project.intake, "add", locked)
        with pytest.raises(LockedError):
            trials.add(project, trial.number)
    for picture in trial.pictures:
        picture.given.write_bytes(b"damaged since")
    with pytest.raises(DataError, match="no picture could be added"):
        trials.add(project, trial.number)
    assert (trial.state, trial.folder.exists()) == ("done", True)
