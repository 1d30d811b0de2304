"""Seconds a face: pauses do not count, other people do not count, imports do not count."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from labeler.guidance.timing import FEWEST, LONGEST_PAUSE, NEWEST, missing_reviews, seconds_a_face, seconds_a_look
from labeler.storage.records import Point
from labeler.storage.store import Store


class Desk:
    """A store, and persons who label in it while time passes."""

    def __init__(self, path: Path) -> None:
        self.now = 1000.0
        self.store = Store(path, clock=lambda: self.now)

    def face(self) -> int:
        name = f"{len(self.store.images())}.png"
        picture = self.store.add_image(name, name=name, width=9, height=9, sha256=name)
        return self.store.faces(picture.id)[0].id

    def click(self, face: int, after: float, *, annotator: str | None = None, source: str = "placed") -> None:
        self.now += after
        self.store.edit_points(face, {1: Point(1, 1, 2)}, annotator=annotator, source=source)

    def spent(self, face: int) -> float | None:
        return self.store.seconds_spent(face, longest_pause=LONGEST_PAUSE)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path / "labels.db")
    yield desk
    desk.store.close()


def test_a_faces_time_begins_at_the_action_before_and_leaves_pauses_out(desk: Desk):
    first, second = desk.face(), desk.face()
    desk.click(first, 300.0)
    desk.click(first, 3.0)
    desk.click(second, 5.0)
    desk.click(second, 61.0)
    desk.click(second, 60.0)
    desk.click(first, 2.0)  # back for a moment: that time is the first face's
    assert desk.spent(first) == 5.0
    assert desk.spent(second) == 65.0


def test_two_people_do_not_shorten_each_others_time(desk: Desk):
    first, second = desk.face(), desk.face()
    desk.click(first, 100.0, annotator="ana")
    desk.click(second, 1.0, annotator="ben")
    desk.click(first, 9.0, annotator="ana")
    desk.click(second, 4.0, annotator="ben")
    assert desk.spent(first) == 10.0
    assert desk.spent(second) == 13.0


def test_a_clock_that_was_set_back_takes_no_time_away(desk: Desk):
    face = desk.face()
    desk.click(face, 2.0)
    desk.click(face, -500.0)
    desk.click(face, 3.0)
    assert desk.spent(face) == 5.0


def test_the_pace_is_the_median_of_the_newest_faces_done_by_hand(desk: Desk):
    faces = [desk.face() for _ in range(NEWEST + 5)]
    for number, face in enumerate(faces):
        desk.click(face, 100.0)
        desk.click(face, 50.0 if number < 5 else 10.0 + number % 3)
    imported = desk.face()
    desk.click(imported, 0.1, source="imported")
    newest_first = [imported, *reversed(faces)]
    assert seconds_a_face(desk.store, newest_first) == pytest.approx(11.0)
    assert seconds_a_face(desk.store, newest_first[: FEWEST + 1]) == pytest.approx(11.0)
    assert seconds_a_face(desk.store, newest_first[:FEWEST]) is None
    assert seconds_a_face(desk.store, []) is None


def test_a_look_takes_the_median_over_the_faces_that_this_person_reviewed(desk: Desk):
    faces = [desk.face() for _ in range(6)]
    desk.click(faces[0], 0.0, annotator="ana")
    for face, seconds, looks in zip(faces[1:4], (8.0, 3.0, 2.0), (4, 3, 1), strict=True):
        for _ in range(looks):
            desk.click(face, seconds / looks, annotator="ana", source="accepted")
        desk.click(face, 0.0, annotator="ben", source="corrected")
    counts = dict(zip(faces[1:4], (4, 3, 1), strict=True))
    assert seconds_a_look(desk.store, "ana", counts.get) == 2.0
    assert seconds_a_look(desk.store, "ben", counts.get) is None  # quicker than any hand
    missing = [missing_reviews(desk.store, name, counts.get) for name in ("ana", "ben", "cy")]
    assert missing == [0, 0, FEWEST], "faces that were reviewed too quickly to tell are not asked for again"
    assert seconds_a_look(desk.store, None, counts.get) is None
    counts.pop(faces[1])  # not done: two faces are too few
    assert seconds_a_look(desk.store, "ana", counts.get) is None
    assert missing_reviews(desk.store, "ana", counts.get) == 1


def test_labeling_by_hand_and_pauses_are_no_review(desk: Desk):
    faces = [desk.face() for _ in range(4)]
    for face in faces:
        desk.click(face, 40.0)
        desk.click(face, 100.0, source="accepted")
        desk.click(face, 3.0, source="accepted")
        desk.click(face, 1.0, source="dragged")
    assert seconds_a_look(desk.store, None, lambda _: 2) == 2.0


def test_what_was_accepted_unseen_says_nothing_of_any_pace(desk: Desk):
    faces = [desk.face() for _ in range(8)]
    for face in faces[:4]:
        desk.click(face, 5.0, source="accepted")
    desk.now += 30.0
    unseen = {face: (desk.store.face(face).revision, {2: Point(1, 1, 2, "accepted_unseen")}) for face in faces[3:]}
    assert desk.store.accept_unseen(unseen)[1] == set(faces[3:])
    assert seconds_a_look(desk.store, None, lambda _: 1) == 5.0
    assert [desk.spent(face) for face in faces[3:]] == [None] * 5
    assert seconds_a_face(desk.store, reversed(faces)) == 5.0
