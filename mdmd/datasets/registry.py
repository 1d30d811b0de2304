"""The datasets that the user has added by name, for `mdmd sources` and options such as `--source 300w`."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mdmd.data.coco import default_name
from mdmd.data.definition import Definition
from mdmd.data.records import Dataset, Sample
from mdmd.data.text import shown
from mdmd.datasets import readers
from mdmd.datasets.foreign import ForeignSet, is_own, must_be_bare, read_foreign
from mdmd.datasets.readers import COCO, PUBLISHED
from mdmd.datasets.reading import Reading
from mdmd.errors import DataError
from mdmd.files import read_json, write_json
from mdmd.formats import known
from mdmd.run_folder import typed

#: A data set as the public functions take it: a `Dataset`, a file or folder of labels, or the name of an added dataset.
Data = Dataset | ForeignSet | Path | str


@dataclass(frozen=True)
class Source:
    """An added dataset: its path, how to read it, and its number of faces by split when it was added.

    `definition` is a COCO category, `pictures` a folder, and `chosen` landmarks of the file by those of the definition;
    they are of a set of another tool (`ForeignSet`).
    """

    name: str
    kind: str
    path: Path
    one_based: bool | None
    faces: dict[str, int]
    landmarks: int
    definition: dict[str, Any] | None = None
    pictures: str | None = None
    chosen: dict[str, str] = field(default_factory=dict)

    @property
    def asked(self) -> ForeignSet:
        """The set and how it is read, where it is of another tool."""
        own = None if self.definition is None else Definition.from_category(self.definition, where=self.name)
        pictures = None if self.pictures is None else Path(self.pictures)
        return ForeignSet(self.path, self.kind, own, self.chosen, pictures, self.one_based)


class Sources:
    """The list of added datasets, kept in the folder `home` (see `default_home`), which need not exist yet."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.file = home / "sources.json"

    def all(self) -> list[Source]:
        """All added datasets, sorted by name. Raises DataError if the list is damaged."""
        return [self._source(name, record) for name, record in sorted(self._records().items())]

    def get(self, name: str) -> Source:
        """The dataset with this name. Raises DataError if there is none."""
        records = self._records()
        if name not in records:
            added = ", ".join(sorted(records)) or "none yet"
            raise DataError(f"there is no file and no added dataset {name!r}; added: {added} (mdmd sources add)")
        return self._source(name, records[name])

    def open(self, given: Path | ForeignSet) -> Reading:
        """Read the file or folder that is `given`, or else the added dataset with this name. Raises DataError."""
        asked = given if isinstance(given, ForeignSet) else ForeignSet(given)
        place, name = asked.place, str(asked.place)
        is_name = place.name == name and place.suffix != ".json"
        if place.is_file() or not is_name or (place.is_dir() and name not in self._records()):
            return self._read_place(asked, default_name(place))
        if asked.options:
            raise DataError(
                f"found {', '.join(asked.options)} with {name!r}, which is no file or folder; an added dataset is read "
                "as was said when it was added"
            )
        return self.read(name)

    def read(self, name: str) -> Reading:
        """Read an added dataset. Raises DataError if it is unknown, has moved or cannot be used."""
        source = self.get(name)
        if not source.path.exists():
            raise DataError(f"the dataset {name!r} is not where it was: there is no {source.path}")
        return self._read(source)

    def add(
        self, given: Path | ForeignSet, *, kind: str | None = None, name: str | None = None
    ) -> tuple[Source, Reading]:
        """Read a dataset and add it to the list; a dataset with the same name is replaced.

        By default `kind` is detected and `name` is the kind, or `default_name` where it is no public dataset. Raises
        DataError if no face can be used.
        """
        asked = given if isinstance(given, ForeignSet) else ForeignSet(given)
        path, one_based = asked.place, asked.one_based
        definition, pictures, chosen = asked.definition, asked.pictures, asked.chosen
        told = definition is not None or pictures is not None or bool(chosen)
        kind = kind or detect(path, public=not told)
        if one_based is not None and kind == COCO:
            raise DataError("--one-based is for text files that count from 1; COCO files count from 0")
        if kind in PUBLISHED and told:
            raise DataError(f"--definition, --map and --pictures are for sets of other tools; {kind} has its own")
        name = name or (kind if kind in PUBLISHED else default_name(path))
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", name):
            raise DataError(f"found the dataset name {shown(name)}, wanted at most 100 letters, digits, - and _")
        records = self._records()
        shutil.rmtree(self._unpacked(name), ignore_errors=True)
        source = Source(
            name,
            kind,
            path.resolve(),
            one_based,
            {},
            0,
            None if definition is None else definition.to_category(),
            None if pictures is None else str(pictures.resolve()),
            dict(chosen),
        )
        reading = self._read(replace(source, path=path))
        rows = counts(kind, reading.dataset.samples)
        faces = {row.name: row.found for row in rows if row.found and "/" not in row.name}
        source = replace(source, faces=faces, landmarks=len(reading.dataset.definition.landmarks))
        self._write({**records, name: {**asdict(source), "path": str(source.path)}})
        return source, reading

    def remove(self, name: str) -> None:
        """Remove a dataset from the list and delete its unpacked images, but not its files. Raises DataError."""
        self.get(name)
        self._write({key: record for key, record in self._records().items() if key != name})
        shutil.rmtree(self._unpacked(name), ignore_errors=True)

    def _read(self, source: Source) -> Reading:
        unpacked = self._unpacked(source.name)
        if source.kind in PUBLISHED:
            return readers.read(
                source.kind, source.path, name=source.name, unpacked=unpacked, one_based=bool(source.one_based)
            )
        if source.kind == COCO:
            return self._read_place(replace(source.asked, form=None, one_based=None), source.name)
        return read_foreign(source.asked, name=source.name, unpacked=unpacked)

    def _read_place(self, asked: ForeignSet, name: str) -> Reading:
        """Read a set of our own dialect, or of another tool without unpacking its pictures."""
        if asked.form is None and is_own(asked.place):
            return readers.read(COCO, must_be_bare(asked), name=name, unpacked=self._unpacked(name))
        return read_foreign(asked, name=name)

    def _unpacked(self, name: str) -> Path:
        return self.home / "unpacked" / name

    def _records(self) -> dict[str, Any]:
        if not self.file.exists():
            return {}
        try:
            records = read_json(self.file)
        except DataError as error:
            raise DataError(f"{error}; delete it to start a new list") from None
        if not isinstance(records, dict):
            raise DataError(
                f"{self.file}: found a JSON {type(records).__name__}, wanted an object; delete it to start a new list"
            )
        return records

    def _source(self, name: str, record: Any) -> Source:
        try:
            return typed(Source, {**record, "name": name, "path": Path(record["path"])}, self.file)
        except (DataError, TypeError, KeyError):
            raise DataError(f"{self.file}: the record of {name!r} is damaged; add the dataset again") from None

    def _write(self, records: Mapping[str, Any]) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        write_json(self.file, records)


