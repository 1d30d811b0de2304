"""The store loses nothing: edits, undo, threads, processes, kill -9, migrations."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from sqlite_utils import Database

from labeler.errors import ConflictError, NotFoundError, StorageError
from labeler.storage.history import Seen
from labeler.storage.migrations import MIGRATIONS, migrate
from labeler.storage.records import Point, PredictedPoint
from labeler.storage.store import Store
from mdmd.data.records import Box
from mdmd.errors import DataError
from tests.builders import write_first_version


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    ticks = iter(range(1, 1_000_000))
    store = Store(tmp_path / "labels.db", clock=lambda: float(next(ticks)))
    yield store
    store.close()


def add_face(store: Store, name: str = "a.png") -> int:
    picture = store.add_image(name, name=name, width=100, height=80, sha256=name)
    return store.faces(picture.id)[0].id


def test_a_picture_comes_with_a_face_that_fills_it(store: Store):
    face = store.face(add_face(store))
    assert face.box == Box(0, 0, 100, 80)
    assert store.can_undo_redo(face.id) == (False, False)


def test_a_label_is_there_again_after_reopening(store: Store, tmp_path: Path):
    face = add_face(store)
    store.edit_points(face, {1: Point(3.25, 4.5, 2), 2: Point(1, 2, 1, "dragged"), 3: Point(None, None, 0)})
    store.close()
    again = Store(tmp_path / "labels.db")
    assert again.points(face) == {face: {1: Point(3.25, 4.5, 2), 2: Point(1, 2, 1, "dragged"), 3: Point(None, None, 0)}}
    assert again.can_undo_redo(face) == (True, False)
    again.close()


def test_undo_and_redo_walk_through_all_edits_with_their_sources(store: Store):
    face = add_face(store)
    states = [{}]
    steps: list[dict[int, Point | None]] = [
        {1: Point(1, 1, 2, "placed")},
        {1: Point(2, 2, 1, "dragged"), 2: Point(5, 5, 2, "placed")},
        {1: None},
        {2: Point(None, None, 0, "placed")},
    ]
    for step in steps:
        store.edit_points(face, step)
        states.append(store.points(face).get(face, {}))
    for state in reversed(states[:-1]):
        store.undo(face)
        assert store.points(face).get(face, {}) == state
    with pytest.raises(ConflictError, match="nothing to undo"):
        store.undo(face)
    for state in states[1:]:
        store.redo(face)
        assert store.points(face).get(face, {}) == state
    with pytest.raises(ConflictError, match="nothing to redo"):
        store.redo(face)


def test_an_edit_after_an_undo_ends_redo_but_not_undo(store: Store):
    face = add_face(store)
    store.edit_points(face, {1: Point(1, 1, 2)})
    store.edit_points(face, {1: Point(2, 2, 2)})
    store.undo(face)
    store.edit_points(face, {2: Point(3, 3, 2)})
    assert store.can_undo_redo(face) == (True, False)
    store.undo(face)
    store.undo(face)
    assert store.points(face) == {}


def test_undo_of_a_box_puts_the_old_box_back_and_leaves_the_points(store: Store):
    face = add_face(store)
    store.edit_points(face, {1: Point(1, 1, 2)})
    store.edit_box(face, Box(1, 2, 3, 4))
    store.undo(face)
    assert store.face(face).box == Box(0, 0, 100, 80)
    assert store.points(face)[face] == {1: Point(1, 1, 2)}
    store.redo(face)
    assert store.face(face).box == Box(1, 2, 3, 4)


def test_undo_on_one_face_leaves_the_others(store: Store):
    first, second = add_face(store), add_face(store, "b.png")
    store.edit_points(first, {1: Point(1, 1, 2)})
    store.edit_points(second, {1: Point(2, 2, 2)})
    store.undo(first)
    assert store.points() == {second: {1: Point(2, 2, 2)}}


def test_nothing_is_ever_overwritten(store: Store, tmp_path: Path):
    face = add_face(store)
    for x in range(5):
        store.edit_points(face, {1: Point(x, 0, 2)})
    store.undo(face)
    store.close()
    rows = (
        sqlite3.connect(tmp_path / "labels.db")
        .execute("SELECT x, old_x FROM point_edits ORDER BY action_id")
        .fetchall()
    )
    assert rows == [(0, None), (1, 0), (2, 1), (3, 2), (4, 3), (3, 4)]


def test_an_edit_from_an_old_view_merges_by_point_and_conflicts_on_the_same_point(store: Store):
    face = add_face(store)
    seen = store.face(face).revision
    store.edit_points(face, {1: Point(1, 1, 2)}, annotator="ana")
    store.edit_points(face, {2: Point(2, 2, 2)}, annotator="ben", seen=Seen(seen))
    with pytest.raises(ConflictError, match="this point has changed"):
        store.edit_points(face, {1: Point(9, 9, 2), 3: Point(9, 9, 2)}, annotator="ben", seen=Seen(seen))
    assert store.points(face)[face] == {1: Point(1, 1, 2), 2: Point(2, 2, 2)}
    newest = store.face(face).revision
    store.edit_points(face, {1: Point(9, 9, 2)}, annotator="ben", seen=Seen(newest))
    assert store.points(face)[face][1] == Point(9, 9, 2)
    assert store.annotators() == {face: ["ana", "ben"]}


def test_two_people_on_one_face_lose_no_point(store: Store):
    face = add_face(store)
    seen = store.face(face).revision

    def place(ids: range, name: str) -> None:
        for key in ids:
            store.edit_points(face, {key: Point(key, key, 2)}, annotator=name, seen=Seen(seen))

    people = [
        threading.Thread(target=place, args=(range(1, 51), "ana")),
        threading.Thread(target=place, args=(range(51, 101), "ben")),
    ]
    for person in people:
        person.start()
    for person in people:
        person.join()
    assert store.points(face)[face] == {key: Point(key, key, 2) for key in range(1, 101)}


def test_eight_threads_of_a_hundred_edits_all_land(store: Store):
    faces = [add_face(store, f"{k}.png") for k in range(8)]
    failures: list[BaseException] = []

    def work(face: int) -> None:
        try:
            for k in range(100):
                store.edit_points(face, {k % 10: Point(float(k), float(face), 2)})
                assert store.points(face)[face][k % 10].x == k
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(face,)) for face in faces]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert all(store.points(face)[face] == {k: Point(90.0 + k, float(face), 2) for k in range(10)} for face in faces)
    assert [len(store._history(face)[0]) for face in faces] == [100] * 8


WRITER = """
import sys
from pathlib import Path
from labeler.storage.store import Point, Store
store = Store(Path(sys.argv[1]))
k = 0
while True:
    store.edit_points(1, {k: Point(float(k), 0.0, 2)})
    print(k, flush=True)
    k += 1
