"""What the Gradio pages say: sentences, charts, and that user text stays text."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree

import gradio as gr
import numpy as np
import pytest

from labeler.html.charts import line_chart, ticks
from labeler.html.markup import plural, text
from labeler.pages.export import checks_html
from labeler.pages.heldout_faces import newest_look, strip_html
from labeler.pages.preflight import (
    pace_choices,
    pace_of,
    preflight_html,
    room_sentences,
    source_sentence,
    weights_sentence,
)
from labeler.pages.project import next_step, overview_html, picture_paths, projects_html, repeats_html
from labeler.pages.runs import charts_html, duration, live_html, runs_html, shown_run, waiting_html
from labeler.pages.train import NOTHING_SEEN, TrainHandlers
from labeler.project.coco import write_coco
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs import start as jobs
from labeler.runs.collect import collect_predictions
from labeler.runs.control import list_runs
from labeler.runs.hardware import device_sentence, free_memory
from labeler.runs.sources import Source, Sources
from labeler.storage.records import Point
from mdmd.config import DEFAULT_ENCODER, PRESETS
from mdmd.data.definition import Definition
from mdmd.data.records import Prediction
from mdmd.errors import DataError
from mdmd.evaluation.error_law import LAPLACIAN
from mdmd.evaluation.evaluate import FlagRule
from mdmd.evaluation.predictions import predicted_coco
from mdmd.files import write_json
from tests.builders import CATEGORY, label_face, leave_predictions, make_project, predictions_of


def test_text_leaves_nothing_that_html_or_a_template_would_run() -> None:
    escaped = text("<img src=x onerror=alert(1)> ${1+1} {{x}} 'a' \"b\"")
    assert not set("<>{}$'\"") & set(escaped)
    unescaped = ElementTree.fromstring(f"<p>{escaped}</p>").text
    assert unescaped == "<img src=x onerror=alert(1)> ${1+1} {{x}} 'a' \"b\""


@pytest.mark.parametrize(("count", "said"), [(0, "0 faces"), (1, "1 face"), (1200, "1,200 faces")])
def test_plural(count: int, said: str) -> None:
    assert plural(count, "face") == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (89, "89 s"), (200, "3 min"), (4800, "80 min"), (7500, "2 h 5 min")]
)
def test_duration(seconds: float, said: str) -> None:
    assert duration(seconds) == said


@pytest.mark.parametrize(
    ("low", "high"), [(0.0, 1.0), (-5.3, -5.1), (0.0, 12345.0), (3.0, 3.0), (0.0, 0.0), (1e-7, 2e-7)]
)
def test_ticks_span_the_values_with_few_round_numbers(low: float, high: float) -> None:
    found = ticks(low, high)
    assert found[0] <= low
    assert found[-1] >= high
    assert 2 <= len(found) <= 7
    assert found == sorted(set(found))


def test_a_chart_is_sound_svg_with_axes_and_a_thinned_line() -> None:
    steps = list(range(1, 5001))
    svg = line_chart("Loss <b>", [("a", steps, [1 / s for s in steps])], x_label="step", y_label="loss")
    drawing = ElementTree.fromstring(svg)
    texts = ["".join(node.itertext()) for node in drawing.iter() if node.tag.endswith("text")]
    assert {"Loss <b>", "step", "loss", "4,000"} <= set(texts)
    [line] = [node for node in drawing.iter() if node.tag.endswith("polyline")]
    points = [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]
    assert 100 < len(points) <= 240
    assert all(44 <= x <= 368 and 30 <= y <= 174 for x, y in points)
    assert points[-1] == (368.0, pytest.approx(174, abs=0.1))


def test_steps_are_whole_and_long_numbers_have_room() -> None:
    def words(xs: list[float], ys: list[float]) -> list[tuple[str, str, float]]:
        drawing = ElementTree.fromstring(line_chart("x", [("a", xs, ys)], x_label="x", y_label="y"))
        texts = [node for node in drawing.iter() if node.attrib.get("class") == "axis"]
        return [("".join(t.itertext()), t.attrib.get("text-anchor", ""), float(t.attrib["x"])) for t in texts]

    assert [said for said, anchor, _ in words([1, 2], [1, 2]) if anchor == "middle"] == ["0", "1", "2"]
    assert "0.5" in [said for said, anchor, _ in words([0.2, 1.5], [1, 2]) if anchor == "middle"]
    for ys in ([12.5368, 12.5371], [123456.0, 987654.0], [0.00012, 0.00031]):
        numbers = [(said, x) for said, anchor, x in words([1, 2], ys) if anchor == "end" and said not in "xy"]
        assert len(numbers) >= 2
        assert all(x - 7 * len(said) >= 0 for said, x in numbers), numbers


def test_a_chart_without_numbers_says_that_it_waits() -> None:
    assert "waiting for the first numbers" in line_chart("x", [("a", [1], [float("nan")])], x_label="s", y_label="l")


@pytest.mark.parametrize("slow", [True, False])
def test_the_words_of_an_upright_line_keep_away_from_what_is_drawn(slow: bool) -> None:
    xs = [x / 10 for x in range(201)]
    ys = [min(100.0, 10 * x if slow else 500 * max(0.0, x - 2)) for x in xs]  # to 100 % within ten, or at once at two
    svg = line_chart("x", [("a", xs, ys)], x_label="x", y_label="y", upright=("you,\ntwice", 2.0))
    words = [node for node in ElementTree.fromstring(svg).iter() if node.attrib.get("class") == "upright"][1:]
    assert ["".join(node.itertext()) for node in words] == ["you,", "twice"]
    heights = [float(node.attrib["y"]) for node in words]
    assert heights == ([40, 54] if slow else [152, 166])


def test_preflight_names_what_is_missing(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=4, labeled=0)
    for face in project.store.faces()[:3]:
        label_face(project, face.id, [1, 2, 3])
    said = preflight_html(project, None, "test_vit", "", "default", 10)
    assert "3 labeled faces on 3 pictures" in said
    assert "Never labeled, so not to be learned: chin." in said
    assert "learns from your images alone" in said
    assert "toy encoder" in said
    assert "There is no weights file /nowhere/w.safetensors." in preflight_html(
        project, None, "", "/nowhere/w.safetensors", "default", 10
    )


def test_preflight_says_when_the_model_errs_as_the_person_does(tmp_path: Path) -> None:
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
    assert "your own two labelings by 44.7 % (44.7 to 44.7): it is not as exact as you yet." in said()
    train(2, 0.1)
    assert "The model errs as you do (NME 6.3 % against 44.7 %" in said()
    (project.runs / "002" / "heldout.json").write_text("{}")
    assert "it is not as exact as you yet" in said(), "the newest that was measured speaks"


def test_the_switch_says_what_repeats_are_for_and_how_many_are_missing(tmp_path: Path) -> None:
    assert repeats_html(None) == ""
    assert repeats_html(make_project(tmp_path, "bare", definition=None)) == ""
    assert "<b>Measured: off.</b>" in repeats_html(make_project(tmp_path))


def test_preflight_says_the_whole_time(tmp_path: Path) -> None:
    project = make_project(tmp_path, labeled=3)
    sources = Sources(project.folder.parent)

    def said(preset: str = "default", *, encoder: str = "", weights: str = "", alone: bool = False) -> str:
        return preflight_html(project, None if alone else sources.get("drawn68"), encoder, weights, preset, 10)

    first_time = "up to 30 minutes this time: up to 20 to learn drawn68 first, once on this machine, then 10 minutes"
    assert first_time in said()
    assert "Takes about 10 minutes." in said(alone=True)
    assert "Takes about 10 minutes." in said("paper")
    assert "Takes about 10 minutes." in said(weights="starter"), "the starter has learned this set already"
    model = PRESETS["default"].model
    base = sources.root / ".bases" / f"drawn68-{model.encoder.split('.')[0]}-{model.head}-0123456789"
    base.mkdir(parents=True)
    (base / "model.json").write_text("{}")
    assert "Takes about 10 minutes." in said()
    assert first_time in said("tiny")
    assert first_time in said(encoder="vit_small_patch16_224")


def test_preflight_says_where_weights_come_from(tmp_path: Path) -> None:
    said, caution = weights_sentence("vit_never_heard_of", "", starter=tmp_path)
    assert ("needs far more labels" in said, caution) == (True, True)
    (tmp_path / "model.json").touch()
    said, caution = weights_sentence("vit_never_heard_of", "", starter=tmp_path)
    assert "needs far more labels" in said, "the starter stands in for the default encoder alone"
    assert "begins from the starter" in weights_sentence(DEFAULT_ENCODER, "", starter=tmp_path)[0]
    assert weights_sentence(DEFAULT_ENCODER, "starter", starter=tmp_path)[1] is False


def test_preflight_counts_labels_and_names_landmarks_with_few(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=5, labeled=0)
    for face in project.store.faces():
        label_face(project, face.id, [1, 2, 3] if face.id > 2 else None)
    said = preflight_html(project, None, "test_vit", "", "default", 10)
    assert "4 landmarks with 2 to 5 labels each, 1 mirror pair." in said
    assert "With few labels, so less sure: chin (2)." in said
    assert "about 1 of them held out to measure and calibrate on" in said
    assert "Runs on " in said
    assert "what a run with this encoder takes is not known" in said


def test_preflight_says_whether_the_source_is_there(tmp_path: Path) -> None:
    drawn = Sources(tmp_path, drawn_faces=7).get("drawn68")
    assert source_sentence(drawn) == ("Together with drawn68, 7 faces of 68 points, drawn when first used.", False)
    gone = Source("300w", tmp_path / "gone.json", 5, 68, [], given="300w")
    said = f"The set 300w is not where it was: there is no {tmp_path / 'gone.json'}."
    assert source_sentence(gone) == (said, True)
    (tmp_path / "gone.json").touch()
    assert source_sentence(gone) == ("Together with 300w, 5 faces of 68 points.", False)


def test_preflight_weighs_what_is_free_against_what_a_run_takes() -> None:
    said, short = room_sentences(4_000_000_000, 50_000_000_000, known=True)
    assert (said, short) == ("Free: 4.0 GB of memory and 50.0 GB of disk; a run takes about 1.8 GB and 500 MB.", [])
    _, short = room_sentences(900_000_000, 90_000_000, known=True)
    assert [line.partition(":")[0] for line in short] == [
        "Only 900 MB of memory are free, a run takes about 1.8 GB",
        "Only 90 MB of the disk are free, a run takes up to 500 MB",
    ]
    assert room_sentences(None, 10**9, known=False)[0].startswith("Free: 1.0 GB of disk; what a run")


def test_three_choices_of_time_say_how_long_each_takes(tmp_path: Path) -> None:
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
def test_the_device_is_told_as_far_as_it_is_known(
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


def test_memory_is_read_where_the_system_tells_it(tmp_path: Path) -> None:
    assert free_memory(proc=tmp_path) is None
    (tmp_path / "meminfo").write_text("MemTotal: 9 kB\nMemAvailable:    2000 kB\n")
    assert free_memory(proc=tmp_path) == 2_048_000


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
    assert "1 face skipped; none is exported" in checks_html(left_out)
    doubtful = make_project(tmp_path, "e", labeled=1)
    leave_predictions(
        doubtful, 1, predictions_of(doubtful, [face.id for face in doubtful.store.faces()[1:]], p_off=0.5)
    )
    collect_predictions(doubtful)
    sentence, page = next_step(doubtful)
    assert "8 doubtful points on the Review page" in sentence
    assert f"/?project=e#{page}'>Go to Review</a>" in overview_html(doubtful, None)


def test_a_finished_run_says_the_error_and_where_to_go(tmp_path: Path) -> None:
    project = make_project(tmp_path, labeled=1)
    leave_predictions(project, 1, predictions_of(project, [project.store.faces()[1].id], p_off=0.5))
    collect_predictions(project)
    [run] = list_runs(project)
    done = replace(run, metrics={"nme": 6.234, "coverage90": 0.88, "n": 22})
    page = live_html(project, done, None)
    assert "On 22 held-out faces the points are off by 6.2 % of the distance from eye_left to eye_right" in page
    assert "the 90 % ellipses hold 88.0 % of them" in page
    assert "On 1 held-out face the points" in live_html(project, replace(done, metrics={"nme": 6.2, "n": 1}), None)
    assert "#review" in page
    assert "Review 4 doubtful points of 1 face" in page


def test_a_training_shows_how_it_learns_and_leads_to_its_report(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=3, labeled=3)
    leave_predictions(project, 1, predictions_of(project, []))
    (run,) = list_runs(project)
    steps = [{"stage": "adapt", "step": k, "loss": 2.0, "learning_rate": 1e-3} for k in (1, 2)]
    evals = [{"stage": "adapt", "step": k, "nme": 9.0, "low": 8.0, "high": 10.5} for k in (1, 2)]
    learning = replace(run, state="running", stage="adapt", series=steps, evals=evals)
    curves = charts_html(learning)
    assert "NME, %; shaded: 95 % interval" in curves
    assert 'class="band"' in curves
    assert ">Learning rate<" in curves
    assert charts_html(replace(learning, state="waiting")) == charts_html(None) == ""
    assert (newest_look(learning), strip_html(project, learning)) == ("", "")
    leave_heldout(project, run.folder)
    faces = strip_html(project, learning)
    assert faces.count("api/projects/faces/pictures/") == 2
    assert "Faces it has not learned from, at step 7" in faces
    done = replace(run, metrics={"nme": 6.0, "n": 2}, series=steps)
    assert "href='api/projects/faces/runs/001/report' target='_blank'>Open the report<" in live_html(
        project, done, None
    )


def test_held_out_faces_are_sent_again_only_when_the_model_has_looked_again(tmp_path: Path) -> None:
    project = make_project(tmp_path, pictures=3, labeled=3)
    leave_predictions(project, 1, predictions_of(project, []))
    on = TrainHandlers(Workspace(project.folder.parent), Sources(project.folder.parent))
    request = SimpleNamespace(query_params={"project": project.name})

    def watched(seen: str, look: str) -> tuple[object, str, object]:
        _, numbers, _, _, _, _, newest, faces = on.watch(seen, look, request)
        return numbers, newest, faces

    numbers, look, faces = watched("", NOTHING_SEEN)
    assert (look, faces) == ("", "")
    folder = project.runs / "001"
    leave_heldout(project, folder)
    same, look, faces = watched(numbers, look)
    assert "Faces it has not learned from" in faces
    assert same == gr.skip()  # the run's numbers are as they were
    _, again, faces = watched(numbers, look)
    assert again == look
    assert faces == gr.skip()
    write_json(folder / "heldout.json", json.loads((folder / "heldout.json").read_text()) | {"licenses": []})
    _, again, faces = watched(numbers, look)
    assert again != look
    assert "Faces it has not learned from" in faces


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
    page = live_html(project, failed, "the predictions of run 001 cannot be used")
    assert "waiting for the first numbers" not in page
    assert "Failed: no such &lt;file&gt;" in page
    assert "&lt;b&gt;careful" in page
    assert "The predictions of run 001 cannot be used" in page
    running = replace(run, state="running", stage="adapt", step=50, steps=200, eta_seconds=95.0, images_per_second=41.6)
    assert "step 50 of 200 · 42 images/s · about 2 min left" in live_html(project, running, None)
    learning = replace(running, stage="base", minutes=10)
    assert "about 2 min left · then 10 min for your landmarks" in live_html(project, learning, None)
    assert "Cancelled. Your labels are as they were" in live_html(project, replace(run, state="cancelled"), None)
    assert runs_html(project, [run], run) == ""
    assert "<p class='facts'>no such &lt;file&gt;</p>" in runs_html(project, [run, failed], run)
    predicting = replace(run, state="running", stage="predict", predicted=(36, 120), step=50, steps=200, seconds=40)
    assert "36 of 120 faces · 40 s so far" in live_html(project, predicting, None)
    assert "step 50" not in live_html(project, predicting, None), "those are of the training before"


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
    assert "labeled when it was started, together with 300w, for 5 min, and begins" in waiting_html(waiting)
    unlimited = replace(waiting, minutes=None, source=None)
    assert "when it was started, alone, and begins by itself" in waiting_html(unlimited)
    later = replace(running, id="003")
    assert "NME 6.00 % <a href='api/projects/faces/runs/001/report'" in runs_html(project, [later, done], later)


def test_minutes_that_are_none_are_said_and_start_nothing(tmp_path: Path) -> None:
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


def test_while_a_run_waits_the_button_says_why_it_is_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path, pictures=4, labeled=3)
    leave_predictions(project, 1, predictions_of(project, []))
    (run,) = list_runs(project)
    monkeypatch.setattr(jobs, "active", lambda root: [("faces", replace(run, id="002", state="waiting"))])
    on = TrainHandlers(Workspace(project.folder.parent), Sources(project.folder.parent))
    request = SimpleNamespace(query_params={"project": project.name})
    said, button, _ = on.plan("", 5, "default", "test_vit", "", request)
    assert "Run 002 waits already: a further one can be started when it has begun." in said
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


def test_projects_are_links_with_progress_and_a_broken_one_is_no_obstacle(tmp_path: Path) -> None:
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
    assert "2 faces with at least one label, 8 points" in page


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no folder /nowhere/at/all on this machine"):
        picture_paths(None, " /nowhere/at/all ")
    assert picture_paths([str(tmp_path / "a.png")], str(tmp_path)) == [tmp_path / "a.png", tmp_path]
