"""A project made by version 0.1.0 (tests/old_project/README.md) still opens, reports and predicts."""

from __future__ import annotations

import hashlib
import json
import shutil
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labeler.cli.main import main as labeler
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.report.reports import report_of
from labeler.runs.control import find_run, list_runs
from labeler.runs.heldout import read_heldout
from labeler.runs.learning_curve import parts_of
from labeler.runs.manage import delete
from mdmd.cli.main import main

KEPT = Path(__file__).parent / "old_project"
EXPECTED: dict[str, Any] = json.loads((KEPT / "expected.json").read_text(encoding="utf-8"))


@pytest.fixture
def old(tmp_path: Path) -> Project:
    with tarfile.open(KEPT / "project.tar.xz") as archive:
        archive.extractall(tmp_path / "projects", filter="data")
    return Workspace(tmp_path / "projects").open("old")


def test_its_labels_are_exported_as_before(old: Project, tmp_path: Path) -> None:
    old.export(tmp_path / "labels.json")
    coco = json.loads((tmp_path / "labels.json").read_text(encoding="utf-8"))
    for told in ("date_created", "image_folder"):
        del coco["info"][told]
    assert coco == EXPECTED["export"]


def test_its_runs_are_what_they_were(old: Project) -> None:
    found = [
        {"id": r.id, "title": r.title, "kind": r.kind, "state": r.state, "step": r.step, "measured": r.measured}
        for r in list_runs(old)
    ]
    assert found == EXPECTED["runs"]


def test_it_reports_what_it_measured(old: Project) -> None:
    found = read_heldout(old.runs / "001")
    assert found is not None
    np.testing.assert_allclose(found.errors, EXPECTED["heldout_errors"], atol=1e-6)
    assert f"{100 * np.nanmean(found.errors):.2f}" in report_of(old, "001")


def test_its_model_predicts_as_before(old: Project, tmp_path: Path) -> None:
    run = old.runs / "001"
    out = tmp_path / "predicted.json"
    assert main(["predict", str(run), "--faces", str(run / "faces.json"), "--out", str(out), "--find-boxes"]) == 0
    found = json.loads(out.read_text(encoding="utf-8"))["annotations"]
    assert [a["id"] for a in found] == [a["id"] for a in EXPECTED["predicted"]]
    for one, other in zip(found, EXPECTED["predicted"], strict=True):
        np.testing.assert_allclose(one["bbox"], other["bbox"], atol=0.5)
        np.testing.assert_allclose(one["keypoints"], other["keypoints"], atol=0.5)


def digests(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_a_copy_resumes_reports_and_deletes_in_its_own_folder(tmp_path: Path) -> None:
    """Under another name in another projects folder, while the original lies where its run.json says it lay."""
    with tarfile.open(KEPT / "project.tar.xz") as archive:
        archive.extractall(tmp_path / "projects", filter="data")
    original = tmp_path / "projects" / "old"
    for record in original.glob("runs/*/run.json"):
        record.write_text(record.read_text().replace("/tmp/before/projects", str(tmp_path / "projects")))
    before = digests(tmp_path / "projects")
    shutil.copytree(original, tmp_path / "elsewhere" / "copy")
    assert labeler(["--projects", str(tmp_path / "elsewhere"), "resume", "copy"]) == 0
    copy = Workspace(tmp_path / "elsewhere").open("copy")
    run = find_run(copy, "003")
    assert (run.state, run.step, run.steps, run.error) == ("done", 12, 12, None)
    assert "resume" in (run.folder / "log.jsonl").read_text()
    assert {number for number, _ in copy.store.predictions.current().values()} >= {3}
    assert list(parts_of(list_runs(copy), "001")) == [25, 50, 75]
    assert "Learning curve" in report_of(copy, "001")
    assert "Held-out" in report_of(copy, "003") or "held-out" in report_of(copy, "003")
    kept = json.loads((run.folder / "run.json").read_text())
    assert str(tmp_path) not in json.dumps(kept)
    assert delete(copy, "001") > 3_000_000
    assert [run.id for run in list_runs(copy)] == ["003", "002"]
    assert digests(tmp_path / "projects") == before