def kinds() -> tuple[str, ...]:
    """The names of all kinds of datasets that can be added: public ones, and the formats of other tools."""
    return (*readers.kinds(), *(form.name for form in known.FORMATS if form.name != COCO))


def detect(path: Path, *, public: bool = True) -> str:
    """The kind of the dataset at `path`, from the files that it has. Raises DataError if no kind fits.

    Without `public`, it is no public dataset, which has its own definition.
    """
    if not path.exists():
        raise DataError(f"no such file or folder: {path}")
    if is_own(path) or (path / "annotations.json").is_file():
        return COCO
    for kind, one in PUBLISHED.items() if public and path.is_dir() else ():
        if one.fits(path):
            return kind
    form = known.found_at(path)
    if form is None:
        raise DataError(f"{path} looks like none of {', '.join(kinds())}; name its kind")
    return form.name


def default_home(environment: Mapping[str, str]) -> Path:
    """The folder of the list: MDMD_HOME if set, else .mdmd in the user's home."""
    return Path(environment.get("MDMD_HOME") or Path.home() / ".mdmd")


@dataclass(frozen=True)
class Count:
    """The number of faces of a split or split/subset: found, and published if known."""

    name: str
    found: int
    published: int | None


def counts(kind: str, samples: Sequence[Sample]) -> list[Count]:
    """The numbers of faces of each split and subset beside the published ones, in the published order.

    A split that is a separate download (300W's private test) is left out if it has no faces.
    """
    found = Counter(sample.split for sample in samples)
    found.update(f"{sample.split}/{subset}" for sample in samples for subset in dict.fromkeys(sample.subsets))
    public = PUBLISHED.get(kind)
    if public is None:
        return [Count(name, number, None) for name, number in sorted(found.items())]
    absent = {split for split in public.optional if not found[split]}
    return [
        Count(name, found[name], number) for name, number in public.faces.items() if name.split("/")[0] not in absent
    ]


def report(source: Source, reading: Reading) -> str:
    """The text that `mdmd sources add` prints: a table of counts, then warnings about differences and problems."""
    rows = counts(source.kind, reading.dataset.samples)
    width = max(len(row.name) for row in rows)
    lines = [f"{source.name}: {reading.dataset.definition.name}, in {source.path}"]
    for row in rows:
        published = "" if row.published is None else f"  of {row.published:,}"
        lines.append(f"  {row.name:<{width}}  {row.found:>6,}{published}")
    for row in rows:
        if row.published is not None and row.found != row.published:
            fewer = "fewer" if row.found < row.published else "more"
            lines.append(f"warning: {row.name} has {row.found:,} faces, {fewer} than the published {row.published:,}")
    return "\n".join([*lines, *(f"warning: {sentence}" for sentence in warnings(reading, named=20))])


def warnings(reading: Reading, *, named: int = 3) -> list[str]:
    """Sentences about missing images, unusable records, labels far from their face and what was read otherwise.

    Each sentence on the first three names the first `named` cases.
    """
    said = []
    for what, things in (
        ("pictures are missing, their faces are left out", reading.missing),
        ("records cannot be used, their faces are left out", reading.problems),
        ("faces have labels far outside their box, which are treated as unlabeled", reading.far),
    ):
        if things:
            first = "; ".join([*things[:named], *(["..."] if len(things) > named else [])])
            said.append(f"{reading.dataset.name}: {len(things):,} {what}: {first}")
    return said + [f"{reading.dataset.name}: {note}" for note in reading.notes]


def read_set(given: Data) -> tuple[Dataset, list[str]]:
    """Read the data set `given`; returns it and its warnings, which are also logged. Raises DataError."""
    if isinstance(given, Dataset):
        return given, []
    reading = Sources(default_home(os.environ)).open(given if isinstance(given, ForeignSet) else Path(given))
    found = warnings(reading)
    for sentence in found:
        logging.getLogger("mdmd").warning(sentence)
    return reading.dataset, found


def read_sets(given: Sequence[Data]) -> tuple[list[Dataset], list[str]]:
    """`read_set` of each. Sets with the same name get numbers, because a model has one head per name."""
    datasets: list[Dataset] = []
    found: list[str] = []
    for one in given:
        dataset, sentences = read_set(one)
        found += sentences
        taken = {d.name for d in datasets}
        name, k = dataset.name, 2
        while name in taken:
            name, k = f"{dataset.name}-{k}", k + 1
        datasets.append(replace(dataset, name=name))
    return datasets, found
