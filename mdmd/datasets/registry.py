"""The datasets that the user has added by name, for `mdmd sources` and options such as `--source 300w`."""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from mdmd.data.coco import default_name
from mdmd.data.records import Dataset, Sample
from mdmd.data.text import shown
from mdmd.datasets.readers import COCO, PUBLISHED, Reading, detect, read
from mdmd.errors import DataError
from mdmd.files import read_json, write_json
from mdmd.run_folder import typed

#: A data set as the public functions take it: a `Dataset`, a COCO file, or the name of an added dataset.
Data = Dataset | Path | str


@dataclass(frozen=True)
class Source:
    """An added dataset: its path, how to read it, and its number of faces by split when it was added."""

    name: str
    kind: str
    path: Path
    one_based: bool
    faces: dict[str, int]
    landmarks: int


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
            known = ", ".join(sorted(records)) or "none yet"
            raise DataError(f"there is no file and no added dataset {name!r}; added: {known} (mdmd sources add)")
        return self._source(name, records[name])

    def open(self, given: Path) -> Reading:
        """Read the COCO file at the path `given`, or else the added dataset with this name. Raises DataError."""
        folder = (given / "annotations.json").is_file() and str(given) not in self._records()
        if given.is_file() or folder or given.suffix == ".json" or given.name != str(given):
            return self._read(COCO, given, default_name(given), one_based=False)
        return self.read(str(given))

    def read(self, name: str) -> Reading:
        """Read an added dataset. Raises DataError if it is unknown, has moved or cannot be used."""
        source = self.get(name)
        if not source.path.exists():
            raise DataError(f"the dataset {name!r} is not where it was: there is no {source.path}")
        return self._read(source.kind, source.path, name, one_based=source.one_based)

    def add(
        self, path: Path, *, kind: str | None = None, name: str | None = None, one_based: bool = False
    ) -> tuple[Source, Reading]:
        """Read the dataset at `path` and add it to the list; a dataset with the same name is replaced.

        By default `kind` is detected and `name` is the kind, or for COCO `default_name(path)`. Raises DataError if no
        face can be used.
        """
        kind = kind or detect(path)
        if one_based and kind == COCO:
            raise DataError("--one-based is for text files that count from 1; COCO files count from 0")
        name = name or (default_name(path) if kind == COCO else kind)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,99}", name):
            raise DataError(f"found the dataset name {shown(name)}, wanted at most 100 letters, digits, - and _")
        records = self._records()
        shutil.rmtree(self._unpacked(name), ignore_errors=True)
        reading = self._read(kind, path, name, one_based=one_based)
        rows = counts(kind, reading.dataset.samples)
        faces = {row.name: row.found for row in rows if row.found and "/" not in row.name}
        source = Source(name, kind, path.resolve(), one_based, faces, len(reading.dataset.definition.landmarks))
        self._write({**records, name: {**asdict(source), "path": str(source.path)}})
        return source, reading

    def remove(self, name: str) -> None:
        """Remove a dataset from the list and delete its unpacked images, but not its files. Raises DataError."""
        self.get(name)
        self._write({key: record for key, record in self._records().items() if key != name})
        shutil.rmtree(self._unpacked(name), ignore_errors=True)

    def _read(self, kind: str, path: Path, name: str, *, one_based: bool) -> Reading:
        return read(kind, path, name=name, unpacked=self._unpacked(name), one_based=one_based)

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
    known = PUBLISHED.get(kind)
    if known is None:
        return [Count(name, number, None) for name, number in sorted(found.items())]
    absent = {split for split in known.optional if not found[split]}
    return [
        Count(name, found[name], number) for name, number in known.faces.items() if name.split("/")[0] not in absent
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
    """Sentences about missing images, unusable records and labels far from their face, if there are any.

    Each sentence names the first `named` cases.
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
    return said


def read_set(given: Data) -> tuple[Dataset, list[str]]:
    """Read the data set `given`; returns it and its warnings, which are also logged. Raises DataError."""
    if isinstance(given, Dataset):
        return given, []
    reading = Sources(default_home(os.environ)).open(Path(given))
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
