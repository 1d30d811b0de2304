"""The datasets that this machine's user has added, by name: what stands behind `mdmd sources` and `--source 300w`."""

from __future__ import annotations

import json
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
from mdmd.datasets.readers import COCO, PUBLISHED, Reading, detect, read
from mdmd.errors import DataError

#: What the functions of the package take as a data set: one that was read, a COCO file, or the name of an added one.
Data = Dataset | Path | str


@dataclass(frozen=True)
class Source:
    """A dataset that was added: where it is and how it is read; `faces` by split, as they were found then."""

    name: str
    kind: str
    path: Path
    one_based: bool
    faces: Mapping[str, int]
    landmarks: int


class Sources:
    """The list of added datasets, kept in the folder `home` (see `default_home`), which need not exist yet."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.file = home / "sources.json"

    def all(self) -> list[Source]:
        """The added datasets by name; raises DataError when the list is damaged."""
        return [self._source(name, record) for name, record in sorted(self._records().items())]

    def get(self, name: str) -> Source:
        """The dataset of that name; raises DataError when there is none."""
        records = self._records()
        if name not in records:
            known = ", ".join(sorted(records)) or "none yet"
            raise DataError(f"there is no file and no added dataset {name!r}; added: {known} (mdmd sources add)")
        return self._source(name, records[name])

    def open(self, given: Path) -> Reading:
        """What a command was given: the COCO file at this path, or else the dataset of this name. Raises DataError."""
        folder = (given / "annotations.json").is_file() and str(given) not in self._records()
        if given.is_file() or folder or given.suffix == ".json" or given.name != str(given):
            return self._read(COCO, given, default_name(given), one_based=False)
        return self.read(str(given))

    def read(self, name: str) -> Reading:
        """The faces of an added dataset, under its name. Raises DataError."""
        source = self.get(name)
        if not source.path.exists():
            raise DataError(f"the dataset {name!r} is not where it was: there is no {source.path}")
        return self._read(source.kind, source.path, name, one_based=source.one_based)

    def add(
        self, path: Path, *, kind: str | None = None, name: str | None = None, one_based: bool = False
    ) -> tuple[Source, Reading]:
        """Read the dataset at `path` and remember it; one of the same name is replaced.

        `kind` is by default detected, `name` the kind, or for COCO files that of the file. Raises DataError when no
        face of it can be used.
        """
        kind = kind or detect(path)
        if one_based and kind == COCO:
            raise DataError("--one-based is for text files that count from 1; COCO files count from 0")
        name = name or (default_name(path) if kind == COCO else kind)
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
            raise DataError(f"the name {name!r} of a dataset must be letters, digits, - and _; give it another")
        records = self._records()
        shutil.rmtree(self._unpacked(name), ignore_errors=True)
        reading = self._read(kind, path, name, one_based=one_based)
        rows = counts(kind, reading.dataset.samples)
        faces = {row.name: row.found for row in rows if row.found and "/" not in row.name}
        source = Source(name, kind, path.resolve(), one_based, faces, len(reading.dataset.definition.landmarks))
        self._write({**records, name: {**asdict(source), "path": str(source.path)}})
        return source, reading

    def remove(self, name: str) -> None:
        """Forget a dataset, and delete what was unpacked from it; its own files stay. Raises DataError."""
        self.get(name)
        self._write({key: record for key, record in self._records().items() if key != name})
        shutil.rmtree(self._unpacked(name), ignore_errors=True)

    def _read(self, kind: str, path: Path, name: str, *, one_based: bool) -> Reading:
        return read(kind, path, name=name, unpacked=self._unpacked(name), one_based=one_based)

    def _unpacked(self, name: str) -> Path:
        return self.home / "unpacked" / name

    def _records(self) -> dict[str, Any]:
        try:
            records = json.loads(self.file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            raise DataError(f"{self.file} is not readable: {error}; delete it to begin anew") from None
        if not isinstance(records, dict):
            raise DataError(f"{self.file}: found a JSON {type(records).__name__}, wanted an object; delete it")
        return records

    def _source(self, name: str, record: Any) -> Source:
        try:
            return Source(**{**record, "name": name, "path": Path(record["path"])})
        except (TypeError, KeyError):
            raise DataError(f"{self.file}: the record of {name!r} is damaged; add the dataset again") from None

    def _write(self, records: Mapping[str, Any]) -> None:
        self.home.mkdir(parents=True, exist_ok=True)
        part = self.file.with_suffix(".part")
        part.write_text(json.dumps(records, indent=1), encoding="utf-8")
        part.replace(self.file)


def default_home(environment: Mapping[str, str]) -> Path:
    """Where the list is kept: the folder that MDMD_HOME names, else .mdmd in the user's home."""
    return Path(environment.get("MDMD_HOME") or Path.home() / ".mdmd")


@dataclass(frozen=True)
class Count:
    """Faces of one split or split/subset: found, and published where that is known."""

    name: str
    found: int
    published: int | None


def counts(kind: str, samples: Sequence[Sample]) -> list[Count]:
    """The faces of each split and subset beside the published numbers, in the order of the publication.

    A split that is a download of its own (300W's private test) is left out when there is nothing of it.
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
    """What was found, as `mdmd sources add` prints it: a table of counts, then everything that is not as published."""
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
    """A sentence about missing pictures and one about unreadable records, where there are any; the first `named`
    of each are named."""
    said = []
    for what, things in (
        ("pictures are missing, their faces are left out", reading.missing),
        ("records cannot be used, their faces are left out", reading.problems),
        ("faces have labels far away from them, which are taken as not labeled", reading.far),
    ):
        if things:
            first = "; ".join([*things[:named], *(["..."] if len(things) > named else [])])
            said.append(f"{reading.dataset.name}: {len(things):,} {what}: {first}")
    return said


def read_set(given: Data) -> tuple[Dataset, list[str]]:
    """The set that `given` means, and the warnings about it, which are logged as well. Raises DataError."""
    if isinstance(given, Dataset):
        return given, []
    reading = Sources(default_home(os.environ)).open(Path(given))
    found = warnings(reading)
    for sentence in found:
        logging.getLogger("mdmd").warning(sentence)
    return reading.dataset, found


def read_sets(given: Sequence[Data]) -> tuple[list[Dataset], list[str]]:
    """`read_set` of each; sets of one name are numbered, for a model has one head a name."""
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
