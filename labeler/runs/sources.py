"""Large datasets to train together with: those that the user registered, and one that the tool draws."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from labeler.project.workspace import BASES, SOURCES, name_problem
from mdmd.config import PRESETS
from mdmd.data.coco import default_name, read_coco
from mdmd.data.definition import load_definition
from mdmd.datasets.registry import Source as Added
from mdmd.datasets.registry import Sources as AddedSources
from mdmd.datasets.registry import default_home
from mdmd.errors import DataError
from mdmd.files import new_folder, write_json
from mdmd.run_folder import read_object, typed
from mdmd.synthetic.datasets import write_source

#: How many faces are drawn between two words on it in the log of a run.
TOLD_EVERY = 20
#: The built-in source and how many faces are drawn for it.
DRAWN = "drawn68"
DRAWN_FACES = 1200


@dataclass(frozen=True)
class Source:
    """A dataset to train together with: its COCO file, its size, and the bases trained on it on this machine.

    `given` is the value for `mdmd adapt --source`: the path of its COCO file or the name in `mdmd sources`. The file of
    the built-in source exists only after `Sources.make`.
    """

    name: str
    path: Path
    faces: int
    landmarks: int
    bases: list[str]
    given: str


@dataclass(frozen=True)
class Recorded:
    """source.json: `data` leads to the COCO file; `faces` counts those to learn from."""

    data: str
    faces: int
    landmarks: int


class Sources:
    """The sources of a projects root, and the datasets `added` with `mdmd sources add`."""

    def __init__(self, root: Path, *, drawn_faces: int = DRAWN_FACES, added: AddedSources | None = None) -> None:
        self.root = root
        self.folder = root / SOURCES
        self.drawn_faces = drawn_faces
        self.added = added

    def all(self) -> list[Source]:
        """The built-in source, then the others by name. A source of this root hides an added one of the same name."""
        names = {path.parent.name for path in self.folder.glob("*/source.json")} | set(self._added())
        return [self.get(name) for name in (DRAWN, *sorted(names - {DRAWN}))]

    def get(self, name: str) -> Source:
        """The source of that name; raises DataError without one."""
        if name == DRAWN:
            landmarks = len(load_definition("300w").landmarks)
            path = self.folder / DRAWN / "annotations.json"
            faces = self._record(DRAWN).faces if path.is_file() else self.drawn_faces
            return self._source(DRAWN, path, faces, landmarks)
        try:
            record = self._record(name)
            return self._source(name, Path(record.data), record.faces, record.landmarks)
        except DataError:
            added = self._added()
        if name in added:
            one = added[name]
            return Source(name, one.path, one.faces.get("train", 0), one.landmarks, self._bases(name), name)
        known = {path.parent.name for path in self.folder.glob("*/source.json")} | set(added)
        raise DataError(f"there is no source named {name!r}; there are: {', '.join([DRAWN, *sorted(known - {DRAWN})])}")

    def usual(self, last: str | None) -> str:
        """The source to propose after a training with the source `last`: the same, else an added one, else DRAWN."""
        names = [known.name for known in self.all()]
        return last if last in names else next((name for name in names if name != DRAWN), DRAWN)

    def add(self, path: Path, name: str | None = None) -> Source:
        """Register a COCO-keypoint file under `name`, by default its own. Raises DataError for an unusable file."""
        dataset = read_coco(path)
        name = name or dataset.name
        problem = name_problem(name)
        if problem:
            raise DataError(problem.replace("a project's name", "a source's name"))
        if name == DRAWN:
            raise DataError(f"{DRAWN!r} is the name of the built-in source; give this one another")
        samples = [sample for sample in dataset.split("train") if sample.annotation is not None]
        if not samples:
            raise DataError(f"{path.name} has no labeled face in split 'train' to learn from")
        if not samples[0].path.is_file():
            raise DataError(f"{path.name}: its first picture, {samples[0].file_name}, is not beside it or in images/")
        (self.folder / name).mkdir(parents=True, exist_ok=True)
        landmarks = len(dataset.definition.landmarks)
        record = {"name": name, "data": str(path.resolve()), "faces": len(samples), "landmarks": landmarks}
        write_json(self.folder / name / "source.json", record, indent=1)
        return self.get(name)

    def make(self, name: str, told: Callable[[int], object] = lambda done: None) -> Path:
        """The COCO file of a source; the built-in source is drawn first if it is missing. Raises DataError.

        `told` is called with the number of faces that are drawn so far.
        """
        source = self.get(name)
        if name != DRAWN or source.path.is_file():
            return source.path
        self.folder.mkdir(parents=True, exist_ok=True)
        record = {"name": DRAWN, "data": "annotations.json", "faces": self.drawn_faces, "landmarks": source.landmarks}
        with new_folder(self.folder / DRAWN) as making:
            write_source(making, self.drawn_faces, seed=0, told=told)
            write_json(making / "source.json", record, indent=1)
        return source.path

    def _record(self, name: str) -> Recorded:
        file = self.folder / name / "source.json"
        return typed(Recorded, read_object(file) or {}, file)

    def _added(self) -> dict[str, Added]:
        """The datasets of `mdmd sources`; none if its list is damaged, which `mdmd sources list` reports."""
        try:
            return {one.name: one for one in self.added.all()} if self.added else {}
        except DataError:
            return {}

    def _source(self, name: str, path: Path, faces: int, landmarks: int) -> Source:
        return Source(name, path, faces, landmarks, self._bases(default_name(path)), str(path.resolve()))

    def _bases(self, data: str) -> list[str]:
        """The bases trained on the dataset `data`: their names begin with its name."""
        found = (self.root / BASES).glob("*/model.json")
        return sorted(base.parent.name for base in found if base.parent.name.startswith(f"{data}-"))


def usual_network(preset: str, encoder: str | None) -> bool:
    """Whether a training has the network of the starter and of bases that are learned in the background."""
    return preset == "default" and (encoder or "").strip() in ("", PRESETS[preset].model.encoder)


def has_base(source: Source, preset: str = "default", encoder: str | None = None) -> bool:
    """Whether a base of this network has been trained on the source: its name has the encoder and the head."""
    network = PRESETS[preset].model
    wanted = (encoder or "").strip() or network.encoder
    return any(f"-{wanted.split('.')[0]}-{network.head}-" in base for base in source.bases)


def machine_sources(root: Path) -> Sources:
    """All sources for the projects in `root`, with those that the user added with `mdmd sources`."""
    return Sources(root, added=AddedSources(default_home(os.environ)))


def main(root: Path, name: str, faces: int, log: Path) -> None:
    """Make a source as the first step of a run, and write the start and how far it is to the run's `log`."""

    def write(event: str, **numbers: int) -> None:
        with log.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"event": event, "time": time.time(), "stage": "source", **numbers}) + "\n")

    def told(done: int) -> None:
        if done % TOLD_EVERY == 0 or done == faces:
            write("drawn", faces=done, of=faces)

    write("start")
    Sources(root, drawn_faces=faces).make(name, told)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
