"""What leaves for another tool: the labels as a set of its format, and the split of each picture."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path, PurePosixPath

import numpy as np
from numpy.typing import NDArray

from labeler.project.extras import Told
from labeler.storage.records import Point
from mdmd.data.boxes import box_of_points
from mdmd.data.records import Box, Dataset, Sample
from mdmd.errors import DataError
from mdmd.files import new_folder
from mdmd.formats.format import Format, Pictures, losses
from mdmd.formats.images import parts_of
from mdmd.formats.labels import Face, Image, LabelSet, Loss
from mdmd.formats.text import box_inside

#: The splits that data sets have, and other names of theirs.
SPLITS = ("train", "val", "test")
ALIASES = {"training": "train", "valid": "val", "validation": "val", "dev": "val", "testing": "test"}


@dataclass(frozen=True)
class Split:
    """Which split pictures are exported in.

    With `shares`, subjects are dealt out in these shares of pictures; with `held_out`, pictures of subjects with one of
    these faces are in "val" and all others in "train"; with neither, pictures keep the split that they came with. No
    subject is ever in two splits, unless it came so.
    """

    shares: Mapping[str, float] | None = None
    held_out: Collection[int] | None = None

    @classmethod
    def of(cls, text: str) -> Split:
        """The shares in "train=80,val=20", in percent, or "train=0.8,val=0.2". Raises DataError."""
        shares: dict[str, float] = {}
        for part in text.split(","):
            name, _, number = (word.strip() for word in part.partition("="))
            try:
                share = float(number)
            except ValueError:
                share = -1.0
            if name not in SPLITS or name in shares or not 0 < share <= 100:
                raise DataError(f"found the split {text!r}, wanted kept, as-trained, or shares such as train=80,val=20")
            shares[name] = share
        total = sum(shares.values())
        if not any(math.isclose(total, whole) for whole in (1, 100)):
            raise DataError(f"the shares {text!r} add up to {total:g}, wanted 100")
        return cls(shares)

    def by_image(self, samples: Sequence[Sample], *, any_name: bool = False) -> dict[int, str]:
        """The split of each image. If it is kept, it is one of SPLITS, or with `any_name` the one that it came with."""
        subject = {sample.image_id: sample.group for sample in samples}
        if self.held_out is not None:
            measured = {sample.group for sample in samples if sample.face_id in self.held_out}
            return {image: "val" if own in measured else "train" for image, own in subject.items()}
        if self.shares is None:
            return {sample.image_id: sample.split if any_name else _kept(sample.split) for sample in samples}
        total, chosen = sum(self.shares.values()), dict[str, str]()
        counts, done = Counter(subject.values()), Counter[str]()
        for own in sorted(counts, key=_hash):
            lacks = {name: share / total * len(subject) - done[name] for name, share in self.shares.items()}
            chosen[own] = max(SPLITS, key=lambda name: lacks.get(name, -np.inf))
            done[chosen[own]] += counts[own]
        return {image: chosen[own] for image, own in subject.items()}


def _kept(split: str) -> str:
    name = split.strip().casefold()
    name = ALIASES.get(name, name)
    return name if name in SPLITS else "train"


def _is_other(split: str) -> bool:
    """Whether a split is none of SPLITS by any name, so that "train" stands for it."""
    return _kept(split) == "train" and split.strip().casefold() not in ("train", "training")


def _hash(subject: str) -> bytes:
    return blake2b(subject.encode("utf-8", "surrogatepass"), digest_size=8).digest()


@dataclass(frozen=True, eq=False)
class Predicted:
    """A face with the points that are proposed for it, as the annotation of `sample`.

    `scores` (N,) are the probabilities of the points to be right: off by at most the tolerance of the project.
    """

    sample: Sample
    scores: NDArray[np.float64]

    @property
    def score(self) -> float:
        """The mean of `scores` over the points that are proposed."""
        assert self.sample.annotation is not None
        return float(self.scores[self.sample.annotation.labeled].mean())


def outgoing(
    dataset: Dataset,
    names: Mapping[int, str],
    points: Mapping[int, Mapping[int, Point]],
    split: Split,
    *,
    clip: bool = False,
    predicted: Sequence[Predicted] = (),
    told: Told | None = None,
) -> tuple[LabelSet, list[Loss]]:
    """The labels of `dataset` for another tool, and what is lost already.

    `names` are what images were called where they came from, and `points` the labels of faces, which tell absent
    landmarks. Boxes are cut at the border of the image; with `clip`, points outside of it are moved to the border.
    The faces that are `predicted` stand beside the labeled ones. `told` is what imported files say beyond labels, for a
    format that keeps it; such a format also keeps splits of any name.
    """
    definition = dataset.definition
    any_split, told = told is not None, told or Told()
    scores = {one.sample.face_id: one.scores for one in predicted}
    proposed = [one.sample for one in predicted]
    splits = split.by_image([*dataset.samples, *proposed], any_name=any_split)
    is_kept = split == Split() and not any_split
    renamed = {one.image_id for one in (*dataset.samples, *proposed) if is_kept and _is_other(one.split)}
    by_image: dict[int, list[tuple[Sample, Face]]] = {}
    for sample in dataset.samples:
        # The image's split may be another one now.
        extra = {key: value for key, value in told.of_faces.get(sample.face_id, {}).items() if key != "split"}
        face = replace(_face(sample, points.get(sample.face_id, {}), definition.ids), extra=extra)
        by_image.setdefault(sample.image_id, []).append((sample, face))
    for sample in proposed:
        face = replace(_face(sample, {}, definition.ids), predicted=True, scores=scores[sample.face_id])
        by_image.setdefault(sample.image_id, []).append((sample, face))
    called = _called({key: (names[key], found[0][0].file_name) for key, found in by_image.items()})
    images, moved = [], 0
    for key, found in sorted(by_image.items()):
        first, faces = found[0][0], [face for _, face in found]
        size = (first.width, first.height)
        if clip:
            moved += sum(int(_outside(face, size).any(axis=1).sum()) for face in faces)
            faces = [_clipped(face, size) for face in faces]
        faces = [replace(face, box=_inside(face, size)) for face in faces]
        subject = first.group if first.group not in (names[key], first.file_name) else None
        images.append(
            Image(called[key], first.path, tuple(faces), size, splits[key], subject, told.of_images.get(key, {}))
        )
    info = {"description": f"{len(definition.landmarks)} facial landmarks", "definition_version": definition.version}
    labels = LabelSet(
        definition.landmarks,
        tuple(images),
        definition.edges,
        definition.mirror if definition.can_be_mirrored else None,
        definition,
        extra={**told.of_set, "info": told.info({**info, "project": dataset.name})},
    )
    other = sum(key in renamed for key in by_image)
    return labels, losses(clipped=moved, other_split=other)


def _face(sample: Sample, points: Mapping[int, Point], ids: Sequence[int]) -> Face:
    assert sample.annotation is not None
    absent = np.array([key in points and points[key].v == 0 for key in ids])
    visible = sample.annotation.labeled
    return Face(
        np.where(visible[:, None], sample.annotation.points, 0.0),
        sample.annotation.visibility,
        sample.box,
        absent if absent.any() else None,
    )


def _outside(face: Face, size: tuple[int, int]) -> np.ndarray:
    return (face.visibility > 0)[:, None] & ((face.points < 0) | (face.points > size))


def _clipped(face: Face, size: tuple[int, int]) -> Face:
    return replace(face, points=np.clip(face.points, 0, size))


def _inside(face: Face, size: tuple[int, int]) -> Box | None:
    """The box of a face inside its image; around its labels where nothing else of it is."""
    labeled = face.points[face.visibility > 0]
    for box in (face.box, box_of_points(labeled) if len(labeled) else None):
        if box is not None and (cut := box_inside(box, size)) is not None:
            return cut
    return None


def _called(images: Mapping[int, tuple[str, str]]) -> dict[int, str]:
    """What each image is called, from its own name and that of its file: as it was, unless two would be called so."""
    own = {}
    for key, (name, file) in images.items():
        parts = parts_of(name)
        own[key] = PurePosixPath(*parts).with_suffix(Path(file).suffix).as_posix() if parts else file
    count = Counter(name.casefold() for name in own.values())
    return {key: name if count[name.casefold()] == 1 else images[key][1] for key, name in own.items()}


def write_set(labels: LabelSet, form: Format, out: Path, pictures: Pictures) -> list[Loss]:
    """Write a set into the new folder `out`; returns what its format cannot keep.

    Nothing is left if that fails. Raises DataError.
    """
    if form.write is None:
        raise DataError(f"{form.title} is only read here")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} is there already: name a new folder, so that nothing is overwritten")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with new_folder(out) as making:
            lost = form.write(labels, making, pictures)
    except OSError as error:
        raise DataError(f"cannot write {out}: {error.strerror or error}") from None
    return lost
