"""Landmarks of your own definition on new kinds of faces. Names are imported when they are first used."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mdmd.api import adapt, evaluate, export, load, predict, predict_bulk, train
    from mdmd.config import ModelConfig, TrainConfig, preset
    from mdmd.data.coco import read_coco, write_coco
    from mdmd.data.definition import Definition, load_definition
    from mdmd.data.records import Annotation, Box, Prediction, Sample
    from mdmd.datasets.foreign import ForeignSet
    from mdmd.errors import DataError

__all__ = [
    "Annotation",
    "Box",
    "DataError",
    "Definition",
    "ForeignSet",
    "ModelConfig",
    "Prediction",
    "Sample",
    "TrainConfig",
    "adapt",
    "evaluate",
    "export",
    "load",
    "load_definition",
    "predict",
    "predict_bulk",
    "preset",
    "read_coco",
    "train",
    "write_coco",
]

_MODULES = {
    "mdmd.api": ("adapt", "evaluate", "export", "load", "predict", "predict_bulk", "train"),
    "mdmd.config": ("ModelConfig", "TrainConfig", "preset"),
    "mdmd.data.coco": ("read_coco", "write_coco"),
    "mdmd.data.definition": ("Definition", "load_definition"),
    "mdmd.data.records": ("Annotation", "Box", "Prediction", "Sample"),
    "mdmd.datasets.foreign": ("ForeignSet",),
    "mdmd.errors": ("DataError",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
