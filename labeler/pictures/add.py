"""Add pictures to a project: the file goes under images/, its digest into the database."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from labeler.errors import LockedError, StorageError
from labeler.pictures.ingest import Ingested, TakenNames, ingest, sha256_of, shown_name
from labeler.storage.records import Picture
from labeler.storage.store import Store
from mdmd.data.picture_files import Kind, Skipped, any_wanted, find_pictures
from mdmd.data.places import box_problem
from mdmd.data.records import Box
from mdmd.data.text import text_problem
from mdmd.errors import DataError
from mdmd.locks import lock

#: Writes more about a picture in the transaction that adds it; told whether the picture is new.
Also = Callable[[Picture, bool], None]
#: The subject of a file that is called by a name; None if it is a subject by itself.
SubjectOf = Callable[[Path, str], str | None]


@dataclass(frozen=True)
class IngestReport:
    """The result of adding pictures.

    `added` counts new pictures and `already` those that existed. `refused` holds (name, reason) of each refused
    picture, and `skipped` what was passed over, by kind.
    """

    added: int
    already: int
    refused: list[tuple[str, str]]
    skipped: tuple[Skipped, ...] = ()

    @property
    def nothing(self) -> bool:
        """Whether no picture came in."""
        return self.added == self.already == 0

    @property
    def complete(self) -> bool:
        """Whether everything came in that a user would expect to."""
        return not self.refused and not any_wanted(self.skipped)


class Intake:
    """Adds pictures to a project's `store` and folder `images`. Safe to share between threads and processes.

    A picture comes in as a file first, then with all that the database says of it in one transaction. The
    `lock_file` is locked meanwhile.
    """

    def __init__(self, store: Store, images: Path, lock_file: Path) -> None:
        self._store, self._images, self._lock_file = store, images, lock_file
        self._names, self._others = TakenNames(), 0

    def add_all(self, paths: Iterable[Path], *, subject: SubjectOf = lambda file, name: None) -> IngestReport:
        """Add files and all pictures in folders; a refused file does not stop the others. Raises LockedError.

        `subject` tells the subject of each new picture from its file and name; None: it is one by itself.
        """
        found = find_pictures(paths)
        added = already = 0
        refused = []
        left_out: dict[Kind, list[str]] = {}
        for file, place in zip(found.pictures, found.names, strict=True):
            name = shown_name(place)
            try:
                _, stored = self._add(file, name=name, subject=subject(file, name))
            except LockedError:
                raise  # each further picture would wait as long
            except DataError as error:
                refused.append((name, str(error)))
                continue
            added += stored is not None
            already += stored is None
            if stored and stored.left_out:
                left_out.setdefault(stored.left_out, []).append(name)
        frames = (Skipped(kind, tuple(names)) for kind, names in left_out.items())
        return IngestReport(added, already, refused, (*frames, *found.skipped))

    def add(
        self,
        path: Path,
        *,
        name: str | None = None,
        split: str = "train",
        subject: str | None = None,
        boxes: Iterable[Box] = (),
        also: Also | None = None,
    ) -> tuple[Picture, bool]:
        """Add one picture; returns it and whether it is new. A file with the same bytes is not added again.

        `name` is what it was called where it comes from, such as its path below a folder; by default the file's name.

        A picture that was removed comes back with its faces and labels. `also` is called, for a picture that is not new
        too, in the transaction that adds the picture: if it raises an error, the picture does not come in.

        Raises DataError for a file that is not a usable picture, and for unusable boxes and names.
        """
        boxes = list(boxes)
        for box in boxes:
            if problem := box_problem(box):
                raise DataError(f"the box {box} {problem}")
        for what, text in (("name", name), ("split", split), ("subject", subject)):
            if text is not None and (problem := text_problem(text)):
                raise DataError(f"the {what} {problem}")
        name = name or shown_name(Path(path.name))
        picture, stored = self._add(path, name=name, split=split, subject=subject, boxes=boxes, also=also)
        return picture, stored is not None

    def _add(
        self,
        path: Path,
        *,
        name: str,
        split: str = "train",
        subject: str | None = None,
        boxes: Iterable[Box] = (),
        also: Also | None = None,
    ) -> tuple[Picture, Ingested | None]:
        """Like `add`, but with what was stored, or None for a picture that is not new."""
        digest = sha256_of(path)
        known = self._store.image_by_hash(digest)
        if known is None:
            with self.turn():
                known = self._store.image_by_hash(digest)  # another process may have just added it
                if known is None:
                    return self._take_in(path, digest, name, split, subject, boxes, also)
        if also is not None:
            with self._store.transaction():
                also(known, False)
        return known, None

    def _take_in(
        self,
        path: Path,
        digest: str,
        name: str,
        split: str,
        subject: str | None,
        boxes: Iterable[Box],
        also: Also | None,
    ) -> tuple[Picture, Ingested]:
        others, _ = self._store.connection.stamp()
        if others != self._others:  # another process has written: times of folders are too coarse to tell
            self._names, self._others = TakenNames(), others
        stored = ingest(path, self._images, self._names)
        file = self._images / stored.file_name
        try:
            file_digest = sha256_of(file)
            with self._store.transaction():
                removed = next((p for p in self._store.removed_images() if digest in (p.sha256, p.file_sha256)), None)
                if removed is not None:
                    picture = self._store.restore_image(removed.id, stored.file_name, file_digest)
                else:
                    picture = self._store.add_image(
                        stored.file_name,
                        name=name,
                        width=stored.width,
                        height=stored.height,
                        sha256=digest,
                        split=split,
                        subject=subject,
                        boxes=boxes,
                    )
                    self._store.add_file_digest(picture.id, file_digest)
                if also is not None:
                    also(picture, removed is None)
        except BaseException:
            file.unlink()
            raise
        return picture, stored

    @contextmanager
    def turn(self) -> Iterator[None]:
        """No other thread or process adds a picture in the block. Raises StorageError if the folder is not writable."""
        with ExitStack() as held:
            try:
                held.enter_context(lock(self._lock_file))
            except OSError as error:
                raise StorageError(
                    f"no picture can be added: {self._lock_file} cannot be written: {error.strerror}"
                ) from None
            yield
