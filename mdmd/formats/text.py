"""What readers and writers of several formats need: lines and tables of text, numbers, sizes and points of images."""

from __future__ import annotations

import csv
import errno
import io
import math
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import yaml

from mdmd.data.images import picture_size
from mdmd.data.places import FARTHEST, box_problem
from mdmd.data.records import Box
from mdmd.data.text import shown
from mdmd.errors import DataError
from mdmd.formats.images import MOST_FILES
from mdmd.formats.labels import Face

#: Bytes of a text file, and of a YAML file, that are read.
LARGEST_TEXT, LARGEST_YAML = 1_000_000_000, 10_000_000
#: Values in a YAML file, and characters of a whole number there.
MOST_NODES, LONGEST_NUMBER = 1_000_000, 100
#: Files that are looked at to find out what a folder holds.
FEW_FILES = 20_000


def regular(path: Path) -> BinaryIO:
    """Open a file to read bytes. Raises OSError, also for what is no file: a pipe would be waited for without end."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "this is no file", str(path))
    return path.open("rb")


def content_of(path: Path, most: int) -> bytes:
    """The bytes of a file. Raises DataError, also if there are more than `most`."""
    try:
        with regular(path) as stream:
            if os.fstat(stream.fileno()).st_size > most:
                raise DataError(f"{path} has more than {most:,} bytes")
            return stream.read()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from None


def yaml_of(path: Path, wanted: str) -> Mapping[str, Any]:
    """The keys and values in a YAML file, such as those that are `wanted`. Raises DataError."""
    try:
        loader = _Loader(content_of(path, LARGEST_YAML).decode("utf-8-sig"))
        node = loader.get_single_node()
        if node is not None and _written_out(node, {}) > MOST_NODES:
            raise DataError(f"{path} cannot be read: it refers to itself until it has more than {MOST_NODES:,} values")
        found = None if node is None else loader.construct_document(node)
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise DataError(f"{path} cannot be read: {error}") from None
    except (ArithmeticError, AttributeError, LookupError, TypeError) as error:  # "!!int", "!!bool x", "!!timestamp x"
        raise DataError(f"{path} cannot be read: a value is none of its tag ({error})") from None
    if not isinstance(found, dict):
        raise DataError(f"{path}: found {type(found).__name__}, wanted keys such as {wanted}")
    return found


class _Loader(yaml.SafeLoader):
    """PyYAML's loader without numbers to the base 60 (1:30), which take it hours if they are long: they are text.

    A number that Python refuses to write out raises DataError.
    """

    def construct_yaml_int(self, node: yaml.ScalarNode) -> Any:
        text = str(self.construct_scalar(node))
        if ":" in text:
            return text
        if len(text) > LONGEST_NUMBER:
            raise DataError(f"found a whole number of {len(text):,} characters, wanted at most {LONGEST_NUMBER}")
        return super().construct_yaml_int(node)

    def construct_yaml_float(self, node: yaml.ScalarNode) -> Any:
        text = str(self.construct_scalar(node))
        return text if ":" in text else super().construct_yaml_float(node)


for kind in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{kind}", getattr(_Loader, f"construct_yaml_{kind}"))


def _written_out(node: yaml.Node, known: dict[int, float]) -> float:
    """How many values a node of YAML has where each reference is written out: few lines can stand for billions."""
    if id(node) not in known:
        known[id(node)] = math.inf  # that of a node within itself
        children = [] if isinstance(node, yaml.ScalarNode) else node.value
        parts = (part for child in children for part in (child if isinstance(child, tuple) else (child,)))
        known[id(node)] = 1 + sum(_written_out(part, known) for part in parts)
    return known[id(node)]


def text_of(path: Path) -> str:
    """The text of a file, in UTF-8 with or without a byte order mark, or as Windows writes it. Raises DataError."""
    content = content_of(path, LARGEST_TEXT)
    encodings = ("utf-16",) if content[:2] in (b"\xff\xfe", b"\xfe\xff") else ("utf-8-sig", "cp1252")
    for encoding in encodings:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise DataError(f"{path} is not text")


def lines_of(path: Path) -> list[str]:
    """The lines of a text file. Raises DataError."""
    return text_of(path).splitlines()


def start_of(path: Path, most: int = 1_000_000) -> str:
    """The first `most` bytes of a file as text, whatever they are; empty if it cannot be read."""
    try:
        with regular(path) as stream:
            content = stream.read(most)
    except OSError:
        return ""
    return content.decode("utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", errors="replace")


def rows_of(text: str, separator: str = ",") -> Iterator[tuple[int, list[str]]]:
    """The rows of a table in which a cell is not blank, and the numbers of their lines. Raises DataError."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator)
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells):
                yield reader.line_num, cells
    except csv.Error as error:
        raise DataError(f"line {reader.line_num} is no row of a table: {error}") from None


