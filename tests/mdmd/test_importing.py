"""Imports without looks for garbage, which go on afterwards."""

from __future__ import annotations

import gc
import importlib
import sys
from pathlib import Path

import pytest

from mdmd.importing import large_libraries


def test_garbage_is_collected_after_the_import_and_not_during_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "watching.py").write_text("import gc\nwas_on = gc.isenabled()\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    frozen = gc.get_freeze_count()
    try:
        with large_libraries():
            watching = importlib.import_module("watching")
        assert not watching.was_on
        assert gc.isenabled()
        assert gc.get_freeze_count() > frozen
    finally:
        sys.modules.pop("watching", None)


def test_an_import_that_fails_leaves_the_collector_on_and_one_that_brings_nothing_new_freezes_nothing():
    frozen = gc.get_freeze_count()
    with large_libraries():
        importlib.import_module("sys")
    assert gc.get_freeze_count() <= frozen
    with pytest.raises(ModuleNotFoundError), large_libraries():
        importlib.import_module("no_such_library")
    assert gc.isenabled()


def test_a_collector_that_was_off_stays_off():
    gc.disable()
    try:
        with large_libraries():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
