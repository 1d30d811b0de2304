"""Read public landmark datasets from their folders as distributed.

Faces have the published split, or the split of the paper (Ferman and Bharaj, ECCV 2022) for sets that it split itself.
The subsets of the paper's tables are in `extra["subsets"]`. Boxes are those of the dataset if it has any (WFLW, COFW,
PARE), else tight boxes of the points. Coordinates are not changed.
"""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from mdmd.data.coco import from_coco, read_coco_json
from mdmd.data.definition import load_definition
from mdmd.data.records import Box, Dataset
from mdmd.datasets.cofw import cofw_faces
from mdmd.datasets.collector import Collector
from mdmd.datasets.landmark_files import PICTURES, files_below, picture_beside, read_array, read_lines
from mdmd.datasets.reading import Reading, must_be_usable, usable
from mdmd.errors import DataError

#: The kind of any COCO-keypoint file.
COCO = "coco"

ORIGINS_OF_300W = ("afw", "helen", "lfpw", "ibug", "01_indoor", "02_outdoor")

#: The flags of WFLW in the order of their columns; each is a test subset.
WFLW_SUBSETS = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")
WFLW_COLUMNS = 2 * 98 + 4 + len(WFLW_SUBSETS) + 1

# The training sets of the paper, if it does not use all faces: the first ones, in these numbers.
ANIMWEB_SPECIES, ANIMWEB_TRAIN = "japanesemacaque", 100
ARTFACE_PAINTER, ARTFACE_TRAIN = 10, 7
CARIFACE_TRAIN = 148
PARE_FACES, PARE_TRAIN = 150, 100


def read(kind: str, path: Path, *, name: str, unpacked: Path, one_based: bool = False) -> Reading:
    """Read the dataset at `path`: a folder, or for "coco" a JSON file or the folder of an annotations.json.

    `name` becomes the name of the dataset. `unpacked` is the folder for images that are not separate files (COFW).
    `one_based` subtracts 1 from the coordinates of text files, as menpo does but most code does not. Raises DataError
    if `path` is not a dataset of this kind or no face can be used.
    """
    if kind == COCO:
        found = _read_coco(path, name)
    elif kind not in PUBLISHED:
        raise DataError(f"no dataset kind {kind!r}; there are: {', '.join(kinds())}")
    elif not path.is_dir():
        raise DataError(f"{path} is not a folder; wanted the folder of {kind} as distributed")
    else:
        collector = Collector(path, load_definition(kind), one_based, unpacked)
        PUBLISHED[kind].read(collector)
        found = Reading(
            Dataset(name, collector.definition, tuple(collector.samples)),
            tuple(collector.missing),
            tuple(collector.problems),
        )
    return must_be_usable(found, kind, path)


def kinds() -> tuple[str, ...]:
    """The names of all kinds that `read` supports."""
    return (COCO, *PUBLISHED)


# The datasets


def read_300w(found: Collector) -> None:
    """300W: `.pts` beside images in afw, helen, lfpw, ibug (with trainset and testset), 01_Indoor and 02_Outdoor.

    Test faces are in the subset "full" and in "common" (HELEN, LFPW) or "challenge" (iBUG). The private test set has
    the split "private". Faces of one photograph are a group.
    """
    for label in files_below(found.root, ".pts"):
        with found.noting():
            place = _place_in_300w(label.relative_to(found.root).parts[:-1])
            if place is None:
                raise DataError(f"{label} lies in none of afw, helen, lfpw, ibug, 01_Indoor, 02_Outdoor")
            split, subsets = place
            group = f"{subsets[-1]}/{_photograph(label.stem)}"
            found.add(picture_beside(label), found.points(label), split=split, subsets=subsets, group=group)


def _place_in_300w(folders: tuple[str, ...]) -> tuple[str, tuple[str, ...]] | None:
    """The split and subsets of a face from the folders it is in; None if they do not tell."""
    inner = [folder.lower() for folder in reversed(folders)]
    origin = next((folder for folder in inner if folder in ORIGINS_OF_300W), None)
    if origin == "afw":
        return "train", ("afw",)
    if origin == "ibug":
        return "test", ("full", "challenge", "ibug")
    if origin in ("helen", "lfpw") and "trainset" in inner:
        return "train", (origin,)
    if origin in ("helen", "lfpw") and "testset" in inner:
        return "test", ("full", "common", origin)
    if origin in ("01_indoor", "02_outdoor"):
        return "private", (origin[3:],)
    return None


