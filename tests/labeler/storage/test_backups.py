"""Copies of the labels, going back to one, checksums and the mark."""

from __future__ import annotations

import random
import re
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlite_utils import Database

from labeler.errors import DamagedError, LockedError, NotFoundError, StorageError
from labeler.html.copies import loss_words
from labeler.project.definition import next_category
from labeler.storage.backups import LARGEST, MOST, RECENT, Backup, Backups, surplus
from labeler.storage.checksums import install, problems
from labeler.storage.contents import Loss
from labeler.storage.files import reading
from labeler.storage.mark import Mark, given
from labeler.storage.migrations import MIGRATIONS, migrate
from labeler.storage.records import Point
from labeler.storage.store import Store
from mdmd.data.records import Box, ScoredPoint
from tests.builders import write_first_version

CATEGORY = {"name": "cat", "keypoints": ["nose"], "landmark_ids": [1]}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "labels.db")
    yield store
    store.close()


@pytest.fixture
def backups(store: Store, tmp_path: Path) -> Backups:
    ticks = iter(range(1_700_000_000, 1_800_000_000, 3600))
    return Backups(tmp_path / "backups", tmp_path / "labels.db", clock=lambda: float(next(ticks)))


def add_face(store: Store, name: str = "a.png") -> int:
    picture = store.add_image(name, name=name, width=100, height=80, sha256=name)
    return store.faces(picture.id)[0].id


def test_a_copy_holds_what_was_there_and_is_made_once(store: Store, backups: Backups):
    face = add_face(store)
    store.edit_points(face, {1: Point(3, 4, 2), 2: Point(None, None, 0)})
    made = backups.make("opened")
    assert made is not None
    assert made.path.name.startswith("0001 ")
    assert made.path.name.endswith(" opened.db")
    assert made.words.endswith(", when the project was opened")
    assert backups.make("edits") is None  # nothing has changed
    contents = backups.contents(made)
    assert (contents.pictures, contents.labeled_faces, contents.points) == (1, 1, 1)
    assert (contents.images, contents.actions, contents.landmarks) == (((1, 1),), ((1, 2),), frozenset())
    store.edit_points(face, {1: Point(5, 4, 2)})
    assert backups.make("edits") is not None
    assert [copy.number for copy in backups.all()] == [2, 1]
    assert [path.name for path in backups.folder.iterdir() if path.suffix != ".db"] == []


def test_going_back_restores_every_label_and_says_before_what_is_lost(store: Store, backups: Backups):
    first, second = add_face(store), add_face(store, "b.png")
    store.definitions.save(CATEGORY, None, edited_from=0)
    store.edit_points(first, {1: Point(3, 4, 2)})
    copy = backups.make("asked")
    assert copy
    then = (store.points(), store.history(first), store.images(), store.faces())
    store.edit_points(second, {1: Point(9, 9, 2)})
    store.undo(first)
    add_face(store, "c.png")
    store.definitions.save({**CATEGORY, "keypoints": ["tip"]}, None, edited_from=1)
    assert backups.loss(backups.contents(copy)) == Loss(edits=2, faces=2, pictures=1, versions=1)
    newest = store.newest_action()
    backups.restore(copy)
    assert (store.points(), store.history(first), store.images(), store.faces()) == then
    assert backups.all()[0].reason == "restore"  # what was there before can be brought back, too
    # Numbers that were given are not given again: pages know edits by them, and runs versions of the landmarks.
    assert store.edit_points(second, {1: Point(1, 1, 2)}) == newest + 1
    assert [saved.version for saved in store.definitions.all()] == [1, 3]
    assert store.definitions.all()[-1].category["keypoints"] == ["nose"]
    assert store.definitions.all()[-1].category["definition_version"] == 3
    assert backups.damage() == []


