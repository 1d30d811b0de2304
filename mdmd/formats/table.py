"""Tables of landmarks: our own, for spreadsheets and scripts; other people's tables are read by the same names.

csv-wide has a row for each face: `image`, and for each landmark NAME_x, NAME_y and NAME_v. csv-long, and the same as a
Parquet file, has a row for each landmark of a face: `image`, `landmark`, `x`, `y` and `v`. A table may have more:

- `face`: a number or word that tells the faces of an image apart; without it, a wide row is a face, and in a long table
  an image has one face. A row with nothing but an image says that it has no faces.
- `split`, `subject` (of the image) and `face_subject`
- `box_x`, `box_y`, `box_w`, `box_h`: the face's box. With a landmark named box they are face_box_x and so on.
- `predicted`: 1 for a face that a model predicted; `score`, or NAME_score: its score for a landmark, from 0 to 1

x and y are pixels from the top-left corner of the top-left pixel. v is 2 for visible, 1 for hidden and 0 or nothing for
not labeled, or `absent`. Without a v, a point with x and y is visible. Upper and lower case do not count in the names
of columns, `visibility` stands for v, and `file`, `filename`, `file_name`, `path` or `picture` for image. Columns are
separated by comma, semicolon or tab; numbers may have a decimal comma where semicolons separate columns.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from mdmd.data.definition import MOST_LANDMARKS
from mdmd.data.places import box_problem
from mdmd.data.records import Box
from mdmd.data.text import shown, text_problem
from mdmd.errors import DataError
from mdmd.files import replace_file
from mdmd.formats.format import Format, Pictures, Reading, losses, place_picture
from mdmd.formats.images import ImageFinder
from mdmd.formats.labels import Face, Image, LabelSet, LeftOut, Loss
from mdmd.formats.lost import Places, lost
from mdmd.formats.text import counted, csv_text, number_of, rows_of, start_of, text_of
from mdmd.importing import pyarrow

SEPARATORS = (",", ";", "\t")
ENDINGS = (".csv", ".tsv", ".txt")
IMAGE = ("image", "file", "filename", "file_name", "path", "picture", "image_name", "image_path")
OTHERS = ("face", "split", "subject", "face_subject", "predicted")
COORDINATES = {"x": "x", "y": "y", "v": "v", "visibility": "v", "score": "score"}
BOX = ("x", "y", "w", "h")
ABSENT = "absent"
#: Cells of a Parquet file that are read: few bytes of it can stand for very many.
MOST_CELLS = 100_000_000


@dataclass(frozen=True)
class _Columns:
    """Where the columns of a table are: those of one value by name, those of landmarks by landmark and coordinate."""

    one: Mapping[str, int]
    landmarks: Mapping[str, Mapping[str, int]]
    width: int

    @property
    def is_long(self) -> bool:
        return "landmark" in self.one


@dataclass(eq=False)
class _Face:
    """What the rows of a face say."""

    image: str
    record: str
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    told: dict[str, str] = field(default_factory=dict)


# Columns


def _columns(header: Sequence[str]) -> _Columns:
    """The columns of a table. Raises DataError if it is none of landmarks."""
    low = [name.casefold() for name in header]
    image = next((low.index(name) for name in IMAGE if name in low), None)
    if image is None:
        raise DataError(f"found the columns {shown(', '.join(header))}, wanted image and others")
    one = {"image": image}
    box = _box_prefix(low)
    if box is not None:
        one |= {f"box_{side}": low.index(f"{box}_{side}") for side in BOX}
    is_long = "landmark" in low and {"x", "y"} <= set(low)
    names = (*OTHERS, *(("landmark", *COORDINATES) if is_long else ()))
    for name in names:
        if name in low:
            one[COORDINATES.get(name, name) if is_long else name] = low.index(name)
    if is_long:
        return _Columns(one, {}, len(header))
    landmarks = dict[str, dict[str, int]]()
    for position, (name, folded) in enumerate(zip(header, low, strict=True)):
        end = folded.rpartition("_")[2]
        start = name.rpartition("_")[0]  # upper and lower case may have different lengths
        if position not in one.values() and start and end in COORDINATES:
            places = landmarks.setdefault(start, {})
            if COORDINATES[end] in places:
                raise DataError(f"found two columns {shown(name)}, wanted names that differ")
            places[COORDINATES[end]] = position
    landmarks = {name: places for name, places in landmarks.items() if {"x", "y"} <= places.keys()}
    if not 1 <= len(landmarks) <= MOST_LANDMARKS:
        raise DataError(
            f"found {counted(len(landmarks), 'pair')} of columns NAME_x and NAME_y, wanted 1 to {MOST_LANDMARKS}"
        )
    if said := next(filter(None, map(_name_problem, landmarks)), None):
        raise DataError(said)
    return _Columns(one, landmarks, len(header))


def _name_problem(name: str) -> str | None:
    said = text_problem(name)
    return f"the name of a landmark {said}" if said else None if name.strip() else "a landmark has no name"


def _box_prefix(names: Sequence[str]) -> str | None:
    """What the names of the box's columns begin with; a landmark has no columns for width and height."""
    return next(
        (start for name in names if (start := _start(name)) and {f"{start}_{s}" for s in BOX} <= set(names)), None
    )