"""


def test_kill_9_loses_no_acknowledged_edit(store: Store, tmp_path: Path):
    add_face(store)
    store.close()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "labels.db")], stdout=subprocess.PIPE, env=environment, text=True
    )
    assert writer.stdout is not None
    told = [int(writer.stdout.readline()) for _ in range(60)]
    writer.send_signal(signal.SIGKILL)
    told += [int(line) for line in writer.stdout.read().split()]
    writer.stdout.close()
    writer.wait()
    again = Store(tmp_path / "labels.db")
    there = again.points(1)[1]
    assert set(told) <= set(there)
    assert again.edit_points(1, {0: None}) > 0
    assert again.connection.rows("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    again.close()


def test_another_process_writing_changes_the_stamp(store: Store, tmp_path: Path):
    face = add_face(store)
    before = store.connection.stamp()
    assert store.connection.stamp() == before
    other = Store(tmp_path / "labels.db")
    other.edit_points(face, {1: Point(1, 1, 2)})
    other.close()
    between = store.connection.stamp()
    assert between != before
    store.edit_points(face, {1: Point(2, 2, 2)})
    assert store.connection.stamp() != between


def test_a_refused_write_is_one_sentence_and_changes_nothing(store: Store):
    face = add_face(store)
    store.connection.db.execute("PRAGMA query_only = ON")
    with pytest.raises(StorageError, match="nothing was changed"):
        store.edit_points(face, {1: Point(1, 1, 2)})
    store.connection.db.execute("PRAGMA query_only = OFF")
    assert store.points() == {}
    assert store.edit_points(face, {1: Point(1, 1, 2)}) > 0


def test_a_wrong_row_changes_nothing(store: Store):
    face = add_face(store)
    with pytest.raises(sqlite3.IntegrityError):
        store.edit_points(face, {1: Point(1, 1, 2), 2: Point(None, None, 2)})
    assert store.points() == {}
    assert store.can_undo_redo(face) == (False, False)


def test_the_database_itself_refuses_what_makes_no_sense(store: Store):
    add_face(store)
    for statement in (
        "INSERT INTO faces (image_id) VALUES (99)",
        "INSERT INTO actions (face_id, kind, source, at) VALUES (1, 'guess', '', 1)",
        "UPDATE images SET width = 'wide'",
    ):
        with pytest.raises(sqlite3.IntegrityError):
            store.connection.db.execute(statement)


def test_the_last_face_of_a_picture_stays_and_a_deleted_one_keeps_its_rows(store: Store):
    first = add_face(store)
    second = store.add_face(1, Box(1, 1, 5, 5))
    store.edit_points(second, {1: Point(1, 1, 2)})
    store.delete_face(second)
    assert [face.id for face in store.faces()] == [first]
    with pytest.raises(NotFoundError, match=f"no face {second}"):
        store.edit_points(second, {1: Point(2, 2, 2)})
    with pytest.raises(ConflictError, match="only face"):
        store.delete_face(first)
    assert store.connection.rows("SELECT count(*) AS n FROM point_edits") == [{"n": 1}]


def test_a_transaction_of_several_writes_is_written_whole_or_not_at_all(store: Store):
    def write() -> None:
        face = add_face(store)
        store.edit_points(face, {1: Point(1, 1, 2)})
        store.definitions.save({"name": "one"}, None, edited_from=0)

    def write_and_fail() -> None:
        with store.transaction():
            write()
            raise KeyError

    with pytest.raises(KeyError):
        write_and_fail()
    assert (store.images(), store.points(), store.definitions.all()) == ([], {}, [])
    with store.transaction():
        write()
    assert len(store.images()) == len(store.points()) == len(store.definitions.all()) == 1
    store.edit_points(1, {1: Point(2, 2, 2)})  # transactions of their own again
    with pytest.raises(NotFoundError):
        store.edit_points(7, {1: Point(2, 2, 2)})
    assert store.points()[1][1].x == 2


def test_predictions_come_in_once_and_the_newest_run_of_a_face_counts(store: Store):
    first, second = add_face(store), add_face(store, "b.png")
    old, new = (PredictedPoint(x, 2.0, (1.0, 0.0, 1.0), 0.5, True) for x in (1.0, 7.0))
    assert store.predictions.add(9, {first: {1: old}, second: {1: old}})
    assert store.predictions.add(10, {first: {1: new}}, radius90=2.1)
    assert not store.predictions.add(10, {first: {1: old}})
    reaching = replace(new, radius90=2.1)
    assert store.predictions.current() == {first: (10, {1: reaching}), second: (9, {1: old})}
    assert old.radius90 == pytest.approx(2.246, abs=1e-3)  # the Laplacian's
    assert store.predictions.collected_runs() == {9, 10}


def test_a_definition_saved_meanwhile_is_a_conflict(store: Store):
    store.definitions.save({"name": "one"}, None, edited_from=0)
    store.definitions.save({"name": "two"}, {"picture": 1, "points": {}}, edited_from=1)
    with pytest.raises(ConflictError, match="at version 2, your edit started from version 1"):
        store.definitions.save({"name": "three"}, None, edited_from=1)
    assert [version.category["name"] for version in store.definitions.all()] == ["one", "two"]
    saved = store.definitions.newest()
    assert saved is not None
    assert saved.category["definition_version"] == 2
    assert saved.reference == {"picture": 1, "points": {}}


def test_a_database_of_a_newer_version_is_refused_and_left_alone(store: Store, tmp_path: Path):
    store.connection.db.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    store.close()
    before = (tmp_path / "labels.db").read_bytes()
    with pytest.raises(DataError, match=r"newer labeler.*update"):
        Store(tmp_path / "labels.db")
    assert (tmp_path / "labels.db").read_bytes() == before


def test_a_failed_migration_leaves_the_file_as_it_was(store: Store, tmp_path: Path):
    face = add_face(store)
    store.edit_points(face, {1: Point(1, 1, 2)})
    steps = [
        *MIGRATIONS,
        "CREATE TABLE extra (id INTEGER) STRICT; INSERT INTO extra VALUES (1); INSERT INTO nowhere VALUES (1);",
    ]
    with pytest.raises(sqlite3.OperationalError, match="nowhere"):
        migrate(store.connection.db, where="labels.db", steps=steps)
    store.close()
    again = Store(tmp_path / "labels.db")
    assert again.points(face) == {face: {1: Point(1, 1, 2)}}
    assert "extra" not in again.connection.db.table_names()
    again.close()


def test_a_migration_runs_once(tmp_path: Path):
    database = Database(sqlite3.connect(tmp_path / "x.db"))
    steps = ["CREATE TABLE one (id INTEGER)", "INSERT INTO one VALUES (1)"]
    migrate(database, where="x.db", steps=steps[:1])
    migrate(database, where="x.db", steps=steps)
    migrate(database, where="x.db", steps=steps)
    assert database.execute("SELECT count(*) FROM one").fetchone() == (1,)
    database.close()


def test_what_came_with_pictures_and_faces_is_kept_as_it_was(store: Store):
    face = add_face(store)
    other = add_face(store, "b.png")
    extras = store.extras
    assert (extras.of_sets(), extras.of_images(), extras.of_faces()) == ([], {}, {})
    first, second = store.imports.begin("a.json", "COCO"), store.imports.begin("b.json", "COCO")
    extras.put_set(first, {"licenses": [{"id": 1}]})
    extras.put_set(second, {"licenses": []})
    extras.put_image(first, 1, {"coco_url": "http://a/\ud800 \u00fc"})
    extras.put_face(first, face, {"segmentation": [[1, 2.5]]})
    extras.put_face(second, face, {"segmentation": [[1, 3.5]]})
    extras.put_face(second, face, {"segmentation": [[1, 4.5]], "track_id": None})
    extras.put_face(second, other, {"track_id": 7})
    assert extras.of_sets() == [{"licenses": [{"id": 1}]}, {"licenses": []}]
    assert extras.of_images() == {1: {"coco_url": "http://a/\ud800 \u00fc"}}
    assert extras.of_faces() == {face: {"segmentation": [[1, 4.5]], "track_id": None}, other: {"track_id": 7}}
    assert extras.of_faces(other) == {other: {"track_id": 7}}
    store.imports.take_back(second)
    assert extras.of_sets() == [{"licenses": [{"id": 1}]}]
    assert extras.of_faces() == {face: {"segmentation": [[1, 2.5]]}}
    with pytest.raises(ValueError, match="not JSON compliant"):
        extras.put_face(first, face, {"score": float("nan")})


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path):
    (tmp_path / "labels.db").write_bytes(b"this is a text, and long enough to be looked at as a database " * 50)
    with pytest.raises(DataError, match="not a usable label database"):
        Store(tmp_path / "labels.db")


def test_a_damaged_page_is_one_sentence(tmp_path: Path):
    store = Store(tmp_path / "labels.db")
    for number in range(200):
        face = add_face(store, f"{number}.png")
        store.edit_points(face, {1: Point(number, 1, 2)})
    store.close()
    database = sqlite3.connect(tmp_path / "labels.db")
    [(page,)] = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'point_edits'")
    [(size,)] = database.execute("PRAGMA page_size")
    database.close()
    with (tmp_path / "labels.db").open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes([7]) * size)
    store = Store(tmp_path / "labels.db")
    with pytest.raises(StorageError, match="the labels could not be read: "):
        store.points()
    with pytest.raises(StorageError):
        store.edit_points(1, {1: Point(9, 9, 2)})
    store.close()


def test_a_file_that_another_program_has_locked_is_read_and_then_written(store: Store, tmp_path: Path):
    face = add_face(store)
    store.edit_points(face, {1: Point(1, 1, 2)})
    other = sqlite3.connect(tmp_path / "labels.db")
    other.execute("BEGIN EXCLUSIVE")
    again = Store(tmp_path / "labels.db")
    assert again.points() == {face: {1: Point(1, 1, 2)}}
    assert again.connection.read_only is None
    again.connection.db.execute("PRAGMA busy_timeout = 50")
    with pytest.raises(StorageError, match=r"another program keeps .*labels\.db locked"):
        again.edit_points(face, {1: Point(2, 2, 2)})
    other.close()
    again.edit_points(face, {1: Point(2, 2, 2)})
    assert store.points() == {face: {1: Point(2, 2, 2)}}
    again.close()


def test_a_folder_that_takes_no_files_is_not_called_a_broken_database(tmp_path: Path):
    with pytest.raises(StorageError, match=r"cannot be opened for writing: .*read-only, or the disk full"):
        Store(tmp_path / "no folder" / "labels.db")


def test_a_skip_is_an_edit_that_undo_takes_back_and_labels_stay(store: Store, tmp_path: Path):
    face = add_face(store)
    store.edit_points(face, {1: Point(1, 1, 2)})
    store.set_skip(face, "too blurred", annotator="ana")
    revision = store.set_skip(face, "not a face")
    assert store.set_skip(face, "not a face") == revision  # nothing changed: no action
    assert store.face(face).skip == "not a face"
    assert store.points(face)[face] == {1: Point(1, 1, 2)}
    store.undo(face)
    assert store.face(face).skip == "too blurred"
    store.undo(face)
    assert store.face(face).skip is None
    store.redo(face)
    assert [other.skip for other in store.faces()] == ["too blurred"]
    store.set_skip(face, None)
    assert store.face(face).skip is None
    store.undo(face)
    store.close()
    again = Store(tmp_path / "labels.db")
    assert again.face(face).skip == "too blurred"
    again.close()


def test_the_history_says_who_when_what_and_what_was_undone(store: Store):
    face = add_face(store)
    placed = store.edit_points(face, {3: Point(1, 1, 2)}, annotator="ana")
    several = store.edit_points(face, {1: Point(2, 2, 1), 2: None}, source="cleared", annotator="ben")
    undo = store.undo(face, annotator="ana")
    box = store.edit_box(face, Box(1, 1, 5, 5))
    skip = store.set_skip(face, "duplicate")
    store.undo(face)
    redo = store.redo(face)
    found = store.history(face)
    assert [action.id for action in found] == sorted((action.id for action in found), reverse=True)
    assert [action.kind for action in found] == ["redo", "undo", "edit", "edit", "undo", "edit", "edit", "create"]
    by_id = {action.id: action for action in found}
    assert (by_id[placed].annotator, by_id[placed].source, by_id[placed].landmarks) == ("ana", "placed", {3: 2})
    assert by_id[several].landmarks == {1: 1, 2: None}
    assert [action.id for action in found if action.undone] == [several]
    assert (by_id[undo].meant, by_id[undo].annotator, by_id[redo].meant) == (several, "ana", skip)
    assert (by_id[box].box, by_id[box].skipped) == (True, False)
    assert (by_id[skip].box, by_id[skip].skipped, by_id[skip].skip) == (False, True, "duplicate")
    assert by_id[skip].at > by_id[box].at > by_id[placed].at
    with pytest.raises(NotFoundError, match="no face 9"):
        store.history(9)


def test_own_edits_are_no_conflict_and_a_strangers_is_whatever_came_after(store: Store):
    face = add_face(store)
    seen = store.face(face).revision
    store.edit_points(face, {2: Point(7, 7, 2)}, annotator="ben")
    own = [store.edit_points(face, {1: Point(1, 1, 2)}, annotator="ana", seen=Seen(seen))]
    own += [store.edit_points(face, {1: Point(2, 2, 2)}, annotator="ana", seen=Seen(seen, own))]
    # An own edit that landed after the stranger's does not hide the stranger's.
    with pytest.raises(ConflictError, match="this point has changed since you saw it"):
        store.edit_points(face, {2: Point(3, 3, 2)}, annotator="ana", seen=Seen(seen, own))
    assert store.points(face)[face] == {1: Point(2, 2, 2), 2: Point(7, 7, 2)}


def test_an_edit_that_is_sent_again_is_carried_out_once(store: Store):
    face = add_face(store)
    store.edit_points(face, {1: Point(10, 20, 2)})
    first = store.edit_points(face, {1: Point(30, 40, 2)}, seen=Seen(edit="one"))
    store.edit_points(face, {1: Point(50, 60, 2)})
    # By now the writer has not seen the newest label, but the edit that it sends again is its own.
    assert store.edit_points(face, {1: Point(30, 40, 2)}, seen=Seen(0, (), "one")) == first
    assert store.points(face)[face][1].x == 50
    for step, left in (("undo", 30), ("redo", 50)):
        for _ in range(3):
            getattr(store, step)(face, seen=Seen(edit=step))
            assert store.points(face)[face][1].x == left
    for _ in range(2):
        store.edit_box(face, Box(1, 2, 30, 40), seen=Seen(edit="box"))
        store.set_skip(face, "blurred", seen=Seen(edit="skip"))
    store.set_skip(face, None)
    store.set_skip(face, "blurred", seen=Seen(edit="skip"))
    assert store.face(face).skip is None
    assert [action.kind for action in store.history(face)] == ["edit"] * 3 + ["redo", "undo"] + ["edit"] * 3 + [
        "create"
    ]


def test_an_edit_that_a_person_has_not_seen_is_not_undone_by_them(store: Store):
    face = add_face(store)
    own = store.edit_points(face, {1: Point(1, 1, 2)}, annotator="ana")
    store.edit_points(face, {2: Point(7, 7, 2)}, annotator="ben")
    with pytest.raises(ConflictError, match="since you saw it"):
        store.undo(face, seen=Seen(own))
    assert sorted(store.points(face)[face]) == [1, 2]
    store.undo(face, seen=Seen(store.face(face).revision))
    assert sorted(store.points(face)[face]) == [1]
    store.undo(face, seen=Seen(own - 1, [own]))
    assert store.points(face) == {}


def test_a_box_or_a_skip_of_another_person_is_not_overwritten_unseen(store: Store):
    face = add_face(store)
    seen = Seen(store.face(face).revision)
    store.edit_points(face, {1: Point(1, 1, 2)}, annotator="ben")
    mine = store.edit_box(face, Box(1, 1, 5, 5), annotator="ana", seen=seen)  # a point is not a box
    store.edit_box(face, Box(2, 2, 5, 5), annotator="ben")
    with pytest.raises(ConflictError, match="this box has changed since you saw it"):
        store.edit_box(face, Box(3, 3, 5, 5), annotator="ana", seen=Seen(seen.revision, [mine]))
    assert store.face(face).box == Box(2, 2, 5, 5)
    store.edit_box(face, Box(3, 3, 5, 5), annotator="ana", seen=Seen(store.face(face).revision))
    assert store.face(face).box == Box(3, 3, 5, 5)
    store.set_skip(face, "duplicate", annotator="ben")
    with pytest.raises(ConflictError, match="this face was skipped or included again"):
        store.set_skip(face, "not a face", annotator="ana", seen=seen)
    newest = store.face(face).revision
    assert store.set_skip(face, "duplicate", annotator="ana", seen=seen) == newest  # both said the same
    assert store.face(face).skip == "duplicate"


def test_a_file_of_the_first_version_gains_skips_and_keeps_its_labels(tmp_path: Path):
    write_first_version(tmp_path / "labels.db")
    store = Store(tmp_path / "labels.db")
    assert store.points(1) == {1: {4: Point(3, 3, 2)}}
    assert store.face(1).skip is None
    store.set_skip(1, "not a face")
    assert store.face(1).skip == "not a face"
    store.close()


def test_what_waits_for_no_disk_is_there_all_the_same_and_the_next_edit_waits_again(store: Store, tmp_path: Path):
    face = add_face(store)
    with store.transaction(synced=False):
        store.edit_points(face, {1: Point(1, 2, 2)})
    assert store.connection.rows("PRAGMA synchronous") == [{"synchronous": 2}]
    again = Store(tmp_path / "labels.db")
    assert again.points() == {face: {1: Point(1, 2, 2)}}
    again.close()
    with pytest.raises(NotFoundError), store.transaction(synced=False):
        store.edit_points(99, {1: Point(1, 2, 2)})
    assert store.connection.rows("PRAGMA synchronous") == [{"synchronous": 2}]
    store.sync()
    assert (tmp_path / "labels.db").stat().st_size > 100_000
