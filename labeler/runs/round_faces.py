"""The faces of a background round: those it learns from and those it predicts, in the boxes that the base found."""

from __future__ import annotations

from dataclasses import replace

from labeler.analysis.better_model import measuring
from labeler.project.coco import samples_of
from labeler.project.project import Project
from mdmd.data.records import Dataset, Sample

#: The most open faces that a round predicts, from the one that was opened last on.
MOST_PREDICTED = 300


def faces_to_learn(project: Project) -> Dataset:
    """The labeled faces that the base has seen, without measuring ones: labels that were made over shown points lean
    towards them, and would calibrate a round too well.

    Raises DataError if there is no definition yet.
    """
    dataset = project.training_set()
    chosen = [sample for sample in dataset.samples if not measuring(sample.group)]
    return replace(dataset, samples=_as_seen(project, chosen))


def faces_to_predict(project: Project) -> Dataset:
    """The open faces that come next, and the measuring faces that are labeled, as far as the base has seen them.

    Raises DataError if there is no definition yet.
    """
    faces = project.index.wanted_faces()
    coming = set(project.bases.in_turn([face.face for face in faces if face.state != "complete"])[:MOST_PREDICTED])
    labeled = {face.face for face in faces if face.visible}
    definition = project.index.must_define()
    samples = samples_of(project.store, project.images, definition, coming | labeled)
    chosen = [sample for sample in samples if sample.face_id in coming or measuring(sample.group)]
    bare = [replace(sample, annotation=None, split="train") for sample in _as_seen(project, chosen)]
    return Dataset(project.name, definition, tuple(bare))


def _as_seen(project: Project, samples: list[Sample]) -> tuple[Sample, ...]:
    base = project.bases.in_use()
    seen = {} if base is None else project.bases.points(base)
    usable = [sample for sample in samples if sample.face_id in seen and seen[sample.face_id].usable]
    return tuple(replace(sample, box=seen[sample.face_id].box) for sample in usable)
