"""DeepLabCut: a project with config.yaml and labeled-data/FOLDER/CollectedData_SCORER.csv, or one of its files.

A table has three or four rows of headings (scorer, individuals in a project with several animals, bodyparts, coords)
and a row for each picture, whose path stands in one column (old versions) or three. Individuals are faces, and their
names subjects only if config.yaml says `identity: true`; otherwise any animal may be individual1 in each picture. A
missing value is a point without a label. Labels of a video that was cropped are those of the cropped pictures beside
the table, so nothing is added. Coordinates are pixels from the top-left corner. Tables with `likelihood` were made by a
model.

The .h5 file that DeepLabCut writes beside the csv holds the same labels. It is read where there is no csv, unless it is
of the layout in which pandas pickles the names. Writing makes the csv only: `deeplabcut.convertcsv2h5("config.yaml",
userfeedback=False)` makes the .h5 files from them.
Source: https://deeplabcut.github.io/DeepLabCut/docs/standardDeepLabCut_UserGuide.html.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import yaml

from mdmd.data.definition import MOST_LANDMARKS
from mdmd.data.text import shown, text_problem
from mdmd.errors import DataError
from mdmd.files import replace_file
from mdmd.formats.format import Format, Pictures, Reading, losses, place_picture
from mdmd.formats.images import ImageFinder
from mdmd.formats.labels import Face, Image, LabelSet, LeftOut, Loss
from mdmd.formats.lost import Places, has_label, lost, name_of
from mdmd.formats.text import LARGEST_YAML, counted, csv_text, number_of, rows_of, start_of, text_of, yaml_of

#: The names of files with labels, those of people first.
FILES = ("CollectedData*", "machinelabels*")
LABELED = "labeled-data"
SCORER = "labeler"
#: Bytes of each list of values in an .h5 file that are read.
LARGEST_VALUES = 1_000_000_000
MOST_INDIVIDUALS = 1000
#: Columns that hold a picture's path.
MOST_PARTS = 16
HDF5 = b"\x89HDF\r\n\x1a\n"


@dataclass(frozen=True)
class Column:
    """What a column of a table holds: a coordinate ("x", "y" or "likelihood") of a landmark of an individual."""

    individual: str | None
    landmark: str
    coordinate: str


@dataclass(frozen=True, eq=False)
class Table:
    """A table of DeepLabCut: its columns, and for each picture its name and the row of numbers."""

    columns: tuple[Column, ...]
    rows: tuple[tuple[str, np.ndarray], ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def landmarks(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(column.landmark for column in self.columns))


def detect(place: Path) -> bool:
    """Whether `place` is a project, a folder of its labeled pictures, or one of their tables."""
    try:
        if place.is_dir():
            tables = _tables(place)
            return (_config_of(place) is not None and bool(tables)) or any(map(_is_own, tables))
        if place.suffix.lower() in (".yaml", ".yml"):
            return _is_config(place) and bool(_tables(place.parent))
        return _is_own(place)
    except (OSError, ValueError):
        return False


def read(place: Path, how: Reading) -> LabelSet:
    """Read a project, a folder in it, or one table. Raises DataError if there is no table that can be read."""
    folder = place if place.is_dir() else place.parent
    root = _root(folder)
    config = _config_of(root)
    files = [place] if place.is_file() and place.suffix.lower() in (".csv", ".h5") else _tables(folder)
    told: Mapping[str, Any] = {} if config is None else yaml_of(config, "scorer and bodyparts")
    scorer = told.get("scorer")
    files.sort(key=lambda file: (file.parent, file.stem.startswith("machine"), file.stem != f"CollectedData_{scorer}"))
    if not files:
        raise DataError(f"{place}: no {' or '.join(FILES)} below {LABELED}, as DeepLabCut has them")
    return read_tables(files, root, how, told)


def read_tables(files: Sequence[Path], root: Path, how: Reading, told: Mapping[str, Any] | None = None) -> LabelSet:
    """The labels of the tables `files` below `root`; `told` is the project's config.yaml. Raises DataError."""
    tables, left_out, changes = dict[Path, Table](), list[LeftOut](), list[str]()
    for file in files:
        try:
            tables[file] = table_of(file)
            changes += _differences(file, tables[file])
        except DataError as error:
            if len(files) == 1:
                raise
            left_out.append(LeftOut(file.relative_to(root).as_posix(), str(error)))
    if not tables:
        raise DataError(left_out[0].why)
    named = _names((told or {}).get("multianimalbodyparts")) + _names((told or {}).get("uniquebodyparts"))
    named = named or _names((told or {}).get("bodyparts"))
    found = list(dict.fromkeys(name for table in tables.values() for name in table.landmarks))
    # A bodypart that was added to the project after the labels were made is one of its landmarks too.
    landmarks = tuple(dict.fromkeys([*named, *found])) if set(found) & set(named) else tuple(found)
    if len(landmarks) > MOST_LANDMARKS:
        raise DataError(f"found {len(landmarks):,} landmarks in {root}, wanted at most {MOST_LANDMARKS}")
    are_subjects = (told or {}).get("identity") is True
    finder = ImageFinder(root, pictures=how.pictures)
    images = dict[str, Image]()
    for file, table in tables.items():
        name = file.relative_to(root).as_posix()
        left_out += [LeftOut(f"{name}, {out.record}", out.why) for out in table.left_out]
        again = 0
        for picture, row in table.rows:
            if picture in images:
                again += 1
            else:
                faces = tuple(_faces(table, row, landmarks, are_subjects))
                images[picture] = Image(picture, finder.find(picture), faces)
        if again:
            why = f"{counted(again, 'row is', 'rows are')} of pictures that have labels already"
            left_out.append(LeftOut(name, why))
    edges = tuple(_edges((told or {}).get("skeleton"), landmarks))
    return LabelSet(landmarks, tuple(images.values()), edges, left_out=tuple(left_out), changes=tuple(changes))


