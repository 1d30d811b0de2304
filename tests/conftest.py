"""One thread a process: on a busy machine two threads that wait for each other are many times slower than one."""

from __future__ import annotations

import gc
import importlib
import os
import sys
from collections.abc import Generator, Iterator, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

os.environ.setdefault("OMP_NUM_THREADS", "1")
# Beside a process that keeps all cores busy, a training that gives way would hardly get on.
os.environ["LABELER_PRIORITY"] = "normal"
# A test that wants the tool to predict and learn by itself says so.
os.environ["LABELER_BACKGROUND"] = "off"
os.environ["MDMD_HOME"] = (
    "/nonexistent"  # the datasets that this machine's user has added are none of the tests' business
)

import pytest
from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

import tests.typecheck  # noqa: F401  (the hook below looks it up as an attribute)

# No example fails because it is slow. The same examples in every run: a found fault becomes a test of its own.
settings.register_profile(
    "steady", deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("steady")

# Shapes written in the signatures of tensor code are checked at every call that a test makes.
TENSOR_MODULES = (
    *(f"mdmd.loading.{name}" for name in ("augment", "batches", "crops")),
    *(f"mdmd.models.{name}" for name in ("decoder", "encoder", "heads", "landmark_model", "losses")),
    *(f"mdmd.models.{name}" for name in ("pixel_decoder", "stems")),
)
install_import_hook(TENSOR_MODULES, "tests.typecheck.checked")


class LibrariesFirst(MetaPathFinder):
    """Loads the libraries of tensor code before its first module.

    The hook keeps what it compiles apart, and also what is imported meanwhile: torch would be compiled anew, which
    takes 3 seconds.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in TENSOR_MODULES:
            for library in ("timm", "torchvision.transforms.v2"):
                importlib.import_module(library)
        return None


sys.meta_path.insert(0, LibrariesFirst())


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Files are collected without looks for garbage, which take a quarter of that time; what they import is none."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.fixture(autouse=True, scope="session")
def own_home(tmp_path_factory: pytest.TempPathFactory) -> None:
    """What runs keep for later runs goes into the tests' own folder, in this process and those it starts."""
    os.environ["MDMD_HOME"] = str(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """A real Chromium; without one, the test is skipped."""
    from tests.chromium import running

    yield from running()
