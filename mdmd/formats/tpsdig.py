"""tpsDig: a .tps file with a record of `key=value` lines for each specimen, here a face.

`LM=n` begins a record; n lines `x y` follow, then `IMAGE=`, `ID=` and `SCALE=`. x and y are pixels, and y is counted
from the bottom of the picture, so that its height must be known: the picture is needed. A point is missing if its line
is -1 -1 or NA NA. Records with the same IMAGE are faces of one picture; LM=0 is a picture whose faces are not labeled.
SCALE is what pixels are multiplied with to be millimeters or the like; points stay in pixels here, and the scale is
kept as `extra["scale"]` of the face. Landmarks have no names. LM3, in three dimensions, is refused; curves and outlines
are left out and counted.

tpsDig finds pictures beside the .tps file only: the writer puts them there, without their folders.
Source: https://sbmorphometrics.org/soft-dataacq.html.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from mdmd.data.definition import MOST_LANDMARKS
from mdmd.data.places import PLACE, is_place
from mdmd.data.text import shown, text_problem
from mdmd.errors import DataError
from mdmd.files import replace_file
from mdmd.formats.format import Format, Pictures, Reading, losses, place_picture
from mdmd.formats.images import ImageFinder
from mdmd.formats.labels import Face, Image, LabelSet, LeftOut, Loss
from mdmd.formats.lost import Places, lost, name_of
from mdmd.formats.text import counted, files_below, is_or_has, lines_of, number_of, numbered, size_of, start_of

ENDING = ".tps"
KEY = re.compile(r"\s*([A-Za-z]\w*)\s*=(.*)")
#: What stands for a point without a label.
MISSING = -1.0


@dataclass(eq=False)
class _Record:
    """A specimen: the line where it begins, the lines of its points, and its other keys."""

    line: int
    key: str
    count: str
    lines: list[tuple[int, str]] = field(default_factory=list)
    told: dict[str, str] = field(default_factory=dict)
    curves: int = 0


def detect(place: Path) -> bool:
    """Whether `place` is a .tps file, or a folder with one."""
    return is_or_has(place, ENDING, _begins)


def _begins(path: Path) -> bool:
    return re.search(r"^\s*LM3?\s*=", start_of(path, 10_000), re.MULTILINE | re.IGNORECASE) is not None


def read(place: Path, how: Reading) -> LabelSet:
    """Read a .tps file, or all below a folder. Raises DataError if no record can be read."""
    files = [place] if place.is_file() else list(files_below(place, ENDING))
    root = place.parent if place.is_file() else place
    if not files:
        raise DataError(f"{place}: no {ENDING} files")
    finder = ImageFinder(root, pictures=how.pictures)
    left_out = list[LeftOut]()
    found, curves = list[tuple[str, Image, np.ndarray, Mapping[str, Any]]](), 0
    for file in files:
        name = file.relative_to(root).as_posix()
        for record in _records(file):
            curves += record.curves
            try:
                found.append((f"{name}, line {record.line}", *_read(record, finder)))
            except DataError as error:
                left_out.append(LeftOut(f"{name}, line {record.line}", str(error)))
    if not found:
        raise DataError(f"{place}: {left_out[0].why if left_out else 'no records that begin with LM='}")
    sizes = Counter(len(points) for _, _, points, _ in found if len(points))
    count = sizes.most_common(1)[0][0] if sizes else 0
    images = dict[Path | None, Image]()
    for record, image, points, extra in found:
        if len(points) not in (0, count):
            why = f"found {counted(len(points), 'landmark')}, wanted {count} as most others have"
            left_out.append(LeftOut(record, why))
            continue
        image = images.setdefault(image.path, image)
        if len(points):
            labeled = np.asarray(np.isfinite(points).all(axis=1))
            face = Face(np.where(labeled[:, None], points, 0.0), np.where(labeled, 2, 0), extra=extra)
            images[image.path] = replace(image, faces=(*image.faces, face))
    said = f"{counted(curves, 'curve is', 'curves are')} left out: only landmarks are read"
    changes = (said,) if curves else ()
    return LabelSet(numbered(count), tuple(images.values()), left_out=tuple(left_out), changes=changes)


def _records(file: Path) -> Iterator[_Record]:
    record, of_curve = None, False
    for number, line in enumerate(lines_of(file), start=1):
        match = KEY.match(line)
        if match is None:
            if record is not None and line.strip() and not of_curve:
                record.lines.append((number, line))
            continue
        key, value = match[1].upper(), match[2].strip()
        if key in ("LM", "LM3"):
            if record is not None:
                yield record
            record = _Record(number, key, value)
        elif record is not None and key in ("CURVES", "OUTLINES"):
            record.curves += int(value) if re.fullmatch(r"\d{1,6}", value, re.ASCII) else 1
        elif record is not None:
            record.told[key] = value
        of_curve = key not in ("LM", "LM3")
    if record is not None:
        yield record


def _read(record: _Record, finder: ImageFinder) -> tuple[Image, np.ndarray, Mapping[str, Any]]:
    """The picture of a record, its points (N, 2) with NaN where one is missing, and its scale."""
    if record.key == "LM3":
        raise DataError("LM3 has points in three dimensions, wanted LM")
    if not re.fullmatch(r"\d{1,6}", record.count, re.ASCII) or int(record.count) > MOST_LANDMARKS:
        raise DataError(f"found LM={shown(record.count)}, wanted a number of landmarks up to {MOST_LANDMARKS}")
    if len(record.lines) != int(record.count):
        raise DataError(f"found {counted(len(record.lines), 'line')} of points, wanted {record.count} as LM says")
    name = record.told.get("IMAGE", "")
    if not name or text_problem(name, longest=4096):
        raise DataError(f"found IMAGE={shown(name)}, wanted the name of a picture")
    points = np.array([_point(line) for _, line in record.lines]).reshape(-1, 2)
    path = finder.find(name)
    if path is None:
        raise DataError(f"the picture {shown(name)} is not there, and y is counted from its bottom")
    size = size_of(path)
    points[:, 1] = size[1] - points[:, 1]
    if not is_place(np.nan_to_num(points)):
        raise DataError(f"wanted {PLACE}")
    scale = _scale(record.told.get("SCALE"))
    return Image(name, path, size=size), points, {} if scale is None else {"scale": scale}


def _point(line: str) -> list[float]:
    words = line.split()
    if len(words) != 2:
        raise DataError(f"found {shown(line)}, wanted x and y")
    # Windows in many countries has tpsDig write a decimal comma.
    numbers = [number_of(word.replace(",", ".") if "." not in word else word) for word in words]
    return [math.nan, math.nan] if numbers == [MISSING, MISSING] or any(map(math.isnan, numbers)) else numbers


def _scale(text: str | None) -> float | None:
    try:
        scale = math.nan if text is None else number_of(text.replace(",", "."))
    except DataError:
        return None
    return None if math.isnan(scale) else scale


def write(labels: LabelSet, out: Path, pictures: Pictures) -> list[Loss]:
    """Write faces.tps and the pictures beside it. Raises DataError if the height of a picture is not known."""
    places, lines, number = Places(), list[str](), 0
    for image in labels.images:
        height = (size_of(image.path) if image.size is None else image.size)[1]
        name = places.free(PurePosixPath(name_of(image).name))
        for face in image.faces or (None,):
            lines += [] if face is None else [f"LM={len(labels.landmarks)}", *_lines(face, height)]
            lines += ["LM=0"] if face is None else []
            lines += [f"IMAGE={name}", f"ID={number}"]
            scale = None if face is None else face.extra.get("scale")
            lines += [f"SCALE={scale:.9g}"] if isinstance(scale, float) else []
            number += 1
        place_picture(image, out / name, pictures)
    if lines:
        target = out / "faces.tps"
        text = "".join(f"{line}\n" for line in lines)
        replace_file(target, lambda partial: partial.write_text(text, encoding="utf-8"))
    kinds = ("hidden", "absent", "box", "scores", "predicted", "face subject", "split", "subject")
    return losses(**lost(labels, *kinds, "mirror", "edges", "names", "groups"))


def _lines(face: Face, height: int) -> Iterator[str]:
    for (x, y), v in zip(face.points.tolist(), face.visibility, strict=True):
        shown_as = f"{x:.5f} {height - y:.5f}" if v else f"{MISSING:.5f} {MISSING:.5f}"
        # A label that lies just where a missing point is written is put a hair aside.
        yield f"{MISSING + 0.00001:.5f} {height - y:.5f}" if v and shown_as == "-1.00000 -1.00000" else shown_as


FORMAT = Format("tps", "tpsDig", detect, read, write)