def _faces(table: Table, row: np.ndarray, landmarks: Sequence[str], are_subjects: bool) -> Iterator[Face]:
    """The face of each individual in a row, who is its subject if `are_subjects`."""
    index = {name: k for k, name in enumerate(landmarks)}
    own = dict[str | None, list[tuple[Column, float]]]()
    for column, value in zip(table.columns, row.tolist(), strict=True):
        own.setdefault(column.individual, []).append((column, value))
    for individual, cells in own.items():
        values = np.full((len(landmarks), 3), np.nan)
        scored = False
        for column, value in cells:
            values[index[column.landmark], ("x", "y", "likelihood").index(column.coordinate)] = value
            scored |= column.coordinate == "likelihood"
        labeled = np.asarray(np.isfinite(values[:, :2]).all(axis=1))
        if not labeled.any():
            continue
        points = np.where(labeled[:, None], values[:, :2], 0.0)
        scores = np.clip(np.nan_to_num(values[:, 2]), 0, 1) if scored else None
        subject = individual if are_subjects else None
        yield Face(points, np.where(labeled, 2, 0), predicted=scored, scores=scores, subject=subject)


def _names(found: Any) -> list[str]:
    """The names of a list; empty if it is none."""
    return [name for name in found if _is_name(name)] if isinstance(found, list) else []


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and bool(name.strip()) and text_problem(name) is None


def _edges(skeleton: Any, landmarks: Sequence[str]) -> Iterator[tuple[int, int]]:
    """The lines of a skeleton: a list of names joins each with the next."""
    seen, index = set[frozenset[int]](), {name: k for k, name in enumerate(landmarks)}
    for chain in skeleton if isinstance(skeleton, list) else []:
        indices = [index.get(name, -1) for name in _names(chain)]
        for a, b in pairwise(indices):
            if min(a, b) >= 0 and a != b and frozenset((a, b)) not in seen:
                seen.add(frozenset((a, b)))
                yield a, b


# Files of a project


