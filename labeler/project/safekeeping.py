"""What keeps a project's labels safe while it is open: copies, a check for damage, and a mark of what was saved."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from labeler.errors import DamagedError, StorageError
from labeler.storage.backups import Backup, Backups
from labeler.storage.mark import NAME, Mark, Missing, given
from labeler.storage.store import Store

#: The folder of the copies in that of a project.
FOLDER = "backups"
#: A copy is made after so many edits, or so many seconds after the last one if there was any.
EDITS, SECONDS = 200, 600.0
#: Seconds before a copy that failed is tried again.
PATIENCE = 60.0


class Safekeeping:
    """Keeps the labels of the project in `folder`, which `store` has opened. `clock` gives Unix seconds.

    Safe to share between threads.
    """

    def __init__(self, folder: Path, store: Store, backups: Backups, *, clock: Callable[[], float] = time.time) -> None:
        self.backups = backups
        self._folder, self._store, self._clock = folder, store, clock
        self._mark = Mark(store.connection, folder / NAME)
        self._damage: tuple[str, ...] = ()
        self._failed: str | None = None
        self._checked = False
        #: The newest edit and the time at which a copy was made or tried.
        self._copied: tuple[int, float] | None = None

    @property
    def missing(self) -> Missing | None:
        """What was saved and is not in the database."""
        return self._mark.missing

    @property
    def warnings(self) -> list[str]:
        """What is wrong, in sentences for the pages."""
        said = [f"labels.db is damaged: {problem}" for problem in self._damage]
        if self.missing is not None:
            said.append(missing_words(self.missing))
        if self._store.connection.read_only is not None:
            said.append(f"This project can only be looked at: {self._store.connection.read_only}")
        if self._failed is not None:
            said.append(self._failed)
        return said

    def step(self) -> None:
        """What is to be done every second: the mark, once a check, and a copy when it is time. Raises OSError."""
        if self._store.connection.read_only is not None:
            return
        self._mark.write()
        if not self._checked:
            self.check()
        if self.backups.unchecked:
            try:
                self.backups.check_new()
            except DamagedError:
                self.check()
        newest, now = self._store.newest_action(), self._clock()
        if self._copied is None:
            self._try("opened", newest)
        elif self._failed is not None:
            if now - self._copied[1] >= PATIENCE:
                self._try("edits", newest)
        elif newest - self._copied[0] >= EDITS or not 0 <= now - self._copied[1] < SECONDS:
            self._try("edits", newest)

    def _try(self, reason: str, newest: int) -> None:
        self._copied, self._failed = (newest, self._clock()), None
        try:
            self.backups.make(reason)
        except DamagedError:
            self.check()
        except StorageError as error:
            self._failed = str(error)

    def before(self, reason: str) -> None:
        """Make a copy before something that changes much. Raises StorageError and DamagedError: it must not be done.

        A person waits for it. Where `step` is called every second, it checks the copy a moment later.
        """
        if self._store.connection.read_only is None:
            if self._damage:
                raise DamagedError(f"labels.db is damaged: {'; '.join(self._damage)}")
            newest = self._store.newest_action()
            self.backups.make(reason, check=not self._checked)
            self._copied = (newest, self._clock())

    def check(self) -> tuple[str, ...]:
        """What is damaged now, as sentences. Reads the whole database. Raises LockedError."""
        self._damage = tuple(self.backups.damage())
        self._checked = True
        return self._damage

    def accept_missing(self) -> None:
        """Go on without what is missing. Raises StorageError if the mark cannot be written."""
        try:
            self._mark.accept()
        except OSError as error:
            raise StorageError(f"{self._folder / NAME} could not be written: {error.strerror}") from None

    def close(self) -> None:
        """Write what is known now. For before the database is closed."""
        with suppress(OSError, StorageError):  # the mark only tells of loss: the labels are saved
            self._mark.write()


def restore(folder: Path, number: int) -> Backup:
    """Put the copy `number` of the closed project in `folder` in the place of its labels.

    Raises NotFoundError, DamagedError if the copy is damaged, and StorageError.
    """
    backups = Backups(folder / FOLDER, folder / "labels.db")
    chosen = backups.backup(number)
    backups.restore(chosen, given=given(folder / NAME))
    (folder / NAME).unlink(missing_ok=True)
    return chosen


def missing_words(missing: Missing) -> str:
    """What is missing, and what can be done about it, in a sentence."""
    counts = {
        "edits": missing.edits,
        "pictures": missing.pictures,
        "versions of the landmarks": missing.versions,
    }
    what = ", ".join(f"{noun}: {count:,}" for noun, count in counts.items() if count)
    return (
        f"Some of what was saved is missing from labels.db ({what}): its file labels.db-wal was deleted, or an older "
        "labels.db was put in its place. Put the right files back, go back to a copy, or go on without it."
    )
