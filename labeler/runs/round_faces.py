"""The faces of a background round: those it learns from and those it predicts, in the boxes that the base found."""

from __future__ import annotations

from dataclasses import replace

from labeler.analysis.better_model import measuring
from labeler.project.coco import samples_of
from labeler.project.project import Project
from labeler.storage.base_points import BasePoints
from mdmd.data.records import Dataset, Sample

#: The most open faces that a round predicts, from the one that was opened last on.
MOST_PREDICTED = 300


def learning_faces(project: Project) -> list[int]:
    """The ids of the faces that a round learns from: labeled, not being labeled now, and seen by the base.

    Measuring subjects are left out: labels that were made over shown points lean towards them, and would calibrate a
    round too well.
    """
    settled, seen = project.index.settled_faces(), _seen(project)
    pictures = {picture.id: picture for picture in project.store.images()}
    chosen = []
    for face in settled:
        picture = pictures[face.image_id]
        if face.id in seen and picture.split == "train" and not measuring(picture.subject):
            chosen.append(face.id)
    return chosen


def faces_to_learn(project: Project) -> Dataset:
    """The `learning_faces` with their labels. Raises DataError if there is no definition yet."""
    chosen, dataset = set(learning_faces(project)), project.usable(project.training_set())[0][0]
    return replace(dataset, samples=_as_seen(project, [face for face in dataset.samples if face.face_id in chosen]))


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
    return project.usable(Dataset(project.name, definition, tuple(bare)))[0][0]


def _as_seen(project: Project, samples: list[Sample]) -> tuple[Sample, ...]:
    seen = _seen(project)
    return tuple(replace(sample, box=seen[sample.face_id].box) for sample in samples if sample.face_id in seen)


def _seen(project: Project) -> dict[int, BasePoints]:
    """What the base has found, by face."""
    base = project.bases.in_use()
    found = {} if base is None else project.bases.points(base)
    return {face: points for face, points in found.items() if points.usable}