def csv_text(rows: list[list[str]], separator: str = ",") -> str:
    """Rows as the text of a table."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator, lineterminator="\n").writerows(rows)
    return out.getvalue()


def number_of(text: str) -> float:
    """The number that a cell says; NaN if it is blank or says so. Raises DataError."""
    if not text or text.casefold() in ("nan", "na", "none", "null", "n/a"):
        return math.nan
    try:
        number = float(text)
    except ValueError:
        raise DataError(f"found {shown(text)}, wanted a number") from None
    if not abs(number) <= FARTHEST:
        raise DataError(f"found {shown(text)}, wanted a number within {FARTHEST:,.0f}")
    return number


def files_below(folder: Path, *endings: str, most: int = MOST_FILES) -> Iterator[Path]:
    """Files in `folder` and below whose names end so, in order; no links and hidden ones. At most `most` are looked at.

    A label file lies beside its picture, so a folder of them may be as large as one of pictures.
    """
    seen = 0
    for place, inner, files in os.walk(folder):
        inner[:] = sorted(name for name in inner if not name.startswith("."))
        for name in sorted(files):
            seen += 1
            if seen > most:
                return
            path = Path(place, name)
            if name.lower().endswith(endings) and not name.startswith(".") and not path.is_symlink():
                yield path


def is_or_has(place: Path, ending: str, is_own: Callable[[Path], bool], *, most: int | None = None) -> bool:
    """Whether `place` is a file that ends so and `is_own`, or a folder with one; of `most` files at most."""
    try:
        if place.is_file():
            return place.name.lower().endswith(ending) and is_own(place)
        return any(map(is_own, islice(files_below(place, ending, most=FEW_FILES), most)))
    except OSError:
        return False


def counted(count: int, one: str, many: str = "") -> str:
    """A number and its noun: "1 point", "3 points"; `many` for a noun that takes no s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def numbered(count: int) -> tuple[str, ...]:
    """Names of landmarks for a file that has none."""
    return tuple(f"landmark_{k + 1}" for k in range(count))


def size_of(path: Path | None) -> tuple[int, int]:
    """Width and height of an image in pixels. Raises DataError if it is not there, or cannot be read."""
    if path is None:
        raise DataError("its picture is not there, and without its size shares of it are no pixels")
    return picture_size(path)


def box_inside(box: Box, size: tuple[int, int]) -> Box | None:
    """The part of a box inside an image of this size; None if there is none."""
    low, high = np.clip([[box.x, box.y], [box.x + box.w, box.y + box.h]], 0, size)
    cut = Box(*low.tolist(), *(high - low).tolist())
    return cut if box_problem(cut) is None else None


def inside(face: Face, size: tuple[int, int]) -> tuple[Face, int]:
    """The face without its labels outside of an image of this size, and how many these are."""
    out = (face.visibility > 0) & ((face.points < 0) | (face.points > size)).any(axis=1)
    if not out.any():
        return face, 0
    points, visibility = face.points.copy(), face.visibility.copy()
    points[out], visibility[out] = 0, 0
    return replace(face, points=points, visibility=visibility), int(np.count_nonzero(out))
