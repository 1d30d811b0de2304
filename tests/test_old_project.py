"""A project made by version 0.1.0 (tests/old_project/README.md) still opens, reports and predicts."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.report.reports import report_of
from labeler.runs.control import list_runs
from labeler.runs.heldout import read_heldout
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
