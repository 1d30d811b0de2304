"""The store beside a plain model of what it should hold, through any sequence of edits, undo, copies and going back."""

from __future__ import annotations

import copy
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from labeler.storage.backups import Backup, Backups
from labeler.storage.mark import Mark
from labeler.storage.records import Point
from labeler.storage.store import Store
from mdmd.data.records import Box

LANDMARKS = (1, 2, 3)
places = st.one_of(
    st.none(),
    st.just(Point(None, None, 0)),
    st.builds(Point, st.floats(0, 99), st.floats(0, 79), st.sampled_from([1, 2])),
)
edits = st.dictionaries(st.sampled_from(LANDMARKS), places, min_size=1)
boxes = st.builds(Box, st.floats(0, 50), st.floats(0, 50), st.floats(1, 40), st.floats(1, 40))
WHOLE = Box(0, 0, 100, 80)


@dataclass
class Face:
    """What a face should be: its labels, box and skip reason, and the states before and after for undo and redo."""

    picture: int
    labels: dict[int, Point] = field(default_factory=dict)
    box: Box = WHOLE
    skip: str | None = None
    done: list[tuple[dict[int, Point], Box, str | None]] = field(default_factory=list)
    undone: list[tuple[dict[int, Point], Box, str | None]] = field(default_factory=list)

    @property
    def state(self) -> tuple[dict[int, Point], Box, str | None]:
        return dict(self.labels), self.box, self.skip

    def put(self, state: tuple[dict[int, Point], Box, str | None]) -> None:
        self.labels, self.box, self.skip = dict(state[0]), state[1], state[2]

    def edited(self) -> None:
        self.done.append(self.state)
        self.undone.clear()


@dataclass
class Model:
    faces: dict[int, Face] = field(default_factory=dict)
    removed: set[int] = field(default_factory=set)
    names: list[str] = field(default_factory=list)


class StoreBesideModel(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="store-model-"))
        self.store = Store(self.folder / "labels.db")
        self.backups = Backups(self.folder / "backups", self.folder / "labels.db")
        self.model = Model()
        self.copies: dict[int, Model] = {}
        self.added = 0

    def teardown(self) -> None:
        self.store.close()
        shutil.rmtree(self.folder)

    @initialize()
    def first_picture(self) -> None:
        self.add_picture()

    @rule()
    def add_picture(self) -> None:
        self.added += 1
        name = f"{self.added}.png"
        picture = self.store.add_image(name, name=name, width=100, height=80, sha256=name)
        self.model.faces[self.store.faces(picture.id)[0].id] = Face(picture.id)

    @rule(data=st.data(), box=boxes)
    def add_face(self, data: st.DataObject, box: Box) -> None:
        picture = self.model.faces[self.a_face(data)].picture
        self.model.faces[self.store.add_face(picture, box)] = Face(picture, box=box)

    def shown(self) -> list[int]:
        return [key for key, face in self.model.faces.items() if face.picture not in self.model.removed]

    def a_face(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(self.shown()))

    @rule(data=st.data(), points=edits)
    def label(self, data: st.DataObject, points: dict[int, Point | None]) -> None:
        face = self.a_face(data)
        self.store.edit_points(face, points)
        known = self.model.faces[face]
        known.edited()
        for key, point in points.items():
            known.labels.pop(key, None)
            if point is not None:
                known.labels[key] = point

    @rule(data=st.data(), box=boxes)
    def draw_box(self, data: st.DataObject, box: Box) -> None:
        face = self.a_face(data)
        known = self.model.faces[face]
        self.store.edit_box(face, box)
        known.edited()
        known.box = box

    @rule(data=st.data(), reason=st.sampled_from([None, "blurred", "not a face"]))
    def skip(self, data: st.DataObject, reason: str | None) -> None:
        face = self.a_face(data)
        known = self.model.faces[face]
        self.store.set_skip(face, reason)
        if reason != known.skip:  # to say the same again is no edit
            known.edited()
            known.skip = reason

    @rule(data=st.data())
    def undo(self, data: st.DataObject) -> None:
        possible = [key for key in self.shown() if self.model.faces[key].done]
        if possible:
            face = data.draw(st.sampled_from(possible))
            known = self.model.faces[face]
            self.store.undo(face)
            known.undone.append(known.state)
            known.put(known.done.pop())

    @rule(data=st.data())
    def redo(self, data: st.DataObject) -> None:
        possible = [key for key in self.shown() if self.model.faces[key].undone]
        if possible:
            face = data.draw(st.sampled_from(possible))
            known = self.model.faces[face]
            self.store.redo(face)
            known.done.append(known.state)
            known.put(known.undone.pop())

    @precondition(lambda self: len({self.model.faces[key].picture for key in self.shown()}) > 1)
    @rule(data=st.data())
    def remove_picture(self, data: st.DataObject) -> None:
        picture = self.model.faces[self.a_face(data)].picture
        self.store.remove_image(picture)
        self.model.removed.add(picture)

    @precondition(lambda self: self.model.removed)
    @rule(data=st.data())
    def bring_picture_back(self, data: st.DataObject) -> None:
        picture = data.draw(st.sampled_from(sorted(self.model.removed)))
        self.store.restore_image(picture, f"{picture}-back.png", f"{picture}")
        self.model.removed.discard(picture)

    @rule(name=st.sampled_from(["nose", "tip", "chin"]))
    def save_definition(self, name: str) -> None:
        newest = self.store.definitions.newest_version()
        self.store.definitions.save({"keypoints": [name]}, None, edited_from=newest)
        self.model.names.append(name)

    @rule()
    def make_copy(self) -> None:
        made = self.backups.make("asked")
        newest = made or self.backups.all()[0]
        self.copies[newest.number] = copy.deepcopy(self.model)

    @precondition(lambda self: self.copies)
    @rule(data=st.data())
    def go_back(self, data: st.DataObject) -> None:
        there = {backup.number: backup for backup in self.backups.all()}
        number = data.draw(st.sampled_from(sorted(self.copies.keys() & there.keys())))
        chosen: Backup = there[number]
        action = self.store.newest_action()
        version = self.store.definitions.newest_version()
        self.backups.restore(chosen)
        self.model = copy.deepcopy(self.copies[number])
        self.added += 1  # a new picture has a name of its own
        assert self.store.definitions.newest_version() >= (version if self.model.names else 0)
        face = self.shown()[0]
        assert self.store.edit_points(face, {1: None}) > action  # an edit that was made has no twin
        self.model.faces[face].edited()
        self.model.faces[face].labels.pop(1, None)

    @rule()
    def open_again(self) -> None:
        self.store.close()
        self.store = Store(self.folder / "labels.db")

    @invariant()
    def holds_what_the_model_holds(self) -> None:
        found = self.store.points()
        assert {key: found.get(key, {}) for key in self.shown()} == {
            key: self.model.faces[key].labels for key in self.shown()
        }
        assert {face.id: (face.box, face.skip) for face in self.store.faces()} == {
            key: (self.model.faces[key].box, self.model.faces[key].skip) for key in self.shown()
        }
        newest = self.store.definitions.newest()
        assert (newest.category["keypoints"] if newest else None) == (self.model.names[-1:] or None)

    @invariant()
    def is_whole(self) -> None:
        assert self.backups.damage() == []
        assert Mark(self.store.connection, self.folder / "labels.mark").missing is None


TestStoreBesideModel = StoreBesideModel.TestCase
TestStoreBesideModel.settings = settings(max_examples=10, stateful_step_count=20)
