"""How fast a person labels and reviews, from the times of what they did."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from statistics import median

from labeler.storage.store import Store

#: Seconds after which a person has done something else between two actions.
LONGEST_PAUSE = 60.0
#: So many of the newest faces say how fast it goes; fewer than `FEWEST` say nothing yet.
NEWEST, FEWEST = 20, 3
#: No hand is faster: a program placed these.
FASTEST = 1.0
#: One key accepts a good face.
FASTEST_REVIEW = 0.25


def seconds_a_face(store: Store, complete: Iterable[int]) -> float | None:
    """The median time that persons spent on the newest faces of `complete` (ids, newest first).

    None while few are done. Faces that were imported, or labeled by a program, do not count.
    """
    times = (store.seconds_spent(face, longest_pause=LONGEST_PAUSE) for face in complete)
    newest = list(islice((seconds for seconds in times if seconds is not None and seconds >= FASTEST), NEWEST))
    return median(newest) if len(newest) >= FEWEST else None


def seconds_a_look(store: Store, annotator: str | None, looks: Callable[[int], int | None]) -> float | None:
    """The median time of a look over the newest faces that a person has reviewed; None while they are few.

    `looks` says how many a face takes (`ranking.looks`), None for one that is not done.
    """
    times = store.seconds_reviewed(annotator, longest_pause=LONGEST_PAUSE)
    found = (seconds / count for face, seconds in times if seconds >= FASTEST_REVIEW and (count := looks(face)))
    newest = list(islice(found, NEWEST))
    return median(newest) if len(newest) >= FEWEST else None
