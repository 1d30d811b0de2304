"""The pace of labeling and reviewing, from the times of the actions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from statistics import median

from labeler.storage.store import Store

#: A gap between two actions longer than this, in seconds, is a break.
LONGEST_PAUSE = 60.0
#: The pace is the median over up to `NEWEST` faces, if there are at least `FEWEST`.
NEWEST, FEWEST = 20, 3
#: Seconds per face; faster labels were placed by a program.
FASTEST = 1.0
#: The same for review, where one key accepts a good face.
FASTEST_REVIEW = 0.25


def seconds_a_face(store: Store, complete: Iterable[int]) -> float | None:
    """The median seconds of manual work on the newest of the faces `complete` (ids, newest first); None if too few.

    Imported faces and faces labeled by a program do not count.
    """
    times = (store.seconds_spent(face, longest_pause=LONGEST_PAUSE) for face in complete)
    newest = list(islice((seconds for seconds in times if seconds is not None and seconds >= FASTEST), NEWEST))
    return median(newest) if len(newest) >= FEWEST else None


def missing_reviews(store: Store, annotator: str | None, looks: Callable[[int], int | None]) -> int:
    """How many more faces the annotator must review before their pace can be known, whatever the times; see below."""
    times = store.seconds_reviewed(annotator, longest_pause=LONGEST_PAUSE)
    return FEWEST - len(list(islice((face for face, _ in times if looks(face)), FEWEST)))


def seconds_a_look(store: Store, annotator: str | None, looks: Callable[[int], int | None]) -> float | None:
    """The annotator's median seconds per look over the newest reviewed faces; None if there are too few.

    `looks` returns the number of looks of a face (`progress.looks`), or None if it is not complete.
    """
    times = store.seconds_reviewed(annotator, longest_pause=LONGEST_PAUSE)
    found = (seconds / count for face, seconds in times if seconds >= FASTEST_REVIEW and (count := looks(face)))
    newest = list(islice(found, NEWEST))
    return median(newest) if len(newest) >= FEWEST else None