def _root(folder: Path) -> Path:
    """The folder of the project that `folder` is, or lies in."""
    for root in (folder, *folder.parents[:2]):
        if _config_of(root) is not None:
            return root
    return folder.parent.parent if folder.parent.name == LABELED else folder


def _config_of(folder: Path) -> Path | None:
    path = folder / "config.yaml"
    return path if path.is_file() and not path.is_symlink() and _is_config(path) else None


def _is_config(path: Path) -> bool:
    text = start_of(path, LARGEST_YAML)
    return all(re.search(rf"^{key}\s*:", text, re.MULTILINE) for key in ("scorer", "bodyparts"))


def _tables(folder: Path) -> list[Path]:
    """The tables of a project, of labeled-data or of one of its folders. Of a csv and an .h5, the csv."""
    places = [folder, *_folders(folder / LABELED)]
    places += _folders(folder) if folder.name == LABELED else []
    found = dict[Path, Path]()
    for place in places:
        for pattern in FILES:
            for path in sorted(place.glob(pattern)):
                if path.suffix.lower() in (".csv", ".h5") and path.is_file() and not path.is_symlink():
                    found.setdefault(path.with_suffix(""), path)  # "csv" comes before "h5"
    return list(found.values())


def _folders(folder: Path) -> list[Path]:
    if not folder.is_dir() or folder.is_symlink():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())


def _is_own(path: Path) -> bool:
    """Whether a file is a table of DeepLabCut, and none of Lightning Pose."""
    if path.suffix.lower() == ".h5" and path.is_file():
        with path.open("rb") as stream:
            return stream.read(len(HDF5)) == HDF5 and b"_nlevels" in stream.read(1_000_000)
    return path.suffix.lower() == ".csv" and table_kind(path) == "deeplabcut"


def table_kind(path: Path) -> str | None:
    """ "deeplabcut" or "lightning-pose" for a csv file with such headings; None for another. Raises nothing.

    Lightning Pose writes paths in one column, as old versions of DeepLabCut did. Their files lie beside their pictures
    or in a project with config.yaml, and those with individuals are DeepLabCut's as well.
    """
    lines = start_of(path, 4_000_000).splitlines()[:5]
    try:
        rows = [row for _, row in rows_of("\n".join(lines))]
        heading = _heading(rows)
    except DataError:
        return None
    first = rows[heading.height] if len(rows) > heading.height else [""]
    beside = PurePosixPath(first[0].replace("\\", "/")).parent.name
    in_project = any(_config_of(root) is not None for root in path.absolute().parents[:3])
    own = (
        heading.width > 1 or heading.has_individuals or in_project or (beside and path.absolute().parent.name == beside)
    )
    return "deeplabcut" if own else "lightning-pose"


# Tables


@dataclass(frozen=True)
class _Heading:
    """The headings of a csv: how many rows and columns they have, and what the columns hold; None is not used."""

    height: int
    width: int
    columns: tuple[Column | None, ...]
    has_individuals: bool


def _heading(rows: Sequence[Sequence[str]]) -> _Heading:
    titles = [row[0].casefold() for row in rows[:4]]
    several = titles[:4] == ["scorer", "individuals", "bodyparts", "coords"]
    if not several and titles[:3] != ["scorer", "bodyparts", "coords"]:
        raise DataError(f"found the headings {shown(titles)}, wanted scorer, (individuals), bodyparts and coords")
    height = 4 if several else 3
    width = next((k for k, cell in enumerate(rows[height - 1]) if k and cell), 0)
    if not 1 <= width <= MOST_PARTS or len({len(row) for row in rows[:height]}) != 1:
        raise DataError("the rows of headings do not have the same number of columns")
    individuals = rows[1][width:] if several else [None] * (len(rows[0]) - width)
    triples = zip(individuals, rows[height - 2][width:], rows[height - 1][width:], strict=True)
    return _Heading(height, width, _columns(triples), several)