def test_ids_of_landmarks_that_going_back_lost_are_not_given_again(store: Store, backups: Backups):
    def saved(names: list[str], edited_from: int) -> list[int]:
        known = store.definitions.all()
        ids = [*known[-1].category["landmark_ids"], None][: len(names)] if known else None
        category = {**CATEGORY, "keypoints": names, "landmark_ids": ids, "flsg": {"nose": [*range(len(names))]}}
        complete = next_category(category, known, last=store.definitions.last_landmark())
        return store.definitions.save(complete, None, edited_from=edited_from).category["landmark_ids"]

    assert saved(["nose"], 0) == [1]
    copy = backups.make("asked")
    assert copy
    assert saved(["nose", "tragus"], 1) == [1, 2]
    backups.restore(copy)
    # A run that learned the tragus must not propose its points for the mole.
    assert saved(["nose", "mole"], 3) == [1, 3]


def test_going_back_is_taken_back(store: Store, backups: Backups):
    face = add_face(store)
    copy = backups.make("asked")
    assert copy
    store.edit_points(face, {1: Point(3, 4, 2)})
    backups.restore(copy)
    assert store.points() == {}
    backups.restore(backups.all()[0])
    assert store.points() == {face: {1: Point(3, 4, 2)}}


def test_a_copy_of_an_older_labeler_is_brought_up_to_date(tmp_path: Path):
    write_first_version(tmp_path / "labels.db")
    backups = Backups(tmp_path / "backups", tmp_path / "labels.db")
    store = Store(tmp_path / "labels.db", migrates=lambda: backups.make("update"))
    [copy] = backups.all()
    assert copy.reason == "update"
    assert backups.contents(copy).points == 1
    store.edit_points(1, {4: None})
    backups.restore(copy)
    assert store.points() == {1: {4: Point(3, 3, 2)}}
    store.close()


def test_a_copy_with_checksums_but_without_a_later_table_is_sound(tmp_path: Path):
    before = MIGRATIONS[: MIGRATIONS.index(next(step for step in MIGRATIONS if "TABLE face_extras" in step))]
    with closing(sqlite3.connect(tmp_path / "labels.db")) as connection:
        install(connection)
        migrate(Database(connection, strict=True), where="labels.db", steps=before)
        connection.execute("INSERT INTO images VALUES (1, 'a.png', 'a.png', 9, 9, 'x', 'train', 'a', 1.0, NULL)")
        connection.execute("INSERT INTO faces (id, image_id) VALUES (1, 1)")
        connection.execute("INSERT INTO actions VALUES (1, 1, 'create', 'whole picture', NULL, 1.0)")
        connection.execute("INSERT INTO box_edits (action_id, face_id, x, y, w, h) VALUES (1, 1, 0, 0, 9, 9)")
        connection.commit()
    backups = Backups(tmp_path / "backups", tmp_path / "labels.db")
    store = Store(tmp_path / "labels.db", migrates=lambda: backups.make("update"))
    [copy] = backups.all()
    with reading(copy.path) as connection:
        assert (backups.damage(), problems(connection)) == ([], [])
    store.extras.put_face(store.imports.begin("a.json", "COCO"), 1, {"track_id": 5})
    backups.restore(copy)
    assert store.extras.of_faces() == {}
    store.extras.put_face(store.imports.begin("a.json", "COCO"), 1, {"track_id": 6})
    assert (store.extras.of_faces(), backups.damage()) == ({1: {"track_id": 6}}, [])
    store.close()


def test_a_damaged_database_is_moved_away_and_its_copies_stay(store: Store, backups: Backups, tmp_path: Path):
    face = add_face(store)
    store.edit_points(face, {1: Point(3, 4, 2)})
    copy = backups.make("asked")
    assert copy
    store.close()
    (tmp_path / "labels.db").write_bytes(b"")
    with pytest.raises(DamagedError, match="is empty"):
        Store(tmp_path / "labels.db")
    backups.restore(copy)
    again = Store(tmp_path / "labels.db")
    assert again.points() == {face: {1: Point(3, 4, 2)}}
    again.close()
    [kept] = backups.folder.glob("damaged */labels.db")
    assert kept.read_bytes() == b""


