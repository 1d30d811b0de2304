"""Add pictures to a project: the file goes under images/, its digest into the database."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Literal

from labeler.errors import LockedError, StorageError
from labeler.pictures.ingest import Ingested, Ready, TakenNames, made_ready, sha256_of, shown_name
from labeler.storage.records import Picture
from labeler.storage.store import Store
from mdmd.data.picture_files import Kind, Skipped, any_wanted, find_pictures
from mdmd.data.places import box_problem
from mdmd.data.records import Box
from mdmd.data.text import text_problem
from mdmd.errors import DataError
from mdmd.locks import lock

#: A picture that is new, was removed and is back, or was there all the time.
Arrival = Literal["new", "back", "there"]
#: Writes more about a picture in the transaction that adds it.
Also = Callable[[Picture, Arrival], None]
#: How many pictures are decoded at once, and how many are looked at ahead.
READERS, AHEAD = 2, 16
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


@dataclass(frozen=True)
class Coming:
    """The file of a picture that may come in: its digest, and the file that is made `ready` unless it is known.

    `held` removes what is not placed, `problem` is why it cannot come in, and `alone` says that it is not one of many.
    """

    path: Path
    sha256: str
    ready: Ready | None
    held: ExitStack
    problem: DataError | None
    alone: bool


class Intake:
    """Adds pictures to a project's `store` and folder `images`. Safe to share between threads and processes.

    A picture comes in as a file first, then with all that the database says of it in one transaction. The
    `lock_file` is locked meanwhile.
    """

    def __init__(self, store: Store, images: Path, lock_file: Path) -> None:
        self._store, self._images, self._lock_file = store, images, lock_file
        self._names: tuple[int, TakenNames] | None = None

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
        coming: Coming | None = None,
    ) -> tuple[Picture, bool]:
        """Add one picture; returns it and whether it is new. A file with the same bytes is not added again.

        `name` is what it was called where it comes from, such as its path below a folder; by default the file's name.

        A picture that was removed comes back with its faces and labels. `also` is called, for a picture that is not new
        too, in the transaction that adds the picture: if it raises an error, the picture does not come in. Of many
        pictures each may be looked at ahead, as `coming`.

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
        picture, stored = self._add(
            path, name=name, split=split, subject=subject, boxes=boxes, also=also, coming=coming
        )
        return picture, stored is not None

    def put_back(self, path: Path, image_id: int) -> Picture:
        """Bring a removed picture back with its faces and labels, and with its file from `path`.

        Another picture may have a file with the same bytes. Raises DataError for a file that is not a usable picture.
        """
        with made_ready(path, self._images) as ready, self.turn():
            stored = ready.place(self._images, self._taken_names())
            try:
                return self._store.restore_image(image_id, stored.file_name, ready.sha256)
            except BaseException:
                (self._images / stored.file_name).unlink()
                raise

    def _add(
        self,
        path: Path,
        *,
        name: str,
        split: str = "train",
        subject: str | None = None,
        boxes: Iterable[Box] = (),
        also: Also | None = None,
        coming: Coming | None = None,
    ) -> tuple[Picture, Ingested | None]:
        """Like `add`, but with what was stored, or None for a picture that is not new."""
        coming = coming or self._look(path)
        with coming.held:
            if coming.problem is not None:
                raise coming.problem
            known = self._store.image_by_hash(coming.sha256)
            if known is None:
                with self.turn():
                    known = self._store.image_by_hash(coming.sha256)  # another process may have just added it
                    if known is None:
                        return self._take_in(coming, name, split, subject, boxes, also)
            if also is not None:
                with self._store.transaction(synced=coming.alone):
                    also(known, "there")
            return known, None

    def coming(self, paths: Iterable[Path]) -> Generator[Coming]:
        """Look at the files of many pictures ahead of `add`, which is to be given each in turn.

        What is added so is on the disk after `Store.sync`. Close the iterator if it is not read to its end.
        """
        with ThreadPoolExecutor(READERS) as pool:
            rest = iter(paths)
            waiting = deque(pool.submit(self._look, path, alone=False) for path in islice(rest, AHEAD))
            try:
                while waiting:
                    one = waiting.popleft().result()
                    waiting.extend(pool.submit(self._look, path, alone=False) for path in islice(rest, 1))
                    with one.held:
                        yield one
            finally:
                for later in waiting:
                    if not later.cancel() and later.exception() is None:
                        later.result().held.close()

    def _look(self, path: Path, *, alone: bool = True) -> Coming:
        """Make a file ready, unless its picture is known."""
        held = ExitStack()
        try:
            digest = sha256_of(path)
            known = self._store.image_by_hash(digest) is not None
            ready = None if known else held.enter_context(made_ready(path, self._images))
        except DataError as error:
            return Coming(path, "", None, held, error, alone)
        return Coming(path, digest, ready, held, None, alone)

    def _take_in(
        self,
        coming: Coming,
        name: str,
        split: str,
        subject: str | None,
        boxes: Iterable[Box],
        also: Also | None,
    ) -> tuple[Picture, Ingested]:
        # It was known when it was looked at, and has been removed since.
        ready = coming.ready or coming.held.enter_context(made_ready(coming.path, self._images))
        stored = ready.place(self._images, self._taken_names())
        file, digest = self._images / stored.file_name, coming.sha256
        try:
            with self._store.transaction(synced=coming.alone):
                removed = self._store.removed_image_by_hash(digest)
                if removed is not None:
                    picture = self._store.restore_image(removed, stored.file_name, ready.sha256)
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
                    self._store.add_file_digest(picture.id, ready.sha256)
                if also is not None:
                    also(picture, "new" if removed is None else "back")
        except BaseException:
            file.unlink()
            raise
        return picture, stored

    def _taken_names(self) -> TakenNames:
        """The names under images/, which are listed anew after another process has written."""
        others, _ = self._store.connection.stamp()
        if self._names is None or self._names[0] != others:
            self._names = (others, TakenNames(self._images))
        return self._names[1]

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