def _columns(triples: Iterable[tuple[str | None, str, str]]) -> tuple[Column | None, ...]:
    """What the columns hold, by individual, landmark and coordinate; None for those that are not read."""
    columns = [
        Column(individual or None, landmark, coordinate.casefold())
        if coordinate.casefold() in ("x", "y", "likelihood") and landmark
        else None
        for individual, landmark, coordinate in triples
    ]
    used = [column for column in columns if column is not None]
    twice = next((column for column, count in Counter(used).items() if count > 1), None)
    if twice is not None:
        raise DataError(f"two columns are {twice.coordinate} of {shown(twice.landmark)}")
    parts, there = {(column.individual, column.landmark) for column in used}, {*used}
    for individual, landmark in parts:
        for coordinate in ("x", "y"):
            if Column(individual, landmark, coordinate) not in there:
                raise DataError(f"there is no column {coordinate} of {shown(landmark)}")
    for name in {name for pair in parts for name in pair if name is not None}:
        if said := text_problem(name):
            raise DataError(f"the name of a bodypart or individual {said}")
    if not parts or len({landmark for _, landmark in parts}) > MOST_LANDMARKS:
        raise DataError(f"found {counted(len(parts), 'bodypart')}, wanted 1 to {MOST_LANDMARKS}")
    if len({individual for individual, _ in parts}) > MOST_INDIVIDUALS:
        raise DataError(f"found more than {MOST_INDIVIDUALS} individuals")
    return tuple(columns)


def table_of(file: Path) -> Table:
    """The table in a csv or .h5 file. Raises DataError, which names the file."""
    try:
        return _from_h5(file) if file.suffix.lower() == ".h5" else _from_csv(file)
    except DataError as error:
        text = str(error)
        raise DataError(text if str(file) in text else f"{file}: {text}") from None


def _from_csv(file: Path) -> Table:
    rows = list(rows_of(text_of(file)))
    heading = _heading([row for _, row in rows[:4]])
    used = [k for k, column in enumerate(heading.columns) if column is not None]
    kept, left_out = list[tuple[str, np.ndarray]](), list[LeftOut]()
    for line, row in rows[heading.height :]:
        record = f"line {line}"
        try:
            cells = row[heading.width :]
            cells += [""] * (len(heading.columns) - len(cells)) if len(row) >= heading.width else []
            if len(row) != heading.width + len(heading.columns):
                raise DataError(f"found {counted(len(row), 'cell')}, wanted {heading.width + len(heading.columns)}")
            kept.append((_picture(row[: heading.width]), np.array([number_of(cells[k]) for k in used])))
        except DataError as error:
            left_out.append(LeftOut(record, str(error)))
    return _checked(tuple(c for c in heading.columns if c is not None), kept, left_out)


def _picture(parts: Sequence[str]) -> str:
    name = "/".join(part for part in parts if part)
    if not name or text_problem(name, longest=4096):
        raise DataError(f"found {shown(name)}, wanted the path of a picture")
    return name


def _checked(columns: tuple[Column, ...], rows: list[tuple[str, np.ndarray]], left_out: list[LeftOut]) -> Table:
    if rows and all(name.isdigit() for name, _ in rows):
        raise DataError("its rows are frames of a video, not pictures: extract the frames first")
    return Table(columns, tuple(rows), tuple(left_out))


def _from_h5(file: Path) -> Table:
    """The table that pandas wrote in its layout "fixed", which holds nothing pickled that is needed."""
    import h5py  # takes a third of a second to import

    try:
        with h5py.File(file, "r") as opened:
            group = next((node for name in list(opened) if isinstance(node := _node(opened, name), h5py.Group)), None)
            if group is None:
                raise DataError("it holds no table")
            if "table" in group:
                raise DataError("its names of landmarks are pickled, which is not read: put the csv beside it")
            return _frame(group)
    except (
        OSError,
        KeyError,
        RuntimeError,
        TypeError,
        IndexError,
        AttributeError,
        OverflowError,
        MemoryError,
    ) as error:
        raise DataError(f"it is not an HDF5 file as DeepLabCut writes it ({error})") from None
    except ValueError as error:
        raise error if isinstance(error, DataError) else DataError(f"it cannot be read ({error})") from None