def _start(name: str) -> str | None:
    match = re.fullmatch(r"((?:face_)*box)_w", name)
    return match[1] if match else None


def _separator(start: str) -> str:
    """What separates the columns of a table that begins so. Raises DataError if it is none of landmarks."""
    line = next(iter(start.splitlines()), "")
    problem: DataError | None = None
    for separator in sorted(SEPARATORS, key=lambda one: -line.count(one)):
        try:
            _columns(_header(start, separator))
            return separator
        except DataError as error:
            problem = problem or error
    raise problem or DataError("it has no header")


def _header(text: str, separator: str) -> list[str]:
    for _, row in rows_of(text, separator):
        return row
    raise DataError("it has no header")


def _detect(place: Path, is_long: bool) -> bool:
    try:
        return any(_is_own(path, is_long) for path in _files(place))
    except OSError:
        return False


def _files(place: Path) -> list[Path]:
    if place.is_file():
        return [place] if place.suffix.lower() in ENDINGS else []
    found = sorted(path for path in place.glob("*") if path.suffix.lower() in ENDINGS)[:100]
    return [path for path in found if path.is_file() and not path.is_symlink()]


def _is_own(path: Path, is_long: bool) -> bool:
    start = start_of(path)
    try:
        return _columns(_header(start, _separator(start))).is_long == is_long
    except DataError:
        return False


def detect_wide(place: Path) -> bool:
    """Whether `place` is a table with a row for each face, or a folder with one."""
    return _detect(place, is_long=False)


def detect_long(place: Path) -> bool:
    """Whether `place` is a table with a row for each landmark, or a folder with one."""
    return _detect(place, is_long=True)


def detect_parquet(place: Path) -> bool:
    """Whether `place` is a Parquet file, or a folder with one."""
    return bool(_parquet_files(place))


# Reading


def read_csv(place: Path, how: Reading) -> LabelSet:
    """Read a table, wide or long, or those in a folder. Raises DataError if there is none."""
    files = (
        [place] if place.is_file() else [path for path in _files(place) if _is_own(path, True) or _is_own(path, False)]
    )
    if not files:
        raise DataError(f"{place}: no table with the columns image, and NAME_x and NAME_y or landmark, x and y")
    reader = _Reader(place.parent if place.is_file() else place, how)
    for file in files:
        text = text_of(file)
        try:
            separator = _separator(text[:4_000_000])
            rows = list(rows_of(text, separator))
        except DataError as error:
            raise DataError(f"{file}: {error}") from None
        reader.add(file, _columns(rows[0][1]), rows[1:], comma=separator == ";")
    return reader.labels()


