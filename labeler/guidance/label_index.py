"""The labels, the status of each face and the progress of one project. A revision of a face is read only once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from labeler.guidance import timing
from labeler.guidance.progress import Progress, Standing, looks, progress_of, standing
from labeler.guidance.proposed import ProposedPoints
from labeler.storage.records import Face, Point
from labeler.storage.store import Store
from mdmd.data.definition import Definition
from mdmd.errors import DataError

#: With more changed faces than this, all labels are read in one query instead of one query per face.
MANY_FACES = 20


class LabelIndex:
    """Labels, status and progress by the revision of each face. Only changed faces are read again.

    `name` is the name of the project, for messages, and `proposed` what its faces show before they are labeled.
    Safe to share between threads.
    """

    def __init__(self, store: Store, name: str, proposed: ProposedPoints) -> None:
        self._store, self._name, self._proposed = store, name, proposed
        self._standings: tuple[object, object, dict[Face, Standing]] = (None, None, {})
        self._definition: tuple[int, Definition | None] = (0, None)
        self._labels: tuple[dict[int, int], dict[int, dict[int, Point]]] = ({}, {})

    @property
    def definition(self) -> Definition | None:
        """The newest definition; None if there is none yet."""
        version, known = self._definition
        if version != self._store.definitions.newest_version():
            # Every click asks twice, so the definition is parsed once for each version.
            saved = self._store.definitions.newest()
            known = Definition.from_category(saved.category, where=f"project {self._name}") if saved else None
            self._definition = (saved.version if saved else 0, known)
        return known

    @property
    def ids(self) -> tuple[int, ...]:
        """The landmark ids of the newest definition; empty if there is none yet."""
        definition = self.definition
        return definition.ids if definition else ()

    def must_define(self) -> Definition:
        """The newest definition; raises DataError if there is none yet."""
        definition = self.definition
        if definition is None:
            raise DataError(f"project {self._name!r} has no landmarks defined yet")
        return definition

    def must_know(self, ids: Iterable[int]) -> list[int]:
        """`ids` as a list; raises DataError if one is not in the newest definition."""
        wanted, defined = list(ids), self.ids
        unknown = [key for key in wanted if key not in defined]
        if unknown:
            raise DataError(f"there is no landmark {unknown[0]} in the definition of project {self._name!r}")
        return wanted

    def labels(self) -> dict[int, dict[int, Point]]:
        """Labels by face and landmark id, including landmarks deleted from the definition."""
        revisions, known = self._labels
        faces = {face.id: face.revision for face in self._store.faces()}
        changed = {face for face, revision in faces.items() if revisions.get(face) != revision}
        if len(changed) > MANY_FACES:
            fresh = self._store.points()
        else:
            fresh = {face: labels for each in changed for face, labels in self._store.points(each).items()}
        labels = {face: fresh.get(face, {}) if face in changed else known[face] for face in faces}
        self._labels = (faces, labels)
        return labels

    def settled_faces(self) -> list[Face]:
        """The faces with labels that count: not skipped, and complete unless another face was edited since."""
        ids, labels, newest, settled = self.ids, self.labels(), self._store.newest_labeled(), []
        for face in self._store.faces():
            own = [labels[face.id][key] for key in ids if key in labels.get(face.id, {})]
            whole = len(own) == len(ids) or face.id != newest
            if face.skip is None and whole and any(point.v > 0 for point in own):
                settled.append(face)
        return settled

    def standings(self) -> list[Standing]:
        """The status of every face, in the order of the pictures."""
        return list(self._standing_by_face().values())

    def wanted_faces(self) -> list[Standing]:
        """The status of every face that is not skipped."""
        return [face for face in self.standings() if face.state != "skipped"]

    def training_faces(self) -> list[Standing]:
        """The faces used for training: labeled, not skipped, picture in the split "train"."""
        training = self._training_pictures()
        return [face for face in self.wanted_faces() if face.visible and face.picture in training]

    def progress(self) -> Progress:
        """The counts over all pictures and faces."""
        pictures = len(self._store.images())
        return progress_of(self.standings(), pictures=pictures, training=self._training_pictures())

    def _training_pictures(self) -> set[int]:
        return {picture.id for picture in self._store.images() if picture.split == "train"}

    def seconds_a_face(self) -> float | None:
        """The median seconds to label a face by hand, over the newest complete faces; None if there are too few."""
        complete = [face for face, found in self._standing_by_face().items() if found.state == "complete"]
        newest_first = sorted(complete, key=lambda face: face.revision, reverse=True)
        return timing.seconds_a_face(self._store, (face.id for face in newest_first))

    def seconds_a_look(self, annotator: str | None) -> float | None:
        """The annotator's median seconds per look (`progress.looks`) in review; None if there are too few."""
        return timing.seconds_a_look(self._store, annotator, self._looks())

    def missing_reviews(self, annotator: str | None) -> int:
        """How many more faces the annotator must review before `seconds_a_look` can tell."""
        return timing.missing_reviews(self._store, annotator, self._looks())

    def _looks(self) -> Callable[[int], int | None]:
        """The number of looks that the review of a face took; None for one that is not complete."""
        complete = {face.face for face in self.standings() if face.state == "complete"}

        def looks_of(face_id: int) -> int | None:
            if face_id not in complete:
                return None
            proposed = self._proposed.of(face_id)
            return looks(sum(point.flagged for point in proposed.points.values()) if proposed else 0)

        return looks_of

    def _standing_by_face(self) -> dict[Face, Standing]:
        stamp, basis, found = self._standings
        now = (self._store.connection.stamp(), self._proposed.stamp)
        if stamp != now:
            ids = frozenset(self.ids)
            basis_now = (ids, self._proposed.stamp)
            # A `Face` includes its revision, so the key of an unchanged face is still known.
            known = found if basis == basis_now else {}
            faces = self._store.faces()
            fresh = self._standings_of([face for face in faces if face not in known], ids)
            found = {face: known.get(face) or fresh[face] for face in faces}
            self._standings = (now, basis_now, found)
        return found

    def _standings_of(self, faces: Sequence[Face], ids: frozenset[int]) -> dict[Face, Standing]:
        """The status of `faces`. Of many, everything is read in one query instead of some for each face."""
        many = len(faces) > MANY_FACES
        points = self.labels() if many else {}
        proposed = self._proposed.all() if many else {}
        found = {}
        for face in faces:
            labels = (points if many else self._store.points(face.id)).get(face.id, {})
            shown = proposed.get(face.id) if many else self._proposed.of(face.id)
            found[face] = standing(face, labels, shown.points if shown else {}, ids)
        return found