def _frame(group: Any) -> Table:
    names = [str(name) for name in _index(group, "axis1", joined="/")]
    columns, values = list[tuple[str, ...]](), list[np.ndarray]()
    blocks = int(group.attrs.get("nblocks", 0))
    if not 1 <= blocks <= 100:
        raise DataError(f"found {counted(blocks, 'block')} of columns, wanted 1 to 100")
    for k in range(blocks):
        block = _values(group, f"block{k}_values")
        items = _index(group, f"block{k}_items")
        if block.ndim != 2 or block.shape != (len(names), len(items)) or block.dtype.kind not in "fiu":
            raise DataError(f"found a block of {block.shape} values, wanted numbers in {len(names)} x {len(items)}")
        columns += [item if isinstance(item, tuple) else (item,) for item in items]
        values.append(block.astype(np.float64))
    if {len(column) for column in columns} not in ({3}, {4}):
        raise DataError("the columns have no scorer, bodypart and coordinate")
    found = _columns((column[1] if len(column) == 4 else None, column[-2], column[-1]) for column in columns)
    order = _in_order(group, columns)
    table = np.concatenate(values, axis=1)
    used = [k for k in order if found[k] is not None]
    kept, left_out = list[tuple[str, np.ndarray]](), list[LeftOut]()
    for name, row in zip(names, table, strict=True):
        try:
            kept.append((_picture([name]), np.array([number_of(repr(float(row[k]))) for k in used])))
        except DataError as error:
            left_out.append(LeftOut(f"row {shown(name)}", str(error)))
    return _checked(tuple(column for k in used if (column := found[k]) is not None), kept, left_out)


def _in_order(group: Any, columns: list[tuple[str, ...]]) -> list[int]:
    """Positions of the blocks' columns in the order of the table."""
    wanted = {item: k for k, item in enumerate(_index(group, "axis0"))}
    return sorted(range(len(columns)), key=lambda k: wanted.get(columns[k], len(wanted)))


def _index(group: Any, name: str, joined: str | None = None) -> list[Any]:
    """The labels of an axis: text, or tuples of texts; with `joined` tuples become one text."""
    if name in group:
        return [_text(value) for value in _values(group, name).ravel()]
    levels = int(group.attrs.get(f"{name}_nlevels", 0))
    if not 1 <= levels <= MOST_PARTS:
        raise DataError(f"found {counted(levels, 'level')} of {name}, wanted 1 to {MOST_PARTS}")
    columns = []
    for k in range(levels):
        texts = [_text(value) for value in _values(group, f"{name}_level{k}").ravel()]
        codes = _values(group, f"{name}_label{k}").ravel()
        if codes.dtype.kind not in "iu" or (codes >= len(texts)).any():
            raise DataError(f"the labels of {name} are not of its level {k}")
        columns.append([texts[code] if code >= 0 else "" for code in codes.tolist()])
    rows = list(zip(*columns, strict=True))
    return rows if joined is None else [joined.join(part for part in row if part) for row in rows]


def _node(group: Any, name: str) -> Any:
    import h5py

    if not isinstance(group.get(name, getlink=True), h5py.HardLink):
        raise DataError(f"{shown(name)} is a link")
    return group[name]


def _values(group: Any, name: str) -> np.ndarray:
    import h5py

    found = _node(group, name)
    if not isinstance(found, h5py.Dataset) or found.dtype.kind not in "fiuSO" or found.external or found.is_virtual:
        raise DataError(f"{shown(name)} is not a plain list of values")
    if found.dtype.kind == "O" and h5py.check_string_dtype(found.dtype) is None:
        raise DataError(f"{shown(name)} is pickled, which is not read: put the csv beside it")
    if found.size is None or found.nbytes > LARGEST_VALUES:
        raise DataError(f"{shown(name)} has more than {LARGEST_VALUES:,} bytes")
    return found[()]