def read_wflw(found: Collector) -> None:
    """WFLW: two lists with a face on each line (98 points, box, six flags, image), images in WFLW_images.

    Each flag is a subset. Faces of one image are a group.
    """
    pictures = next((p for p in sorted(found.root.rglob("WFLW_images")) if p.is_dir()), found.root)
    for split in ("train", "test"):
        for listed in sorted(found.root.rglob(f"list_98pt_rect_attr_{split}.txt")):
            for number, line in enumerate(read_lines(listed), start=1):
                if line.strip():
                    with found.noting(f"{listed}, line {number}"):
                        _add_wflw(found, pictures, line.split(), split)


def _add_wflw(found: Collector, pictures: Path, columns: list[str], split: str) -> None:
    if len(columns) != WFLW_COLUMNS:
        raise DataError(
            f"found {len(columns)} columns, wanted {WFLW_COLUMNS}: 196 coordinates, 4 of the box, 6 flags, the picture"
        )
    numbers = []
    for number, text in enumerate(columns[:-1], start=1):
        try:
            numbers.append(float(text))
        except ValueError:
            raise DataError(f"column {number}: found {text!r}, wanted a number") from None
    if not all(map(math.isfinite, numbers)):
        raise DataError("found a number that is not finite")
    flags = columns[200:206]
    if not set(flags) <= {"0", "1"}:
        raise DataError(f"found the flags {' '.join(flags)}, wanted six of 0 or 1")
    left, top, right, bottom = numbers[196:200]
    found.add(
        pictures / columns[-1],
        np.array(numbers[:196]).reshape(98, 2) - (1.0 if found.one_based else 0.0),
        split=split,
        subsets=tuple(name for name, flag in zip(WFLW_SUBSETS, flags, strict=True) if flag == "1"),
        box=Box(left - found.one_based, top - found.one_based, right - left, bottom - top),
    )


def read_cofw(found: Collector) -> None:
    """COFW: `COFW_train_color.mat` and `COFW_test_color.mat`; occluded points are labeled but hidden."""
    for split, ending in (("train", "Tr"), ("test", "T")):
        for file in sorted(found.root.rglob(f"COFW_{split}_color.mat")):
            for face in cofw_faces(file, ending, found.unpacked):
                with found.noting(str(file)):
                    found.add(face.picture, face.points, split=split, box=face.box, hidden=face.hidden)


def read_lapa(found: Collector) -> None:
    """LaPa: train, val and test, each with images and with landmarks in text files that start with the count."""
    for split in ("train", "val", "test"):
        for label in files_below(found.root / split / "landmarks", ".txt"):
            with found.noting():
                picture = found.root / split / "images" / f"{label.stem}.jpg"
                found.add(picture, found.points(label), split=split, group=f"{split}/{_photograph(label.stem)}")


def read_animweb(found: Collector) -> None:
    """AnimWeb's Japanese macaques, as in the paper: the first 100 by number for training, the others for testing."""
    macaques = [label for label in files_below(found.root, ".pts") if _is_macaque(label)]
    for place, label in enumerate(sorted(macaques, key=_number_of)):
        with found.noting():
            split = "train" if place < ANIMWEB_TRAIN else "test"
            found.add(picture_beside(label), found.points(label), split=split)


def _is_macaque(label: Path) -> bool:
    return label.stem.lower().startswith(ANIMWEB_SPECIES)


def read_artface(found: Collector) -> None:
    """ArtFace: ten images by each of 16 painters with `.pts` beside them; the first seven by number are for training.

    The painter is the name before the number, or the folder. If file names are only numbers, each ten in a row are by
    one painter.
    """
    labels = files_below(found.root, ".pts")
    first = min((_number_of(label) for label in labels), default=0)

    def painter(label: Path) -> tuple[str, int]:
        name = label.stem.rstrip("0123456789")
        ten = (_number_of(label) - first) // ARTFACE_PAINTER if not name else 0
        return f"{label.parent.relative_to(found.root).as_posix()}/{name}", ten

    for _, works in groupby(sorted(labels, key=lambda p: (*painter(p), _number_of(p))), key=painter):
        for place, label in enumerate(works):
            with found.noting():
                split = "train" if place < ARTFACE_TRAIN else "test"
                found.add(picture_beside(label), found.points(label), split=split)


def read_cariface(found: Collector) -> None:
    """CariFace: images, landmarks as `.npy` (68, 2), and the lists train_list.txt and test_list.txt.

    As in the paper, the first 148 of the training list are for training; the others are in the split "rest".
    """
    for listed, splits in (("train_list.txt", ("train", "rest")), ("test_list.txt", ("test", "test"))):
        names = [Path(line.strip()).name for line in read_lines(found.root / listed) if line.strip()]
        for place, name in enumerate(names):
            with found.noting():
                beside = found.root / "landmarks" / f"{name}.npy"
                label = beside if beside.is_file() else beside.with_name(f"{Path(name).stem}.npy")
                points = read_array(label, len(found.definition.landmarks), 2)
                found.add(found.root / "images" / name, points, split=splits[place >= CARIFACE_TRAIN])


