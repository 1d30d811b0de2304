"""Collect the faces that a reader finds, and the problems of those that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mdmd.data.boxes import box_of_points
from mdmd.data.coco import check_file_name
from mdmd.data.definition import Definition
from mdmd.data.images import picture_size
from mdmd.data.places import PLACE, box_problem, is_place
from mdmd.data.records import Annotation, Box, Points, Sample
from mdmd.datasets.landmark_files import read_points
from mdmd.errors import DataError


@dataclass
class Collector:
    """The faces of one dataset that were read so far.

    File names are relative to the dataset's folder `root`, or to `unpacked`, the folder for images that are not
    separate files in it. `missing` names images that do not exist. `problems` has a sentence, with file and line, for
    each record that cannot be used.
    """

    root: Path
    definition: Definition
    one_based: bool
    unpacked: Path
    samples: list[Sample] = field(default_factory=list)
    missing: dict[str, None] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    #: The number (from 1), width and height of each image.
    pictures: dict[Path, tuple[int, int, int]] = field(default_factory=dict)

    @contextmanager
    def noting(self, where: str = "") -> Iterator[None]:
        """Add a DataError raised inside to the problems, so that reading continues with the next face."""
        try:
            yield
        except DataError as error:
            self.problems.append(f"{where}: {error}" if where else str(error))

    def points(self, path: Path) -> Points:
        """The points of the definition (N, 2) from a text file of `x y` lines."""
        return read_points(path, len(self.definition.landmarks), one_based=self.one_based)

    def add(
        self,
        picture: Path,
        points: Points,
        *,
        split: str,
        group: str | None = None,
        subsets: tuple[str, ...] = (),
        box: Box | None = None,
        hidden: NDArray[np.bool_] | None = None,
    ) -> None:
        """Add a face with `points` (N, 2) in pixels; `hidden` (N,) marks occluded points, if known.

        `group` defaults to the image, and `box` to the tight box of the points. An image that does not exist is added
        to `missing`. Raises DataError for an image that cannot be read and for a box without an area.
        """
        home = self.unpacked if picture.is_relative_to(self.unpacked) else self.root
        if not picture.is_relative_to(home) or ".." in picture.relative_to(home).parts:
            raise DataError(f"found the picture {picture}, wanted one in {home}")
        file_name = picture.relative_to(home).as_posix()
        box = box or box_of_points(points)
        check_file_name(file_name, "the picture")
        far = [tuple(place) for place in points.tolist() if not is_place(place)]
        if far:
            raise DataError(f"{file_name}: found a landmark at {far[0]}, wanted {PLACE}")
        if problem := box_problem(box):
            raise DataError(
                f"{file_name}: found a box of {box.w:g} x {box.h:g} pixels at ({box.x:g}, {box.y:g}); it {problem}"
            )
        if not picture.is_file():
            self.missing[file_name] = None
            return
        if picture not in self.pictures:
            self.pictures[picture] = (len(self.pictures) + 1, *picture_size(picture))
        image_id, width, height = self.pictures[picture]
        visibility = np.where(np.zeros(len(points), dtype=bool) if hidden is None else hidden, 1, 2)
        self.samples.append(
            Sample(
                path=picture,
                file_name=file_name,
                width=width,
                height=height,
                box=box,
                annotation=Annotation(points, visibility.astype(np.int64)),
                split=split,
                group=file_name if group is None else group,
                image_id=image_id,
                face_id=len(self.samples) + 1,
                extra={"subsets": list(subsets)} if subsets else {},
            )
        )