def _text(value: Any) -> str:
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="replace")
    return str(value)


def _differences(file: Path, table: Table) -> Iterator[str]:
    """A sentence if the .h5 file beside the csv `file` can be read and holds other labels."""
    beside = file.with_suffix(".h5")
    if file.suffix.lower() != ".csv" or not beside.is_file() or beside.is_symlink():
        return
    try:
        other = table_of(beside)
    except DataError:
        return
    if not _is_same(table, other):
        yield f"{file.name} and {beside.name} hold different labels: those of {file.name} are read"


def _is_same(one: Table, other: Table) -> bool:
    if set(one.columns) != set(other.columns):
        return False
    places = {column: k for k, column in enumerate(other.columns)}
    order = [places[column] for column in one.columns]
    rows, others = dict(one.rows), dict(other.rows)
    return rows.keys() == others.keys() and all(
        np.allclose(row, others[name][order], rtol=0, atol=0.001, equal_nan=True) for name, row in rows.items()
    )


# Writing


def write(labels: LabelSet, out: Path, pictures: Pictures) -> list[Loss]:
    """Write a project. With several faces in a picture, or subjects of faces, it is one of several animals.

    A face without a subject is the first of individual1, individual2, ... that is free in its picture. Then, and where
    two faces of a picture have one subject, individuals are no subjects: `identity` is true only if all of them are.
    """
    kept, dropped = labeled_only(labels)
    folders, places = dict[str, str](), Places()
    rows = dict[str, list[tuple[str, Image]]]()
    for image in kept.images:
        place = name_of(image)
        folder = _folder_of(place, folders)
        name = places.free(PurePosixPath(folder, place.name)).name
        rows.setdefault(folder, []).append((name, image))
        place_picture(image, out / LABELED / folder / name, pictures)
    several = any(len(image.faces) > 1 or any(face.subject for face in image.faces) for image in kept.images)
    individuals, clashes = _individuals(kept) if several else ({}, 0)
    subjects = [face.subject for image in kept.images for face in image.faces]
    are_subjects = several and None not in subjects and not clashes
    everyone = list(dict.fromkeys(name for names in individuals.values() for name in names)) or [""]
    for folder, found in rows.items():
        table = heading_rows(labels.landmarks, everyone if several else None, width=3)
        for name, image in found:
            people = individuals[image] if several else [""]
            faces = dict(zip(people, image.faces, strict=True))
            cells = [cell for person in everyone for cell in face_cells(faces.get(person), labels)]
            table.append([LABELED, folder, name, *cells])
        save(out / LABELED / folder / f"CollectedData_{SCORER}.csv", csv_text(table))
    if rows:
        told = _settings(labels, list(rows), everyone if several else None, are_subjects)
        save(out / "config.yaml", yaml.safe_dump(told, sort_keys=False, allow_unicode=True))
    counts = lost(kept, "hidden", "absent", "box", "scores", "predicted", "split", "subject", "mirror", "groups")
    lost_subjects = 0 if are_subjects else sum(subject is not None for subject in subjects)
    return losses(**dropped, **counts, face_subject=lost_subjects)


def labeled_only(labels: LabelSet) -> tuple[LabelSet, dict[str, int]]:
    """The set without faces that have no label, and images that have no other face; and how many of both."""
    images = [replace(image, faces=tuple(filter(has_label, image.faces))) for image in labels.images]
    faces = labels.faces - sum(len(image.faces) for image in images)
    kept = tuple(image for image in images if image.faces)
    return replace(labels, images=kept), {"face": faces, "empty_image": len(images) - len(kept)}


def _folder_of(place: PurePosixPath, folders: dict[str, str]) -> str:
    """The name in labeled-data for the folder of `place`; `folders` holds those that are given."""
    key = "/".join(place.parts[:-1])
    if key not in folders:
        wanted = "-".join(place.parts[:-1]) or "pictures"
        name, number = wanted, 1
        while name.casefold() in {other.casefold() for other in folders.values()}:
            number += 1
            name = f"{wanted}-{number}"
        folders[key] = name
    return folders[key]


