"""A project with what clients trip over, and what it says, to compare with what they read."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw

from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.storage.records import Point
from mdmd.data.definition import Definition
from mdmd.data.records import Box
from tests.builders import write_picture

LANDMARKS = ("eye_left", "eye_right", 'Nase, "Ü" & <1>', "chin")
DEFINITION = Definition("odd", LANDMARKS, groups=(5, 6, 9, 2), mirror=(1, 0, 2, 3), edges=((0, 1), (2, 3)))
#: The color that each landmark of the first face has in its picture.
COLORS = ((255, 0, 0), (0, 0, 255), (0, 255, 0), (255, 255, 0))
#: Names of the pictures: folders, several with one base name, two that differ in their ending only, characters that
#: mean something in addresses, XML or patterns, and words that mean something in the paths of a format.
NAMES = (
    "a.png",
    "a.jpg",
    "s1/a.png",
    "s1/images/b c.png",
    "s 2/Grüße é.png",
    "train/100% a#1?.png",
    "labels/x.y.png",
    "labeled-data/it's & <b>.png",
)
#: The box of second faces. First faces get one around their labels.
BOX = Box(31, 2, 25.5, 33)


@dataclass(frozen=True)
class TrueFace:
    """x, y and visibility of each landmark, and which of them are absent."""

    points: tuple[tuple[float, float, int], ...]
    absent: tuple[bool, ...] = (False,) * len(LANDMARKS)


def size_of(number: int) -> tuple[int, int]:
    """Width and height of a picture: no two are alike, so that it is known whatever a client calls it."""
    return 64 + 2 * number, 48 + number


def faces_of(number: int, *, alone: bool = False) -> list[TrueFace]:
    """The faces of a picture: if not `alone` two in every other one, with hidden, absent, missing and outer points."""
    x, y = 5.25 + number, 10.5 + number / 4
    first = TrueFace(((x, y, 2), (x + 12, y + 1, 2), (x + 6, y + 8, 2), (x + 6, y + 16.125, 2)))
    others = (
        TrueFace(((40, y, 2), (50, y, 1), (45.5, y + 8, 2), (45, y + 15, 1))),
        TrueFace(((40, y, 2), (0, 0, 0), (45.5, y + 8, 2), (0, 0, 0)), (False, True, False, False)),
        TrueFace(((40, y, 2), (size_of(number)[0] + 3.5, y, 2), (45.5, y + 8, 2), (45, y + 15, 2))),
        TrueFace(((0, 0, 0), (0, 0, 0), (45.5, y + 8, 2), (0, 0, 0))),
    )
    return [first, others[number // 2]] if number % 2 and not alone else [first]


def drawn_project(root: Path, *, alone: bool = False) -> Project:
    """A project below `root` of all pictures with their faces."""
    for number, name in enumerate(NAMES):
        path = write_picture(root / "in" / name, size_of(number))
        with Image.open(path) as image:
            draw = ImageDraw.Draw(image)
            for color, (x, y, _) in zip(COLORS, faces_of(number)[0].points, strict=True):
                draw.rectangle((int(x) - 1, int(y) - 1, int(x) + 1, int(y) + 1), color)
            image.save(path)
    project = Workspace(root / "projects").create("odd", definition=DEFINITION)
    project.add_pictures([root / "in"])
    for picture in project.store.images():
        faces = faces_of(NAMES.index(picture.name), alone=alone)
        ids = [face.id for face in project.store.faces(picture.id)]
        ids += [project.store.add_face(picture.id, BOX) for _ in faces[1:]]
        for face, key in zip(faces, ids, strict=True):
            marks = zip(DEFINITION.ids, face.points, face.absent, strict=True)
            points = {
                landmark: Point(None, None, 0) if absent else Point(float(x), float(y), v)
                for landmark, (x, y, v), absent in marks
                if v or absent
            }
            project.store.edit_points(key, points)
    return project