class _Reader:
    """Makes a set of the rows of tables."""

    def __init__(self, root: Path, how: Reading) -> None:
        self._root = root
        self._finder = ImageFinder(root, pictures=how.pictures)
        self._images = dict[str, Image]()
        self._faces = list[_Face]()
        self._names = dict[str, None]()
        self._left_out = list[LeftOut]()

    def add(self, file: Path, columns: _Columns, rows: Sequence[tuple[int, list[str]]], *, comma: bool) -> None:
        """Take the rows of a table; with `comma` a comma may be the point of a number."""
        name = file.relative_to(self._root).as_posix()
        self._names |= dict.fromkeys(columns.landmarks)
        faces = dict[tuple[str, str], _Face]()
        for line, row in rows:
            record = f"{name}, line {line}"
            cells = [*row, *([""] * (columns.width - len(row)))]
            try:
                if any(cells[columns.width :]):
                    raise DataError(f"found {counted(len(cells), 'cell')}, wanted {columns.width}")
                told = {key: cells[k] for key, k in columns.one.items()}
                self._take(told, cells, columns, faces, record, comma)
            except DataError as error:
                self._left_out.append(LeftOut(record, str(error)))
        self._faces += faces.values()

    def _take(
        self,
        told: dict[str, str],
        cells: Sequence[str],
        columns: _Columns,
        faces: dict[tuple[str, str], _Face],
        record: str,
        comma: bool,
    ) -> None:
        image = told["image"]
        if not image or text_problem(image, longest=4096):
            raise DataError(f"found the image {shown(image)}, wanted its name")
        if comma:
            told |= {key: told[key].replace(",", ".") for key in told if key.startswith(("box_", "x", "y", "score"))}
        places = columns.landmarks.items()
        values = {name: {key: cells[k] for key, k in where.items()} for name, where in places}
        if columns.is_long:
            name = told["landmark"]
            values = {name: {key: told[key] for key in ("x", "y", "v", "score") if key in told}} if name else {}
            if name and (said := _name_problem(name)):
                raise DataError(said)
            self._names |= dict.fromkeys(values)
        elif comma:
            values = {name: {key: text.replace(",", ".") for key, text in one.items()} for name, one in values.items()}
        if len(self._names) > MOST_LANDMARKS:
            raise DataError(f"found more than {MOST_LANDMARKS} landmarks")
        self._note(image, told)
        if not values or (not any(any(one.values()) for one in values.values()) and not _is_face(told)):
            return
        number = told.get("face", "") or ("" if columns.is_long else f"row {record}")
        face = faces.setdefault((image, number), _Face(image, record, told=told))
        twice = next((name for name in values if name in face.values), None)
        if twice is not None:
            raise DataError(f"found {shown(twice)} of face {shown(number)} of {shown(image)} a second time")
        face.values |= values

    def _note(self, image: str, told: Mapping[str, str]) -> None:
        """Remember the image, its split and its subject: the first that are told."""
        split, subject = (None if text_problem(told.get(key, "")) else told.get(key) or None for key in OTHERS[1:3])
        known = self._images.get(image) or Image(image, self._finder.find(image))
        self._images[image] = replace(known, split=known.split or split, subject=known.subject or subject)

    def labels(self) -> LabelSet:
        landmarks = tuple(self._names)[:MOST_LANDMARKS]
        if self._left_out and not self._images:
            raise DataError(f"{self._left_out[0].record}: {self._left_out[0].why}")
        faces: dict[str, list[Face]] = {name: [] for name in self._images}
        for found in self._faces:
            try:
                faces[found.image].append(_face(found, landmarks))
            except DataError as error:
                self._left_out.append(LeftOut(found.record, str(error)))
        images = (replace(image, faces=tuple(faces[name])) for name, image in self._images.items())
        return LabelSet(landmarks, tuple(images), left_out=tuple(self._left_out))