def _individuals(labels: LabelSet) -> tuple[dict[Image, list[str]], int]:
    """The individual of each face, and how many subjects could not be kept, as two faces of an image have them."""
    subjects = {face.subject for image in labels.images for face in image.faces}
    found, clashes = dict[Image, list[str]](), 0
    for image in labels.images:
        names = list[str]()
        for face in image.faces:
            name = face.subject
            if name is None or name in names or name != name.strip() or not name:
                clashes += name is not None
                free = (f"individual{k}" for k in range(1, 2 * len(image.faces) + len(subjects) + 1))
                name = next(one for one in free if one not in names and one not in subjects)
            names.append(name)
        found[image] = names
    return found, clashes


def heading_rows(landmarks: Sequence[str], individuals: Sequence[str] | None, width: int) -> list[list[str]]:
    """The rows of headings of a table whose paths take `width` columns."""
    if any(name != name.strip() or not name for name in landmarks):
        raise DataError("a landmark's name begins or ends with a blank, which a table does not keep: rename it")
    people = individuals or [""]
    blank = [""] * (width - 1)
    cells = [(person, name, axis) for person in people for name in landmarks for axis in ("x", "y")]
    rows = [["scorer", *blank, *([SCORER] * len(cells))]]
    rows += [["individuals", *blank, *(cell[0] for cell in cells)]] if individuals else []
    return [
        *rows,
        ["bodyparts", *blank, *(cell[1] for cell in cells)],
        ["coords", *blank, *(cell[2] for cell in cells)],
    ]


def face_cells(face: Face | None, labels: LabelSet) -> list[str]:
    """x and y of each landmark; blank without a label."""
    if face is None:
        return [""] * (2 * len(labels.landmarks))
    table = np.where(face.visibility[:, None] > 0, face.points, math.nan)
    return ["" if math.isnan(number) else repr(round(number, 6)) for number in table.ravel().tolist()]


def save(path: Path, text: str) -> None:
    """Write the text file `path`, and its folder."""
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda partial: partial.write_text(text, encoding="utf-8", newline=""))


def _settings(
    labels: LabelSet, folders: list[str], individuals: list[str] | None, are_subjects: bool
) -> dict[str, Any]:
    """A config.yaml. DeepLabCut puts the project's real path in when it opens it, and finds folders by their videos."""
    names = list(labels.landmarks)
    parts: dict[str, Any] = {"bodyparts": names}
    if individuals is not None:
        parts = {
            "individuals": individuals,
            "uniquebodyparts": [],
            "multianimalbodyparts": names,
            "bodyparts": "MULTI!",
        }
    return {
        "Task": "faces",
        "scorer": SCORER,
        "date": "Jan1",
        "multianimalproject": individuals is not None,
        "identity": True if are_subjects else None,
        "project_path": ".",
        "video_sets": {f"videos/{folder}.mp4": {"crop": "0, 1, 0, 1"} for folder in folders},
        **parts,
        "start": 0,
        "stop": 1,
        "numframes2pick": 20,
        "skeleton": [[names[a], names[b]] for a, b in labels.edges],
        "skeleton_color": "black",
        "pcutoff": 0.6,
        "dotsize": 12,
        "alphavalue": 0.7,
        "colormap": "rainbow",
        "TrainingFraction": [0.95],
        "iteration": 0,
        "default_net_type": "resnet_50",
        "default_augmenter": "default",
        "snapshotindex": -1,
        "batch_size": 8,
        "cropping": False,
        "x1": 0,
        "x2": 640,
        "y1": 277,
        "y2": 624,
        "corner2move2": [50, 50],
        "move2corner": True,
    }


FORMAT = Format("deeplabcut", "DeepLabCut", detect, read, write)