def test_a_database_that_is_gone_comes_back_and_its_old_log_does_not(store: Store, backups: Backups, tmp_path: Path):
    face = add_face(store)
    store.edit_points(face, {1: Point(3, 4, 2)})
    copy = backups.make("asked")
    assert copy
    store.edit_points(face, {1: Point(5, 4, 2)})
    log = (tmp_path / "labels.db-wal").read_bytes()
    store.close()
    (tmp_path / "labels.db").unlink()
    (tmp_path / "labels.db-wal").write_bytes(log)
    assert backups.loss(backups.contents(copy)) is None
    backups.restore(copy)
    again = Store(tmp_path / "labels.db")
    assert again.points() == {face: {1: Point(3, 4, 2)}}
    again.close()


def test_no_copy_is_made_of_a_damaged_database(store: Store, backups: Backups, tmp_path: Path):
    face = add_face(store, "cat.png")
    store.edit_points(face, {1: Point(3, 4, 2)})
    [good] = [backups.make("asked")]
    store.edit_points(face, {1: Point(4, 4, 2)})
    change_silently(tmp_path / "labels.db", "UPDATE point_edits SET x = 40 WHERE x = 4")
    assert store.points()[face][1].x == 40  # SQLite notices nothing
    with pytest.raises(DamagedError, match=r"the labels of face 1 in picture 1 \(cat.png\) are not as they were saved"):
        backups.make("edits")
    assert backups.all() == [good]


def change_silently(path: Path, sql: str) -> None:
    """What a damaged page does: it changes a row without the triggers."""
    with closing(sqlite3.connect(path)) as connection:
        triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(sql)
        for _, trigger in triggers:
            connection.execute(trigger)
        connection.commit()


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("UPDATE point_edits SET y = 5", "the labels of face 1"),
        ("UPDATE box_edits SET w = 5", "the labels of face 1"),
        ("UPDATE actions SET kind = 'redo' WHERE id = 2", "the labels of face 1"),
        ("DELETE FROM point_edits", "the labels of face 1"),
        ("UPDATE faces SET deleted_at = 3", "the labels of face 1"),
        ("UPDATE skip_edits SET reason = 'no'", "the labels of face 1"),
        ("UPDATE dismissals SET right = 0", "the labels of face 1"),
        ("UPDATE images SET subject = 'x'", r"the record of picture 1 \(cat.png\)"),
        ("UPDATE picture_files SET sha256 = 'x'", r"the record of picture 1 \(cat.png\)"),
        ("UPDATE definitions SET category = '{}'", "version 1 of the landmarks"),
        ("DELETE FROM batches", "the record of points that were accepted together"),
        ("DELETE FROM checksums WHERE part = 'actions'", "the labels of face 1"),
        ("UPDATE set_extras SET content = '{}'", "what imported files say of themselves is not as it was saved"),
        ("UPDATE image_extras SET content = '{}'", r"the record of picture 1 \(cat.png\)"),
        ("DELETE FROM face_extras", "the labels of face 1"),
    ],
)
def test_every_word_of_a_person_has_a_checksum(store: Store, backups: Backups, tmp_path: Path, sql: str, said: str):
    face = add_face(store, "cat.png")
    store.add_file_digest(1, "abc")
    store.definitions.save(CATEGORY, None, edited_from=0)
    store.edit_points(face, {1: Point(3, 4, 2)})
    store.set_skip(face, "blurred")
    store.say_right(face, "outlier", {1: (3.0, 4.0)}, annotator=None)
    with store._transaction() as db:
        db.execute("INSERT INTO batches VALUES (2, 2)")
    number = store.imports.begin("a.json", "COCO")
    store.extras.put_set(number, {"licenses": []})
    store.extras.put_image(number, 1, {"license": 1})
    store.extras.put_face(number, face, {"track_id": 5})
    assert backups.damage() == []
    change_silently(tmp_path / "labels.db", sql)
    [problem] = backups.damage()
    assert re.search(said, problem)