def read_pare(found: Collector) -> None:
    """PARE: 150 labels in landmarks.npy and bboxes.npy, and mapping.txt with the images that are still available.

    The paper does not list its split. Its failure rates are multiples of 1/50, so labels from 100 on are for testing.
    """
    points = read_array(found.root / "landmarks.npy", PARE_FACES, len(found.definition.landmarks), 2)
    corners = read_array(found.root / "bboxes.npy", PARE_FACES, 4)
    mapping = found.root / "mapping.txt"
    pictures = {file.name: file for file in sorted(found.root.rglob("*")) if file.suffix.lower() in PICTURES}
    for number, line in enumerate(read_lines(mapping)[1:], start=2):
        if not line.strip():
            continue
        with found.noting(f"{mapping}, line {number}"):
            name, label = _mapped(line)
            left, top, right, bottom = corners[label]
            found.add(
                pictures.get(name, found.root / name),
                points[label],
                split="train" if label < PARE_TRAIN else "test",
                box=Box(float(left), float(top), float(right - left), float(bottom - top)),
            )


def _mapped(line: str) -> tuple[str, int]:
    words = line.split()
    if len(words) != 2 or not words[1].isdecimal() or len(words[1]) > 9 or int(words[1]) >= PARE_FACES:
        raise DataError(f"found {line.strip()!r}, wanted 'filename label_id' with a label from 0 to {PARE_FACES - 1}")
    return words[0], int(words[1])


def _read_coco(path: Path, name: str) -> Reading:
    """Read a COCO-keypoint file without the faces whose image is missing or does not match the file."""
    file = path / "annotations.json" if path.is_dir() else path
    # Labels that are far away are left out by `usable`, however far.
    largest = sys.float_info.max
    return usable(from_coco(read_coco_json(file), folder=file.parent, name=name, where=file.name, farthest=largest))


def _photograph(stem: str) -> str:
    """The name without the number of the face: 100466187_2 and 100466187_1 are on the same photograph."""
    return re.sub(r"_\d{1,2}$", "", stem)


def _number_of(file: Path) -> int:
    digits = re.search(r"\d+$", file.stem)
    return int(digits.group()) if digits else 0


@dataclass(frozen=True)
class Published:
    """A public dataset: its reader, a test for its folder, and the published numbers of faces.

    `faces` maps a split or split/subset to its number of faces. Splits in `optional` are separate downloads.
    """

    read: Callable[[Collector], None]
    fits: Callable[[Path], bool]
    faces: Mapping[str, int]
    optional: tuple[str, ...] = ()


def _holds(*patterns: str) -> Callable[[Path], bool]:
    return lambda folder: all(any(folder.glob(pattern)) for pattern in patterns)


PUBLISHED: Mapping[str, Published] = {
    "300w": Published(
        read_300w,
        lambda folder: any(_place_in_300w(f.relative_to(folder).parts[:-1]) for f in files_below(folder, ".pts")),
        {
            "train": 3148,
            "train/afw": 337,
            "train/lfpw": 811,
            "train/helen": 2000,
            "test": 689,
            "test/common": 554,
            "test/challenge": 135,
            "private": 600,
            "private/indoor": 300,
            "private/outdoor": 300,
        },
        optional=("private",),
    ),
    "wflw": Published(
        read_wflw,
        _holds("**/list_98pt_rect_attr_*.txt"),
        {
            "train": 7500,
            "test": 2500,
            "test/pose": 326,
            "test/expression": 314,
            "test/illumination": 698,
            "test/make-up": 206,
            "test/occlusion": 736,
            "test/blur": 773,
        },
    ),
    "cofw": Published(read_cofw, _holds("**/COFW_*_color.mat"), {"train": 1345, "test": 507}),
    "lapa": Published(read_lapa, _holds("*/landmarks/*.txt"), {"train": 18176, "val": 2000, "test": 2000}),
    "animweb": Published(
        read_animweb, lambda folder: any(map(_is_macaque, files_below(folder, ".pts"))), {"train": 100, "test": 33}
    ),
    "cariface": Published(
        read_cariface,
        _holds("train_list.txt", "test_list.txt", "landmarks/*.npy"),
        {"train": 148, "rest": 6092, "test": 1560},
    ),
    "pare": Published(read_pare, _holds("landmarks.npy", "bboxes.npy", "mapping.txt"), {"train": 10, "test": 16}),
    "artface": Published(read_artface, _holds("**/*.pts", "**/*.png"), {"train": 112, "test": 48}),
}