def _is_face(told: Mapping[str, str]) -> bool:
    """Whether a row without a point is a face all the same: it has a number, a box or a subject."""
    return any(told.get(key, "") for key in ("face", "face_subject", *(f"box_{side}" for side in BOX)))


def _face(found: _Face, landmarks: Sequence[str]) -> Face:
    points, visibility = np.zeros((len(landmarks), 2)), np.zeros(len(landmarks), dtype=np.int64)
    absent, scores = np.zeros(len(landmarks), dtype=bool), np.full(len(landmarks), np.nan)
    for k, name in enumerate(landmarks):
        told = found.values.get(name, {})
        place = [number_of(told.get(key, "")) for key in ("x", "y")]
        text = told.get("v", "").casefold()
        absent[k] = text == ABSENT
        visibility[k] = 0 if absent[k] else _visibility(text, has_place=not any(map(math.isnan, place)), name=name)
        if visibility[k]:
            points[k] = place
        scores[k] = number_of(told.get("score", ""))
        if not (math.isnan(scores[k]) or 0 <= scores[k] <= 1):
            raise DataError(f"found the score {scores[k]:g} of {shown(name)}, wanted 0 to 1")
    subject = found.told.get("face_subject") or None
    if subject is not None and (said := text_problem(subject)):
        raise DataError(f"the subject {said}")
    scored = not np.isnan(scores).all()
    return Face(
        points,
        visibility,
        _box(found.told),
        absent if absent.any() else None,
        found.told.get("predicted", "").casefold() in ("1", "1.0", "true", "yes"),
        np.nan_to_num(scores) if scored else None,
        subject,
    )


def _visibility(text: str, *, has_place: bool, name: str) -> int:
    if not text:
        return 2 if has_place else 0
    number = number_of(text)
    if number not in (0, 1, 2):
        raise DataError(f"found {shown(text)} as v of {shown(name)}, wanted 0, 1, 2 or {ABSENT}")
    if number and not has_place:
        raise DataError(f"{shown(name)} has v {int(number)} and no x and y")
    return int(number)


def _box(told: Mapping[str, str]) -> Box | None:
    numbers = [number_of(told.get(f"box_{side}", "")) for side in BOX]
    if any(map(math.isnan, numbers)):
        return None
    box = Box(*numbers)
    if said := box_problem(box):
        raise DataError(f"the box {shown(numbers)} {said}")
    return box


# Writing


def write_wide(labels: LabelSet, out: Path, pictures: Pictures) -> list[Loss]:
    """Write labels.csv with a row for each face, and the pictures by their names."""
    shapes = _shape(labels)
    prefix = "box"
    while prefix in (name.casefold() for name in labels.landmarks):
        prefix = f"face_{prefix}"
    ends = ("x", "y", "v", *(("score",) if "score" in shapes else ()))
    header = [*_heading(shapes, prefix), *(f"{name}_{end}" for name in labels.landmarks for end in ends)]
    _check_names(labels.landmarks, header)
    rows = [header]
    for image, name in _placed(labels, out, pictures):
        for number, face in enumerate(image.faces, start=1):
            points = [cell for k in range(len(labels.landmarks)) for cell in _point(face, k, shapes)]
            rows.append([*_start_of_row(image, name, face, number, shapes), *points])
        if not image.faces:
            rows.append(_padded(_start_of_row(image, name, None, 0, shapes), header))
    _save(out / "labels.csv", rows)
    return losses(**lost(labels, "mirror", "edges", "groups"))


def write_long(labels: LabelSet, out: Path, pictures: Pictures) -> list[Loss]:
    """Write labels.csv with a row for each landmark of a face, and the pictures by their names."""
    shapes = _shape(labels)
    _save(out / "labels.csv", list(_long(labels, out, pictures, shapes)))
    names = 0 if labels.faces else len(labels.landmarks)
    return losses(names=names, **lost(labels, "mirror", "edges", "groups"))