def test_checksums_follow_every_way_of_writing(store: Store, backups: Backups):
    rng = random.Random(3)
    faces = [add_face(store, f"{k}.png") for k in range(4)]
    for k in range(120):
        face = rng.choice(faces)
        store.edit_points(face, {rng.randrange(4): rng.choice([None, Point(k, 1.5, 2), Point(None, None, 0)])})
        if store.can_undo_redo(face)[rng.randrange(2)]:
            store.undo(face) if store.can_undo_redo(face)[0] else store.redo(face)
    store.add_file_digest(1, "a")
    store.add_file_digest(1, "b")
    store.remove_image(1)
    store.restore_image(1, "again.png", "c")
    store.delete_face(store.add_face(1, Box(1, 2, 3, 4)))
    assert backups.damage() == []


def test_copies_are_made_while_others_write(store: Store, backups: Backups):
    face = add_face(store)
    stop = threading.Event()

    def write() -> None:
        k = 0
        while not stop.is_set():
            k += 1
            store.edit_points(face, {1: Point(k, 0, 2), 2: Point(k, 1, 2)})

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = [copy for _ in range(10) if (copy := backups.make("edits"))]
    finally:
        stop.set()
        writer.join()
    assert len(made) >= 2
    for copy in made:
        assert backups.problems(copy) == []
        with closing(sqlite3.connect(copy.path)) as connection:
            places = {x for (x,) in connection.execute("SELECT x FROM current_points")}
        assert len(places) <= 1  # both points of an edit, or none


