"""Texts of the Gradio pages, and that user text stays text."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import gradio as gr
import numpy as np
import pytest

from labeler.errors import NotFoundError
from labeler.guidance.learning import Doing, Learning, LearningSource
from labeler.guidance.repeats import ONE_IN_TEN
from labeler.pages.export import checks_html, exported_html
from labeler.pages.heldout_faces import heldout_faces_html, heldout_revision
from labeler.pages.import_labels import imports_html
from labeler.pages.import_plan import plan_html
from labeler.pages.picture_places import added_html, named_place, picture_paths
from labeler.pages.preflight import (
    pace_choices,
    pace_of,
    preflight_html,
    room_sentences,
    source_sentence,
    weights_sentence,
)
from labeler.pages.project import next_step, overview_html, projects_html, repeats_html
from labeler.pages.runs import charts_html, live_html, runs_html, shown_run, waiting_html
from labeler.pages.train import NOTHING_SEEN, TrainHandlers
from labeler.project.coco import write_coco
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.collect import collect_predictions
from labeler.runs.control import list_runs
from labeler.runs.hardware import device_sentence
from labeler.runs.processes import process_started
from labeler.runs.sources import Source, Sources
from labeler.runs.sources import main as draw_source
from labeler.storage.records import Point
from mdmd.config import DEFAULT_ENCODER, PRESETS
from mdmd.data.definition import Definition
from mdmd.data.records import Prediction
from mdmd.datasets.incoming import incoming
from mdmd.errors import DataError
from mdmd.evaluation.error_law import LAPLACIAN
from mdmd.evaluation.evaluate import FlagRule
from mdmd.evaluation.predictions import predicted_coco
from mdmd.files import write_json
from tests.builders import (
    CATEGORY,
    MIDLINE,
    SMALL,
    UNPAIRED,
    label_face,
    leave_predictions,
    make_project,
    predictions_of,
    write_picture,
)


def test_preflight_names_what_is_missing(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=4, labeled=0)
    for face in project.store.faces()[:3]:
        label_face(project, face.id, [1, 2, 3])
    said = preflight_html(project, None, "test_vit", "", "default", 10)
    assert "3 labeled faces on 3 pictures" in said
    assert "Without labels, so they cannot be learned: chin." in said
    assert "is trained on your pictures alone" in said
    assert "toy network" in said
    assert "There is no weights file /nowhere/w.safetensors." in preflight_html(
        project, None, "", "/nowhere/w.safetensors", "default", 10
    )


def test_preflight_says_when_the_model_is_as_precise_as_the_person(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=8, labeled=6)
    places = project.store.points()

    def said() -> str:
        return preflight_html(project, None, "test_vit", "", "default", 10)

    def train(number: int, off: float) -> None:
        folder = leave_predictions(project, number, predictions_of(project, []))
        target = project.training_set()
        write_coco(folder / "target.json", target, images=project.images)
        found = [
            Prediction(s.annotation.points + off, np.tile(np.eye(2), (4, 1, 1))) for s in target.samples if s.annotation
        ]
        told = predicted_coco(target.definition, found, target.samples, FlagRule(), LAPLACIAN, final=True)
        write_json(folder / "heldout.json", told)

    train(1, 9.0)
    for face in range(1, 6):
        assert "two labelings" not in said()
        again = project.store.add_repeat(face)
        project.store.edit_points(again, {key: Point((p.x or 0) + 1, p.y, 2) for key, p in places[face].items()})
    assert "your two labelings differ by 44.7 % (44.7 to 44.7): it is not as accurate as you yet." in said()
    train(2, 0.1)
    assert "The model is as accurate as you (NME 6.3 % against 44.7 %" in said()
    (project.runs / "002" / "heldout.json").write_text("{}")
    assert "it is not as accurate as you yet" in said(), "the newest measured training counts"


def test_the_project_page_says_whether_blind_repeats_are_on(tmp_path: Path) -> None:
    assert repeats_html(None) == ""
    assert repeats_html(make_project(tmp_path, "bare", definition=None)) == ""
    project = make_project(tmp_path)
    assert "repeats-said" not in repeats_html(project)
    project.change_settings(repeats=ONE_IN_TEN)
    assert "<b>0 of at least 5 repeats.</b>" in repeats_html(project)


def test_the_project_page_names_pictures_that_did_not_come_in(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=0)
    folder = write_picture(tmp_path / "in" / "a.png").parent
    (folder / "notes.txt").write_text("text")
    said = added_html(project.add_pictures([folder]))
    assert 'class="note good"' in said
    assert "Also passed over: 1 .txt file" in said
    for name in ("1.psd", "<b>.psd", "clip.mov", "bad.jpg"):
        (folder / name).write_text("text")
    said = added_html(project.add_pictures([folder]))
    assert 'class="note warning"' in said
    assert "0 pictures added, 1 was here already, 1 refused, 3 skipped." in said
    assert (
        "<b>2 pictures in other formats (1.psd, &lt;b&gt;.psd)</b> these formats are not read here; save as PNG" in said
    )
    assert "<b>1 video (clip.mov)</b> videos are not read here" in said
    assert "<b>bad.jpg</b> this is not a JPEG" in said
    assert "Also passed over: 1 .txt file" in said


def test_preflight_says_the_time_of_source_and_landmarks(tmp_path: Path) -> None:
    project = make_project(tmp_path, labeled=3)
    sources = Sources(project.folder.parent)

    def said(preset: str = "default", *, encoder: str = "", weights: str = "", alone: bool = False) -> str:
        return preflight_html(project, None if alone else sources.get("drawn68"), encoder, weights, preset, 10)

    first_time = "up to 30 minutes this time: up to 20 to train on drawn68 first, once on this machine, then 10 minutes"
    assert "Takes about 10 minutes." in said(), "the starter was trained on this set"
    assert "Training starts from the starter weights" in said()
    assert "Takes about 10 minutes." in said(weights="starter")
    assert "Takes about 10 minutes." in said(alone=True)
    assert "Takes about 10 minutes." in said("paper")
    assert first_time in said("tiny")
    assert first_time in said(weights="none")
    assert first_time in said(encoder="vit_small_patch16_224")
    model = PRESETS["default"].model
    base = sources.root / ".bases" / f"drawn68-{model.encoder.split('.')[0]}-{model.head}-0123456789"
    base.mkdir(parents=True)
    (base / "model.json").write_text("{}")
    assert "Takes about 10 minutes." in said(weights="none")
    assert first_time in said(encoder="vit_small_patch16_224")


def test_preflight_says_what_comes_before_and_after_the_training(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=5, labeled=3)
    sources = Sources(project.folder.parent, drawn_faces=2)
    drawn = sources.get("drawn68")
    both = (
        "Before that, 2 faces are drawn, once on this machine; then 2 faces are pre-labeled, which takes minutes of its"
    )
    assert both in preflight_html(project, drawn, "", "", "default", 10)
    assert "Then 2 faces are pre-labeled, which" in preflight_html(project, None, "", "", "default", 10)
    sources.make("drawn68")
    assert "Before that" not in preflight_html(project, sources.get("drawn68"), "", "", "default", 10)
    for face in project.store.faces():
        label_face(project, face.id)
    assert "minutes of its own" not in preflight_html(project, None, "", "", "default", 10)


def test_a_run_counts_what_it_draws_and_says_how_much_it_will_predict(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=5, labeled=3)
    folder = leave_predictions(project, 1, predictions_of(project, []))
    draw_source(tmp_path / "sources", "drawn68", 2, folder / "log.jsonl")
    (run,) = list_runs(project)
    assert (run.stage, run.predicted) == ("source", (2, 2))
    page = live_html(project, replace(run, state="running", predicted=(300, 1200)))
    assert "300 of 1,200 faces" in page
    assert 'style="width: 25.0%"' in page
    assert "There is no model of your landmarks yet" in page
    page = live_html(project, replace(run, state="running", stage="predict", predicted=None))
    assert "2 faces · " in page


def test_preflight_says_that_a_source_is_being_learned_and_what_a_training_begins_with(tmp_path: Path) -> None:
    project = make_project(tmp_path, labeled=3)
    sources = Sources(project.folder.parent)
    project.export(tmp_path / "mine.json")
    source = sources.add(tmp_path / "mine.json")

    def said() -> str:
        return preflight_html(project, source, "", "", "default", 10)

    assert "up to 20 to train on mine first" in said(), "nothing learns it in the background"
    project.learning = Learning(Doing.SOURCE, source=LearningSource("mine", 700.0))
    assert "mine is being learned once: 12 min left." in said()
    assert "A training that starts before begins with the starter." in said()
    assert "Takes about 10 minutes." in said()


def test_preflight_says_where_weights_come_from(tmp_path: Path) -> None:
    said, caution = weights_sentence("vit_never_heard_of", "", starter=tmp_path)
    assert ("needs far more labels" in said, caution) == (True, True)
    (tmp_path / "model.json").touch()
    said, caution = weights_sentence("vit_never_heard_of", "", starter=tmp_path)
    assert "needs far more labels" in said, "the starter replaces only the default encoder"
    assert "training starts from the starter weights" in weights_sentence(DEFAULT_ENCODER, "", starter=tmp_path)[0]
    assert weights_sentence(DEFAULT_ENCODER, "starter", starter=tmp_path)[1] is False


def test_preflight_counts_labels_and_names_landmarks_with_few(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=5, labeled=0)
    for face in project.store.faces():
        label_face(project, face.id, [1, 2, 3] if face.id > 2 else None)
    said = preflight_html(project, None, "test_vit", "", "default", 10)
    assert "4 landmarks with 2 to 5 labels each, 1 mirror pair." in said
    assert "With few labels, so less accurate: chin (2)." in said
    assert "Held out: about 1 of them." in said
    assert "Runs on " in said
    assert "what a run with this network takes is not known" in said


def test_preflight_says_that_pictures_without_mirror_pairs_are_not_mirrored(tmp_path: Path) -> None:
    def said(definition: Definition, preset: str = "default") -> bool:
        project = make_project(tmp_path / f"{definition.name}-{preset}", labeled=3, definition=definition)
        words = "has no mirror pairs, so pictures are not mirrored and training has less to learn from: name pairs"
        return words in preflight_html(project, None, "test_vit", "", preset, 10)

    assert said(UNPAIRED)
    assert not said(UNPAIRED, "paper"), "its augmentation mirrors nothing"
    assert not said(SMALL)
    assert not said(MIDLINE)


def test_preflight_says_whether_the_source_is_there(tmp_path: Path) -> None:
    drawn = Sources(tmp_path, drawn_faces=7).get("drawn68")
    drawn_words = "Together with drawn68: 7 faces that the tool draws itself, with 68 points"
    assert source_sentence(drawn) == (f"{drawn_words}; they are drawn when first used.", False)
    gone = Source("300w", tmp_path / "gone.json", 5, 68, [], given="300w")
    said = f"The data set 300w is missing: there is no file {tmp_path / 'gone.json'}."
    assert source_sentence(gone) == (said, True)
    (tmp_path / "gone.json").touch()
    assert source_sentence(gone) == ("Together with 300w: 5 faces, with 68 points.", False)


def test_preflight_compares_free_memory_and_disk_with_what_a_run_takes() -> None:
    said, short = room_sentences(4_000_000_000, 50_000_000_000, known=True)
    assert (said, short) == ("Free: 4.0 GB of memory and 50.0 GB of disk; a run takes about 1.8 GB and 500 MB.", [])
    _, short = room_sentences(900_000_000, 90_000_000, known=True)
    assert [line.partition(":")[0] for line in short] == [
        "Only 900 MB of memory are free, a run takes about 1.8 GB",
        "Only 90 MB of the disk are free, a run takes up to 500 MB",
    ]
    assert room_sentences(10**9, 10**9, known=False)[0].endswith("what a run with this network takes is not known.")


def test_the_choices_of_time_include_the_time_of_the_source(tmp_path: Path) -> None:
    drawn = Sources(tmp_path).get("drawn68")
    assert pace_choices(drawn, learned=False)[0] == ("quick, 25 min, the first time", "quick")
    assert pace_choices(drawn, learned=True) == [
        ("quick, 5 min", "quick"),
        ("standard, 10 min", "standard"),
        ("thorough, 30 min", "thorough"),
    ]
    assert [pace_of(minutes) for minutes in (5, 10, 11)] == ["quick", "standard", None]


@pytest.mark.parametrize(
    ("driver", "environment", "torch", "said"),
    [
        (False, {}, "2.0", "there is no NVIDIA driver here"),
        (True, {"CUDA_VISIBLE_DEVICES": ""}, "2.0", "CUDA_VISIBLE_DEVICES hides the GPU"),
        (True, {}, "2.0+cpu", "the installed PyTorch is built for CPUs only"),
        (True, {}, "2.0+cu128", "Runs on the NVIDIA GPU where PyTorch can use it"),
    ],
)
def test_the_device_is_named_as_far_as_it_is_known(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    driver: bool,
    environment: dict[str, str],
    torch: str,
    said: str,
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    if driver:
        (tmp_path / "driver" / "nvidia").mkdir(parents=True)
        (tmp_path / "driver" / "nvidia" / "version").touch()
    assert said in device_sentence(environment, proc=tmp_path, torch=torch)


def test_preflight_without_enough_labels_or_landmarks(tmp_path: Path) -> None:
    assert "needs at least 3 labeled faces" in preflight_html(
        make_project(tmp_path, labeled=2), None, "", "", "default", 10
    )
    bare = make_project(tmp_path, "bare", definition=None)
    assert "No landmarks are defined yet" in preflight_html(bare, None, "", "", "default", 10)
    assert "No project is open" in preflight_html(None, None, "", "", "default", 10)


def test_the_next_step_follows_the_work(tmp_path: Path) -> None:
    assert next_step(make_project(tmp_path, "a", pictures=0))[1] == "project"
    assert next_step(make_project(tmp_path, "b", definition=None))[1] == "schema"
    assert next_step(make_project(tmp_path, "c", labeled=1))[1] == "label"
    assert next_step(make_project(tmp_path, "d", labeled=3))[1] == "export"
    left_out = make_project(tmp_path, "left out", pictures=1)
    left_out.store.set_skip(1, "not a face")
    assert next_step(left_out)[0].startswith("Every face is skipped")
    assert "1 face skipped; skipped faces are not exported" in checks_html(left_out)
    assert "<b>1</b><span>face skipped</span>" in overview_html(left_out, None)
    doubtful = make_project(tmp_path, "e", labeled=1)
    leave_predictions(
        doubtful, 1, predictions_of(doubtful, [face.id for face in doubtful.store.faces()[1:]], p_off=0.5)
    )
    collect_predictions(doubtful)
    sentence, page = next_step(doubtful)
    assert "8 doubtful points on the Review page" in sentence
    assert f'/?project=e#{page}">Go to Review</a>' in overview_html(doubtful, None)


def test_a_finished_run_says_the_error_and_where_to_go(tmp_path: Path) -> None:
    project = make_project(tmp_path, labeled=1)
    leave_predictions(project, 1, predictions_of(project, [project.store.faces()[1].id], p_off=0.5))
    collect_predictions(project)
    [run] = list_runs(project)
    done = replace(run, metrics={"nme": 6.234, "coverage90": 0.88, "n": 22})
    page = live_html(project, done)
    assert "On 22 held-out faces, which it has not learned from, the points are off by 6.2 % of the distance" in page
    assert "the 90 % ellipses contain 88.0 % of them" in page
    few = live_html(project, replace(done, metrics={"nme": 6.2, "coverage90": 0.93, "n": 1}))
    assert "On 1 held-out face, which it has not learned from, the points" in few
    assert "Doubt is measured on 1 held-out face only, so ellipses and flags are rough until there are 5." in few
    assert "90 % ellipses" not in few, "they were fitted to this very face"
    assert "#review" in page
    assert "Review 4 doubtful points of 1 pre-labeled face" in page


def test_a_training_shows_its_curves_and_links_to_its_report(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=3, labeled=3)
    leave_predictions(project, 1, predictions_of(project, []))
    (run,) = list_runs(project)
    steps = [{"stage": "adapt", "step": k, "loss": 2.0, "learning_rate": 1e-3} for k in (1, 2)]
    evals = [{"stage": "adapt", "step": k, "nme": 9.0, "low": 8.0, "high": 10.5, "faces": 5} for k in (1, 2)]
    learning = replace(run, state="running", stage="adapt", series=steps, evals=evals)
    curves = charts_html(learning)
    assert "NME, %; shaded: 95 % interval" in curves
    assert 'class="band"' in curves
    few = charts_html(replace(learning, evals=[{**event, "faces": 1, "low": 9.0, "high": 9.0} for event in evals]))
    assert "interval" not in few
    assert 'class="band"' not in few
    assert ">Learning rate<" in curves
    assert "Held-out error" in curves
    assert "Held-out error" not in charts_html(replace(learning, state="failed", evals=[])), "there will be none"
    assert charts_html(replace(learning, state="waiting")) == charts_html(None) == ""
    assert (heldout_revision(learning), heldout_faces_html(project, learning)) == ("", "")
    leave_heldout(project, run.folder)
    faces = heldout_faces_html(project, learning)
    assert faces.count("api/projects/faces/pictures/") == 2
    assert "Held-out faces, at step 7" in faces
    done = replace(run, metrics={"nme": 6.0, "n": 2}, series=steps)
    assert 'href="api/projects/faces/runs/001/report" target="_blank">Open the report<' in live_html(project, done)


def test_held_out_faces_are_sent_again_only_when_they_were_measured_again(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=3, labeled=3)
    leave_predictions(project, 1, predictions_of(project, []))
    on = TrainHandlers(Workspace(project.folder.parent), Sources(project.folder.parent))
    request = SimpleNamespace(query_params={"project": project.name})

    def watched(seen: str, revision: str) -> tuple[object, str, object]:
        _, numbers, _, _, _, _, newest, faces = on.watch(seen, revision, request)
        return numbers, newest, faces

    numbers, revision, faces = watched("", NOTHING_SEEN)
    assert (revision, faces) == ("", "")
    folder = project.runs / "001"
    leave_heldout(project, folder)
    same, revision, faces = watched(numbers, revision)
    assert "Held-out faces" in faces
    assert same == gr.skip()  # the run's numbers are as they were
    _, again, faces = watched(numbers, revision)
    assert again == revision
    assert faces == gr.skip()
    write_json(folder / "heldout.json", json.loads((folder / "heldout.json").read_text()) | {"licenses": []})
    _, again, faces = watched(numbers, revision)
    assert again != revision
    assert "Held-out faces" in faces


def leave_heldout(project: Project, folder: Path) -> None:
    target = project.training_set()
    write_coco(folder / "target.json", target, images=project.images)
    held = target.samples[:2]
    found = [
        Prediction(s.annotation.points, np.tile(np.eye(2), (len(s.annotation.points), 1, 1)))
        for s in held
        if s.annotation is not None
    ]
    told = predicted_coco(target.definition, found, held, FlagRule(), LAPLACIAN, final=False, step=7)
    write_json(folder / "heldout.json", told)


def test_runs_say_what_happened_and_escape_it(tmp_path: Path) -> None:
    project = make_project(tmp_path, labeled=1)
    leave_predictions(project, 1, {})
    [run] = list_runs(project)
    failed = replace(run, state="failed", error="no such <file>", warnings=["<b>careful</b>"])
    page = live_html(project, failed)
    assert "no numbers yet" not in page
    assert "Failed: no such &lt;file&gt;" in page
    assert "&lt;b&gt;careful" in page
    running = replace(run, state="running", stage="adapt", step=50, steps=200, eta_seconds=95.0, images_per_second=41.6)
    assert "step 50 of 200 · 42 pictures/s · about 2 min left" in live_html(project, running)
    learning = replace(running, stage="base", minutes=10)
    assert "about 2 min left · then 10 min for your landmarks" in live_html(project, learning)
    assert "Cancelled. Labels, earlier models and predictions are unchanged." in live_html(
        project, replace(run, state="cancelled")
    )
    assert runs_html(project, [run], run) == ""
    assert '<p class="facts">no such &lt;file&gt;</p>' in runs_html(project, [run, failed], run)
    predicting = replace(run, state="running", stage="predict", predicted=(36, 120), step=50, steps=200, seconds=40)
    assert "36 of 120 faces · 40 s so far" in live_html(project, predicting)
    assert "step 50" not in live_html(project, predicting), "the steps are those of the training before"
    waiting = live_html(project, replace(predicting, predicted=None))
    assert "Trained: pre-labeling the other faces" in waiting
    assert "0 of 0" not in waiting
    assert "measuring the error" in live_html(project, replace(predicting, stage="measure", predicted=None))
    assert "Pre-labeling the faces that are not complete" in live_html(
        project, replace(predicting, kind="prelabel", stage=None, predicted=None)
    )
    assert "predicting the labeled faces" in live_html(project, replace(predicting, stage="check"))


def test_a_run_that_was_cancelled_in_the_queue_hides_no_other(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=3, labeled=3)
    leave_heldout(project, leave_predictions(project, 1, predictions_of(project, [])))
    (run,) = list_runs(project)
    done = replace(run, metrics={"nme": 6.0, "n": 2})
    waiting = replace(run, id="002", state="waiting", had_turn=False, minutes=5, source="300w")
    cancelled = replace(waiting, state="cancelled")
    assert shown_run([]) is None
    assert shown_run([cancelled]) == cancelled
    assert shown_run([cancelled, done]) == shown_run([waiting, done]) == done
    running = replace(run, state="running")
    assert shown_run([waiting, running]) == shown_run([cancelled, running]) == running
    assert "<b>002</b>" in runs_html(project, [cancelled, done], done)
    assert "labeled when it was started, together with 300w, for 5 min. It starts by itself" in waiting_html(waiting)
    unlimited = replace(waiting, minutes=None, source=None)
    assert "when it was started, alone. It starts by itself" in waiting_html(unlimited)
    later = replace(running, id="003")
    assert 'NME 6.00 % <a href="api/projects/faces/runs/001/report"' in runs_html(project, [later, done], later)


def test_invalid_minutes_are_named_and_start_nothing(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=4, labeled=3)
    on = TrainHandlers(Workspace(project.folder.parent), Sources(project.folder.parent))
    request = SimpleNamespace(query_params={"project": project.name})
    for minutes, found in ((None, "nothing"), (0, "0"), (1e9, "1e+09")):
        said, button, _ = on.plan("", minutes, "default", "test_vit", "", request)
        assert f"Minutes: a number from 1 to 1,440 is wanted, found {found}." in said
        assert button["interactive"] is False
        with pytest.raises(gr.Error, match="a number from 1 to 1,440 is wanted"):
            on.begin("", minutes, "default", "test_vit", "", request)
    assert list_runs(project) == []
    said, button, _ = on.plan("", 90, "default", "test_vit", "", request)
    assert "Takes about 90 minutes." in said
    assert button["interactive"] is True


def test_while_a_run_waits_the_train_button_is_off_and_the_page_says_why(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=4, labeled=3)
    folder = leave_predictions(project, 1, predictions_of(project, []))
    (folder / "exit.json").unlink()
    record = json.loads((folder / "run.json").read_text())
    alive = {"pid": os.getpid(), "process_started": process_started(os.getpid())}
    write_json(folder / "run.json", {**record, **alive, "queued": True})
    on = TrainHandlers(Workspace(project.folder.parent), Sources(project.folder.parent))
    request = SimpleNamespace(query_params={"project": project.name})
    said, button, _ = on.plan("", 5, "default", "test_vit", "", request)
    assert "Run 001 is waiting already: another one can be started once it has begun." in said
    assert button["interactive"] is False


def test_names_of_projects_and_landmarks_are_escaped(tmp_path: Path) -> None:
    wild = Definition.from_category({**CATEGORY, "keypoints": ["<i>a</i>", "b", "c", "d"]})
    project = make_project(tmp_path, "faces", labeled=0, definition=wild)
    label_face(project, 1, [2, 3, 4])
    assert "&lt;i&gt;a" in preflight_html(project, None, "", "", "default", 10)
    assert "<i>" not in preflight_html(project, None, "", "", "default", 10)
    missing = overview_html(None, "<script>")
    assert "&lt;script&gt;" in missing
    assert "<script" not in missing


def test_projects_are_links_with_progress_and_a_broken_one_is_named(tmp_path: Path) -> None:
    make_project(tmp_path, "two words", labeled=1)
    broken = tmp_path / "projects" / "broken"
    broken.mkdir()
    (broken / "project.json").write_text("{")
    page = projects_html(Workspace(tmp_path / "projects"), None)
    assert "/?project=two%20words" in page
    assert "1 of 3 faces complete" in page
    assert "broken" in page
    make_project(tmp_path, "bare", pictures=0)
    assert "no pictures yet" in projects_html(Workspace(tmp_path / "projects"), None)


def test_checks_before_an_export(tmp_path: Path) -> None:
    page = checks_html(make_project(tmp_path, labeled=2))
    assert "2 of 3 faces complete" in page
    assert "2 faces labeled, 8 points" in page


def test_what_an_export_left_out_is_said(tmp_path: Path) -> None:
    project = make_project(tmp_path, labeled=2)
    project.store.set_skip(3, "not a face")
    (project.images / project.store.images()[0].file_name).unlink()
    page = exported_html(project.export(tmp_path / "out.json"))
    assert "8 points of 2 faces on 2 pictures written. Faces left out: 1 skipped." in page
    assert "pictures that the file names but that are missing from the project: 1 (" in page


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no folder /nowhere/at/all on this machine"):
        picture_paths(None, " /nowhere/at/all ")
    assert picture_paths([str(tmp_path / "a.png")], str(tmp_path)) == [tmp_path / "a.png", tmp_path]


@pytest.mark.parametrize("name", ["a" * 5000, "\0", "file:///etc/passwd"])
def test_a_place_that_cannot_be_is_said_not_to_be_there(name: str):
    with pytest.raises(NotFoundError, match="there is no folder"):
        named_place(name)


def test_the_plan_of_an_import_with_a_thousand_landmarks_is_short(tmp_path: Path):
    theirs, ours = ([f"{letter}{k}" for k in range(1000)] for letter in "ab")
    own = Definition.from_category({"name": "mesh", "keypoints": ours, "flsg": {"nose": list(range(1000))}})
    write_picture(tmp_path / "a.png")
    annotation = {"id": 1, "image_id": 1, "category_id": 1, "keypoints": [5, 5, 2] * 1000}
    coco = {"images": [{"id": 1, "file_name": "a.png"}], "annotations": [annotation]}
    (tmp_path / "labels.json").write_text(json.dumps({**coco, "categories": [{"id": 1, "keypoints": theirs}]}))
    plan = plan_html(incoming(tmp_path / "labels.json"), own, "labels.json", ["said"])
    assert plan.count("<option") == 2000
    assert '<li dir="auto">Said.</li>' in plan
    assert len(plan) < 1_500_000


def test_the_plan_of_an_import_shows_twelve_pictures_spread_over_the_file(tmp_path: Path):
    for k in range(25):
        write_picture(tmp_path / f"{k:02}.png", (60, 40))
    (tmp_path / "02.png").write_bytes(b"broken")
    coco = {
        "images": [{"id": k, "file_name": f"{k:02}.png", "width": 60, "height": 40} for k in range(25)],
        "annotations": [
            {"id": k, "image_id": k, "category_id": 1, "keypoints": [15, 10, 2, 0, 0, 0]} for k in range(1, 25)
        ],
        "categories": [{"id": 1, "keypoints": ["a", "b"]}],
    }
    (tmp_path / "labels.json").write_text(json.dumps(coco))
    plan = plan_html(incoming(tmp_path / "labels.json"), SMALL, "labels.json", [])
    shown = re.findall(r'data-name="(\d+).png" data-points="0 25.00 25.00"', plan)
    assert shown == ["01", "03", "05", "07", "09", "11", "13", "15", "17", "19", "21", "23"]
    assert re.findall(r'data-theirs="(\w)" data-empty', plan) == ["b"]


def test_the_newest_three_imports_are_shown_and_those_taken_back_are_not(tmp_path: Path):
    project = make_project(tmp_path)
    assert imports_html(project) == ""
    for name in ("a.json", "b.json", "<c>.json", "d.json", "e.json"):
        project.store.imports.begin(name, "COCO")
    project.take_back_import(4)
    shown, more = imports_html(project).split("<details")
    assert re.findall(r'data-import="(\d)"', shown) == ["5", "3", "2"]
    assert re.findall(r'data-import="(\d)"', more) == ["1"]
    assert "Show 1 more" in more
    assert "&lt;c&gt;.json" in shown