def write_template(landmarks: Sequence[str], images: Sequence[str], path: Path, *, is_long: bool = False) -> None:
    """Write the table `path` to fill in: a row for each of `images`, or with `is_long` for each landmark of each.

    Raises DataError for names of landmarks that a table cannot keep.
    """
    columns = [f"{name}_{end}" for name in landmarks for end in ("x", "y", "v")]
    header = ["image", "face", "landmark", "x", "y", "v"] if is_long else ["image", "face", *columns]
    _check_names(landmarks, header)
    rows = [[image, "", name] for image in images for name in landmarks] if is_long else [[image] for image in images]
    path.parent.mkdir(parents=True, exist_ok=True)
    _save(path, [header, *(_padded(row, header) for row in rows)])


def _shape(labels: LabelSet) -> frozenset[str]:
    """Which columns the faces of a set need."""
    faces = [face for image in labels.images for face in image.faces]
    wanted = {
        "box": any(face.box is not None for face in faces),
        "predicted": any(face.predicted for face in faces),
        "score": any(face.scores is not None for face in faces),
        "face_subject": any(face.subject is not None for face in faces),
        "split": any(image.split is not None for image in labels.images),
        "subject": any(image.subject is not None for image in labels.images),
    }
    return frozenset(name for name, is_wanted in wanted.items() if is_wanted)


def _heading(shapes: frozenset[str], prefix: str) -> list[str]:
    others = [name for name in ("split", "subject", "face_subject", "predicted") if name in shapes]
    return ["image", "face", *others, *([f"{prefix}_{side}" for side in BOX] if "box" in shapes else [])]


def _start_of_row(image: Image, name: str, face: Face | None, number: int, shapes: frozenset[str]) -> list[str]:
    told = {"split": image.split or "", "subject": image.subject or ""}
    if face is not None:
        told |= {"face_subject": face.subject or "", "predicted": str(int(face.predicted))}
    row = [name, str(number) if face is not None else ""]
    row += [told.get(key, "") for key in ("split", "subject", "face_subject", "predicted") if key in shapes]
    if "box" in shapes:
        box = None if face is None else face.box
        row += [""] * 4 if box is None else [_text(side) for side in (box.x, box.y, box.w, box.h)]
    return row


def _point(face: Face, k: int, shapes: frozenset[str]) -> list[str]:
    """x, y and v of a landmark, and its score if there are scores."""
    labeled = face.visibility[k] > 0
    absent = face.absent is not None and bool(face.absent[k])
    cells = [_text(number) for number in face.points[k]] if labeled else ["", ""]
    score = [] if "score" not in shapes else ["" if face.scores is None else _text(face.scores[k])]
    return [*cells, ABSENT if absent else str(int(face.visibility[k])), *score]


def _text(number: float) -> str:
    return f"{number:.6f}".rstrip("0").rstrip(".")


def _placed(labels: LabelSet, out: Path, pictures: Pictures) -> Iterator[tuple[Image, str]]:
    """The images and their names in the table, where their pictures are put as well."""
    places = Places()
    for image in labels.images:
        place = places.of(image)
        place_picture(image, out / place, pictures)
        yield image, place.as_posix()


def _long(labels: LabelSet, out: Path, pictures: Pictures, shapes: frozenset[str]) -> Iterator[list[str]]:
    ends = ["landmark", "x", "y", "v", *(["score"] if "score" in shapes else [])]
    header = [*_heading(shapes, "box"), *ends]
    _check_names(labels.landmarks, header)
    yield header
    for image, name in _placed(labels, out, pictures):
        for number, face in enumerate(image.faces, start=1):
            start = _start_of_row(image, name, face, number, shapes)
            yield from ([*start, landmark, *_point(face, k, shapes)] for k, landmark in enumerate(labels.landmarks))
        if not image.faces:
            yield _padded(_start_of_row(image, name, None, 0, shapes), header)


def _padded(row: list[str], header: Sequence[str]) -> list[str]:
    return [*row, *([""] * (len(header) - len(row)))]