def test_the_newest_copies_stay_and_of_older_ones_one_a_day():
    copies = [
        Backup(100 - k, f"2026-11-{20 - k // 10:02} 1{9 - k % 10}.00.00", "edits", Path(f"{k}")) for k in range(100)
    ]
    going = {copy.number for copy in surplus(copies, [10] * 100)}
    kept = [copy for copy in copies if copy.number not in going]
    assert kept[:RECENT] == copies[:RECENT]
    assert [copy.when[:10] for copy in kept[RECENT:]] == [f"2026-11-{day:02}" for day in range(18, 10, -1)]
    assert len(surplus(copies[:30], [LARGEST // 4] * 30)) == 26  # four fit
    assert len(surplus(copies[:30], [LARGEST] * 30)) == 28  # two always stay
    days = [Backup(k, f"{2026 - k}-01-01 10.00.00", "edits", Path(f"{k}")) for k in range(60)]
    assert len(surplus(days, [1] * 60)) == 60 - MOST


def test_an_unknown_number_names_those_that_are_there(backups: Backups, store: Store):
    add_face(store)
    with pytest.raises(NotFoundError, match=r"there is no copy 3 \(there are: none\)"):
        backups.backup(3)


def test_a_mark_tells_what_is_missing_after_a_log_was_deleted(tmp_path: Path):
    store = Store(tmp_path / "labels.db")
    face = add_face(store)
    store.connection.db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.connection.db.execute("PRAGMA wal_autocheckpoint = 0")
    for k in range(7):
        store.edit_points(face, {1: Point(k, 0, 2)})
    mark = Mark(store.connection, tmp_path / "labels.mark")
    assert mark.missing is None
    mark.write()
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "labels.db").write_bytes((tmp_path / "labels.db").read_bytes())  # without its log
    (tmp_path / "copy" / "labels.mark").write_bytes((tmp_path / "labels.mark").read_bytes())
    store.close()

    copy = Store(tmp_path / "copy" / "labels.db")
    mark = Mark(copy.connection, tmp_path / "copy" / "labels.mark")
    assert mark.missing is not None
    assert (mark.missing.edits, mark.missing.pictures, mark.missing.versions) == (7, 0, 0)
    copy.edit_points(face, {1: Point(1, 0, 2)})
    mark.write()
    again = Mark(copy.connection, tmp_path / "copy" / "labels.mark")
    assert again.missing is not None  # until a person goes on without them
    assert again.missing.edits == 7
    again.accept()
    assert Mark(copy.connection, tmp_path / "copy" / "labels.mark").missing is None
    assert given(tmp_path / "copy" / "labels.mark")["actions"] == 2
    copy.close()


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"rows": {"actions": "x"}, "given": {}, "missing": null}'])
def test_a_mark_that_cannot_be_used_says_nothing(store: Store, tmp_path: Path, content: str):
    (tmp_path / "labels.mark").write_text(content)
    assert Mark(store.connection, tmp_path / "labels.mark").missing is None
    assert given(tmp_path / "labels.mark") == {}


@pytest.mark.parametrize("text", ["{", "[1]", "7"])
def test_damaged_json_in_a_row_is_one_sentence_that_names_it(store: Store, tmp_path: Path, text: str):
    store.definitions.save(CATEGORY, None, edited_from=0)
    store.charges.add("carried", {"by": "person"})
    store.base_points.write("starter", {"name": "cat"}, {})
    change_silently(tmp_path / "labels.db", f"UPDATE definitions SET category = '{text}'")
    change_silently(tmp_path / "labels.db", f"UPDATE charges SET why = '{text}'")
    change_silently(tmp_path / "labels.db", f"UPDATE bases SET category = '{text}'")
    for read, row in (
        (store.definitions.all, "definition 1"),
        (store.charges.all, "charge 1"),
        (store.base_points.categories, "base starter"),
    ):
        with pytest.raises(DamagedError, match=f"labels.db is damaged: {row} cannot be read: "):
            read()


def test_a_damaged_schema_is_damage_although_its_error_cannot_even_be_read(
    store: Store, backups: Backups, tmp_path: Path
):
    face = add_face(store)
    store.edit_points(face, {1: Point(3, 4, 2)})
    copy = backups.make("asked")
    assert copy
    store.close()
    path = tmp_path / "labels.db"
    path.write_bytes(path.read_bytes().replace(b"CREATE TABLE images", b"CREATE \xea\xff\xfeLE images"))
    assert backups.damage()
    with pytest.raises(DamagedError, match="is not a usable label database"):
        Store(path)
    backups.restore(copy)
    again = Store(path)
    assert again.points() == {face: {1: Point(3, 4, 2)}}
    again.close()


def test_damage_that_the_sums_do_not_show_is_moved_away_when_going_back(store: Store, backups: Backups, tmp_path: Path):
    for k in range(30):
        store.edit_points(add_face(store, f"{k}.png"), {1: Point(3, 4, 2)})
    copy = backups.make("asked")  # so that no other is made: the sums have not changed since
    assert copy
    labels = store.points()
    store.close()
    path = tmp_path / "labels.db"
    with closing(sqlite3.connect(path)) as database:
        [(page,)] = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'sqlite_sequence'")
        [(size,)] = database.execute("PRAGMA page_size")
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(bytes([7]) * size)
    backups.restore(copy)
    again = Store(path)
    assert again.points() == labels
    again.close()
    assert len(list(backups.folder.glob("damaged */labels.db"))) == 1


def test_a_locked_database_is_not_called_damaged_nor_moved_away(store: Store, tmp_path: Path) -> None:
    face = add_face(store)
    store.edit_points(face, {1: Point(3, 4, 2)})
    store.close()
    path = tmp_path / "labels.db"
    backups = Backups(tmp_path / "backups", path, patience=0.05)
    made = backups.make("asked")
    assert made is not None
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA locking_mode = EXCLUSIVE")  # no other connection may even read
        other.execute("BEGIN EXCLUSIVE")
        for attempt in (backups.damage, lambda: backups.restore(made)):
            with pytest.raises(LockedError, match=r"another program keeps .*labels\.db locked: close it and try again"):
                attempt()
        with pytest.raises(StorageError, match="locked"):
            backups.make("edits")
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")  # other connections may read
        assert backups.damage() == []
        with pytest.raises(LockedError):
            backups.restore(made)
    assert [file.name for file in backups.folder.iterdir()] == [made.path.name]
    backups.restore(made)
    again = Store(path)
    assert again.points() == {face: {1: Point(3, 4, 2)}}
    again.close()


def test_points_that_an_import_brought_are_lost_unless_it_was_taken_back(store: Store, backups: Backups) -> None:
    face = add_face(store)
    first = store.imports.begin("a.json", "COCO")
    store.imports.add_points(first, face, {1: ScoredPoint(3, 4, None)})
    copy = backups.make("opened")
    assert copy
    contents = backups.contents(copy)
    assert backups.loss(contents) == Loss(edits=0, faces=0, pictures=0, versions=0)
    second = store.imports.begin("b.json", "COCO")
    store.imports.add_points(second, face, {1: ScoredPoint(5, 4, 0.5), 2: ScoredPoint(1, 1, 0.5)})
    lost = backups.loss(contents)
    assert lost == Loss(edits=0, faces=0, pictures=0, versions=0, proposed=1)
    assert loss_words(lost) == "going back loses imported proposals on 1 face"
    store.imports.take_back(second)
    assert backups.loss(contents) == Loss(edits=0, faces=0, pictures=0, versions=0)


def test_what_going_back_loses_is_said_after_going_back_and_forth(store: Store, backups: Backups) -> None:
    def losses() -> list[tuple[int, int, int, int]]:
        """What going back to each copy would lose, the oldest first."""
        found = [backups.loss(backups.contents(copy)) for copy in reversed(backups.all())]
        return [(loss.edits, loss.faces, loss.pictures, loss.versions) for loss in found if loss is not None]

    face = add_face(store)
    store.definitions.save(CATEGORY, None, edited_from=0)
    store.edit_points(face, {1: Point(1, 1, 2)})
    backups.make("opened")
    other = add_face(store, "b.png")
    store.definitions.save({**CATEGORY, "keypoints": ["snout"]}, None, edited_from=1)
    for k in range(3):
        store.edit_points(other, {1: Point(k, 1, 2)})
    assert losses() == [(3, 1, 1, 1)]
    backups.restore(backups.backup(1))  # copies what is there as 2
    assert losses() == [(0, 0, 0, 0), (0, 0, 0, 0)]
    store.edit_points(face, {1: Point(7, 1, 2)})
    backups.make("edits")  # 3: the first picture, one edit more
    assert losses() == [(1, 1, 0, 0), (1, 1, 0, 0), (0, 0, 0, 0)]
    backups.restore(backups.backup(2))
    # Its edits have smaller numbers than the one that copy 3 ends with, and yet that does not hold them.
    assert losses() == [(3, 1, 1, 1), (0, 0, 0, 0), (3, 1, 1, 1)]


def test_edits_that_are_written_during_a_check_are_no_damage(store: Store, tmp_path: Path) -> None:
    face = add_face(store)
    store.edit_points(face, {1: Point(1, 1, 2)})
    backups, writes = Backups(tmp_path / "backups", tmp_path / "labels.db"), []

    def write(sql: str) -> None:
        """Between two reads of the check."""
        if "FROM" in sql and len(writes) < 20:
            writes.append(sql)
            store.edit_points(face, {1: Point(float(len(writes)), 2, 2)})

    with reading(tmp_path / "labels.db") as connection:
        connection.set_trace_callback(write)
        assert problems(connection) == []
    assert len(writes) > 3
    assert backups.damage() == []