def _check_names(landmarks: Sequence[str], header: Sequence[str]) -> None:
    odd = next((name for name in landmarks if name != name.strip() or _name_problem(name)), None)
    twice = next((name for name, count in Counter(map(str, header)).items() if count > 1), None)
    if odd is not None or twice is not None:
        raise DataError(f"the landmark {shown(odd or twice)} has a name that a table cannot keep: rename it")


def _save(path: Path, rows: list[list[str]]) -> None:
    text = csv_text(rows)
    replace_file(path, lambda partial: partial.write_text(text, encoding="utf-8", newline=""))


# Parquet


def _parquet_files(place: Path) -> list[Path]:
    try:
        found = [] if place.is_file() else sorted(place.glob("*.parquet"))[:100]
        files = [place] if place.is_file() else [path for path in found if path.is_file() and not path.is_symlink()]
        return [path for path in files if path.suffix.lower() == ".parquet" and _is_parquet(path)]
    except OSError:
        return []


def _is_parquet(path: Path) -> bool:
    with path.open("rb") as stream:
        return stream.read(4) == b"PAR1"


def read_parquet(place: Path, how: Reading) -> LabelSet:
    """Read a long or wide table in a Parquet file, or those in a folder. Raises DataError, also without pyarrow."""
    files = [place] if place.is_file() else _parquet_files(place)
    if not files:
        raise DataError(f"{place}: no .parquet files")
    reader = _Reader(place.parent if place.is_file() else place, how)
    for file in files:
        rows = _parquet_rows(file)
        try:
            columns = _columns(rows[0][1])
        except DataError as error:
            raise DataError(f"{file}: {error}") from None
        reader.add(file, columns, rows[1:], comma=False)
    return reader.labels()


def _parquet_rows(file: Path) -> list[tuple[int, list[str]]]:
    parquet = pyarrow("parquet")
    try:
        with parquet.ParquetFile(file) as opened:
            rows, columns = opened.metadata.num_rows, opened.metadata.num_columns
            if rows * columns > MOST_CELLS:
                raise DataError(f"{file} has {rows:,} rows of {columns:,} cells, wanted at most {MOST_CELLS:,} cells")
            table = opened.read()
            names, lists = table.column_names, [column.to_pylist() for column in table.columns]
    except DataError:
        raise
    except (OSError, ValueError, KeyError, TypeError, NotImplementedError, RuntimeError, MemoryError) as error:
        raise DataError(f"{file} is not a Parquet file that can be read ({error})") from None
    rows = [["" if cell is None else str(cell).strip() for cell in row] for row in zip(*lists, strict=True)]
    return list(enumerate([[str(name) for name in names], *rows]))


def write_parquet(labels: LabelSet, out: Path, pictures: Pictures) -> list[Loss]:
    """Write labels.parquet, the table of `write_long`, and the pictures. Raises DataError without pyarrow."""
    pyarrow()
    import pandas

    shapes = _shape(labels)
    header, *rows = list(_long(labels, out, pictures, shapes))
    frame = pandas.DataFrame(rows, columns=header)
    for name in ("x", "y", "score", *(f"box_{side}" for side in BOX)):
        if name in frame:
            frame[name] = pandas.to_numeric(frame[name])
    replace_file(out / "labels.parquet", lambda partial: frame.to_parquet(partial, engine="pyarrow", index=False))
    names = 0 if labels.faces else len(labels.landmarks)
    return losses(names=names, **lost(labels, "mirror", "edges", "groups"))


FORMAT_WIDE = Format("csv-wide", "table with a row a face (CSV)", detect_wide, read_csv, write_wide)
FORMAT_LONG = Format("csv-long", "table with a row a landmark (CSV)", detect_long, read_csv, write_long)
FORMAT_PARQUET = Format("parquet", "table with a row a landmark (Parquet)", detect_parquet, read_parquet, write_parquet)
#: All, in the order in which they are asked.
FORMATS = (FORMAT_WIDE, FORMAT_LONG, FORMAT_PARQUET)
