"""Import of pictures, labels and predictions of other tools, and of exports of this one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from copy import copy
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from labeler.errors import LockedError
from labeler.guidance.label_index import LabelIndex
from labeler.pictures.add import Arrival, Intake
from labeler.pictures.ingest import sha256_of
from labeler.pictures.subjects import SubjectRule
from labeler.project.coco import labels_of, lies_in
from labeler.project.definition import next_category
from labeler.project.extras import Keeping
from labeler.project.pairing import by_box, by_points
from labeler.storage.records import Picture, Point
from labeler.storage.store import Store
from mdmd.data.boxes import is_whole_picture
from mdmd.data.coco import ORIGINAL_NAME
from mdmd.data.definition import Definition
from mdmd.data.images import open_picture, upright_size
from mdmd.data.records import Box, Sample, ScoredPoint
from mdmd.datasets.incoming import OF_FACE, OF_IMAGE, Incoming, predicted_of
from mdmd.datasets.matching import Match, matched
from mdmd.errors import DataError
from mdmd.formats.coco_extras import merged
from mdmd.formats.images import base_name


@dataclass(frozen=True)
class ImportReport:
    """The result of an import.

    `taken` counts the pictures of the file that are in the project now and `added` the new ones among them, `faces` and
    `points` those that got labels, and `already` the pictures left unchanged because they had labels. `replaced` counts
    the faces whose labels were replaced, and `proposed` those that got points of another model as proposals. `refused`
    holds (name, reason) of refused pictures and faces, and `notes` sentences about what was read otherwise than it
    stands. `number` is that of the import, to take it back; None if it changed nothing.
    """

    taken: int
    added: int
    faces: int
    points: int
    already: int
    refused: list[tuple[str, str]]
    notes: tuple[str, ...] = ()
    replaced: int = 0
    proposed: int = 0
    number: int | None = None

    @property
    def nothing(self) -> bool:
        """Whether no picture of the file is in the project."""
        return self.taken == 0


@dataclass(frozen=True)
class Foreseen:
    """How many pictures of a file a project has already, and how many of these have labels."""

    there: int
    labeled: int

    def words(self, *, replaces: bool | None = None) -> list[str]:
        """What becomes of them, in sentences; with `replaces` None both ways are open."""
        if not self.there:
            return []
        labels = {
            None: "which are kept or replaced, as you choose",
            True: "which those of the file replace",
            False: "which stay as they are (--replace takes those of the file)",
        }[replaces]
        has = f"; {self.labeled:,} of them with labels, {labels}" if self.labeled else ", without labels"
        return [f"pictures that the project has already: {self.there:,}{has}"]


class Importer:
    """Brings what was read into a project with pictures in `images`."""

    def __init__(self, store: Store, index: LabelIndex, intake: Intake, images: Path) -> None:
        self._store, self._index, self._intake, self._images = store, index, intake, images

    def located(self, found: Incoming) -> Incoming:
        """`found` with the project's own pictures in the place of those that are nowhere else.

        A picture is found by the name that it came in with, or by its last part where no other picture has that.
        """
        if all(samples[0].path.is_file() for samples in found.entries):
            return found
        whole: dict[str, Picture | None] = {}
        last: dict[str, Picture | None] = {}
        for picture in self._store.images():
            for names, name in ((whole, picture.name), (last, base_name(picture.name))):
                names[name.casefold()] = None if name.casefold() in names else picture
        entries = []
        for samples in found.entries:
            name = str(samples[0].extra.get(ORIGINAL_NAME, samples[0].file_name)).casefold()
            own = None if samples[0].path.is_file() else whole.get(name) or last.get(base_name(name))
            entries.append(samples if own is None else tuple(self._of_picture(own, sample) for sample in samples))
        return replace(found, entries=tuple(entries))

    def foreseen(self, found: Incoming, *, folder: Path | None = None) -> Foreseen:
        """How many of the pictures that were `found` are in the project already, by their bytes.

        `folder` is as in `bring_in`. A picture that cannot be read does not count.
        """
        points, there = self._store.points(), set[int]()
        labeled = {face.image_id for face in self._store.faces() if points.get(face.id)}
        allowed = self._allowed(found, folder)
        for samples in found.entries:
            picture = samples[0].path
            # The import says of the others why they cannot come in.
            if picture.is_file() and any(lies_in(picture, place) for place in allowed):
                with suppress(DataError):
                    known = self._store.image_by_hash(sha256_of(picture))
                    there |= set() if known is None else {known.id}
        return Foreseen(len(there), len(there & labeled))

    def _of_picture(self, picture: Picture, sample: Sample) -> Sample:
        whole = Box(0.0, 0.0, float(picture.width), float(picture.height))
        return replace(
            sample,
            path=self._images / picture.file_name,
            width=picture.width,
            height=picture.height,
            box=whole if is_whole_picture(sample.box, sample) else sample.box,
        )

    def bring_in(
        self,
        found: Incoming,
        *,
        chosen: Mapping[str, str] | None = None,
        match: Match | None = None,
        partial: bool = False,
        folder: Path | None = None,
        replace_labels: bool = False,
        rule: SubjectRule | None = None,
    ) -> ImportReport:
        """Add the pictures and labels that were `found`, or only those of the pictures in `folder`.

        Where the file does not tell who is on a new picture, `rule` finds it in the picture's name.

        `chosen` says which landmark of the file some of the project's are (see `mdmd.datasets.matching.matched`), and
        `match` which all of them are; with `partial`, what is not matched is left out. A picture comes in with all its
        faces and labels, or not at all: an import that was interrupted goes on where it was when it is started again.

        A project without a definition takes that of the file. The labels of pictures that already have some are left
        unchanged or, with `replace_labels`, replaced by those of the file, a landmark without a label too. Points of a
        model are no labels: faces without labels show them as proposals. Pictures outside the file's folder and
        `folder` are refused; if all are, nothing is changed. Raises DataError, changing nothing, if the landmarks are
        not those of the project or the file tells no groups and the project has none either, and LockedError.
        """
        found = found if folder is None else found.in_folder(folder)
        found = self.located(found)
        own, category = self._index.definition, None
        if own is None:
            if found.definition is None:
                raise DataError(
                    f"{found.where} does not tell which part of the face its landmarks belong to, and the project has "
                    "no landmarks yet: choose a definition first (Schema page, or --definition), or say it under "
                    "“Labels of another tool” on the Project page"
                )
            last = self._store.definitions.last_landmark()
            category = next_category(found.definition.to_category(), (), last=last)
            own = Definition.from_category(category)
        if match is None:
            match = match_of(found, own, chosen=chosen, partial=partial)
        taken = added = faces = points = already = replaced = proposed = 0
        record = ImportRecord(self._store, found)
        keeping = Keeping(self._store.extras, found.extra)
        refused = [(out.record, out.why) for out in found.left_out]
        pictures = _by_picture(self._usable(found, folder, refused))
        with closing(self._intake.coming(entries[0][0].path for entries in pictures)) as all_coming:
            for entries, coming in zip(pictures, all_coming, strict=True):
                first, before = entries[0][0], copy(keeping)
                labels = _PictureLabels(
                    self._store, entries, match.ids, category, record, keeping, replaces=replace_labels
                )
                try:
                    _, new = self._intake.add(
                        first.path,
                        name=str(first.extra.get(ORIGINAL_NAME, first.file_name)),
                        split=first.split,
                        subject=_subject_of(first, rule),
                        boxes=labels.boxes,
                        also=labels.write,
                        coming=coming,
                    )
                except LockedError:
                    raise  # each further picture would wait as long
                except DataError as error:
                    keeping = before  # what it wrote with this picture is not there
                    refused += [(samples[0].file_name, str(error)) for samples in entries]
                    continue
                category = None  # a file of which no picture came in leaves no definition
                taken += len(entries)
                added += new
                faces += labels.faces
                points += labels.points
                replaced += labels.replaced
                proposed += labels.proposed
                already += len(entries) if labels.already else 0
        self._store.sync()
        notes = (*found.notes, *keeping.notes, *match.words(found.landmarks, own))
        return ImportReport(taken, added, faces, points, already, refused, notes, replaced, proposed, record.number)

    def _allowed(self, found: Incoming, folder: Path | None) -> tuple[Path, ...]:
        """The folders from which pictures may come in.

        A file from elsewhere may refer to any picture on this machine, by `info.image_folder` or a link, and an export
        would publish it. Pictures of other projects are allowed, because exports of this tool refer to them.
        """
        return (*found.roots, self._images.resolve().parent.parent, *([folder] if folder else []))

    def _usable(
        self, found: Incoming, folder: Path | None, refused: list[tuple[str, str]]
    ) -> Iterator[Sequence[Sample]]:
        """Yield the pictures that may come in, and put the others into `refused`."""
        allowed = self._allowed(found, folder)
        for samples in found.entries:
            picture = samples[0].path
            try:
                if not any(lies_in(picture, place) for place in allowed):
                    raise DataError(f"the picture lies outside the folder of {found.where}; copy it there to import it")
                _check_size(samples[0])
            except DataError as error:
                refused.append((samples[0].file_name, str(error)))
            else:
                yield samples


class _PictureLabels:
    """The labels of one picture of a file, to be written in the transaction that adds it.

    `entries` are the faces of each entry of the picture, and `ids` the ids of their landmarks. `category` is the
    definition to save first, if any. `faces` and `points` count the labels that were written, `replaced` the faces that
    had others, and `proposed` those that got points of a model. `already` says that the picture had labels and keeps
    them.
    """

    def __init__(
        self,
        store: Store,
        entries: Sequence[Sequence[Sample]],
        ids: Sequence[int | None],
        category: Mapping[str, Any] | None,
        record: ImportRecord,
        keeping: Keeping,
        *,
        replaces: bool,
    ) -> None:
        self._store, self._category, self._record, self._replaces = store, category, record, replaces
        self._keeping = keeping
        self._known = {key for key in ids if key is not None}
        self._rows = _rows_of(
            [[(sample, labels_of(sample, ids), predicted_of(sample, ids)) for sample in samples] for samples in entries]
        )
        # A picture that stands several times may say more each time; the first one counts.
        self._of_image = merged(samples[0].extra.get(OF_IMAGE, {}) for samples in entries)
        self.faces = self.points = self.replaced = self.proposed = 0
        self.already = False

    @property
    def boxes(self) -> list[Box]:
        """The boxes of the faces."""
        return [sample.box for sample, _, _ in self._rows]

    def write(self, picture: Picture, arrival: Arrival) -> None:
        """Write the labels. A picture that is not new also gets the boxes of labeled faces."""
        if self._category is not None:
            self._store.definitions.save(self._category, None, edited_from=0)
        there = self._store.faces(picture.id)
        newest = self._store.newest_action()
        labeled = {face.id: found for face in there if (found := self._store.points(face.id).get(face.id))}
        rows = self._rows
        if labeled and not self._replaces:
            self.already = any(labels for _, labels, _ in rows)
            rows = [row for row in rows if not row[1]]
        unlabeled = {face.id: face.box for face in there if face.id not in labeled}
        extras = dict[int, tuple[Mapping[str, Any], bool]]()
        found = _faces_of(rows, labeled, unlabeled, alone=len(self._rows) == 1)
        for (sample, labels, predicted), own in zip(rows, found, strict=True):
            if own is None and not (labels or predicted) and labeled:
                continue  # a face without labels of a picture whose labels stay
            face = self._store.add_face(picture.id, sample.box) if own is None else own
            extras[face] = (sample.extra.get(OF_FACE, {}), bool(predicted))
            if labels:
                self._label(face, labels, labeled.get(face, {}))
                # Without labels, the box is only the whole picture.
                if own in unlabeled and arrival != "new" and sample.annotation is not None:
                    self._store.edit_box(face, sample.box)
            elif predicted and face not in labeled:
                self._record.add_points(face, predicted)
                self.proposed += 1
        if not labeled or self._replaces:
            self._keeping.keep(picture.id, self._of_image, extras, self._record.begun)
        self._record.note(picture.id, arrival, range(newest + 1, self._store.newest_action() + 1))
        if (number := self._record.number) is not None:
            self._keeping.keep_set(number)

    def _label(self, face: int, labels: Mapping[int, Point], there: Mapping[int, Point]) -> None:
        wanted = {key: labels.get(key) for key in self._known}
        changed = {key: label for key, label in wanted.items() if not _is_same(label, there.get(key))}
        if changed:
            self._store.edit_points(face, changed, source="imported")
            self.faces += 1
            self.replaced += bool(there)
            self.points += sum(label is not None and label.v > 0 for label in changed.values())


def match_of(found: Incoming, own: Definition, *, chosen: Mapping[str, str] | None, partial: bool) -> Match:
    """The match of the landmarks that were found with those of the project. Raises DataError."""
    return matched(
        found.landmarks,
        own,
        found.where,
        mirror=found.mirror,
        chosen=chosen,
        partial=partial,
        advice=", or add --partial to leave out what is not matched",
    )


class ImportRecord:
    """What an import has written. The first thing that it writes begins it, in one transaction."""

    def __init__(self, store: Store, found: Incoming) -> None:
        self._store, self._found = store, found
        self._number: int | None = None

    @property
    def number(self) -> int | None:
        """The number of the import; None if it has written nothing, or nothing that was kept."""
        return self._number if self._number is not None and self._store.imports.is_there(self._number) else None

    def begun(self) -> int:
        """The number of the import, which is begun if it was not."""
        number = self.number
        if number is None:
            number = self._number = self._store.imports.begin(self._found.where, self._found.title)
        return number

    def add_points(self, face_id: int, points: Mapping[int, ScoredPoint]) -> None:
        self._store.imports.add_points(self.begun(), face_id, points)

    def note(self, image_id: int, arrival: Arrival, actions: Sequence[int]) -> None:
        """The picture was brought in by these actions."""
        if arrival != "there":
            self._store.imports.add_picture(self.begun(), image_id)
        if actions:
            self._store.imports.add_actions(self.begun(), actions)


def _faces_of(
    rows: Sequence[_Row], labeled: Mapping[int, Mapping[int, Point]], unlabeled: Mapping[int, Box], *, alone: bool
) -> list[int | None]:
    """For each row the face of the picture that it is; None for a new one.

    By its points it is one of the `labeled` faces, else by its box one of the `unlabeled` ones, else the next of them.
    With `alone`, the file has one face only: it is that of the picture, if that has one only, too.
    """
    if alone and len(rows) == len(labeled) + len(unlabeled) == 1:
        return [*labeled, *unlabeled]
    keys = [*labeled, *unlabeled]
    found = by_points([_places(row) for row in rows], [_places_of(labels) for labels in labeled.values()])
    left = [k for k, face in enumerate(found) if face is None]
    boxes = by_box([rows[k][0].box for k in left], list(unlabeled.values()))
    for k, box in zip(left, boxes, strict=True):
        found[k] = None if box is None else len(labeled) + box
    free = [k for k in range(len(labeled), len(keys)) if k not in found]
    return [keys[face] if face is not None else keys[free.pop(0)] if free else None for face in found]


def _subject_of(sample: Sample, rule: SubjectRule | None) -> str | None:
    """Who is on a picture: what the file says, else what the project's rule finds in its name."""
    name = str(sample.extra.get(ORIGINAL_NAME, sample.file_name))
    told = sample.group not in (name, sample.file_name)
    return sample.group if told or rule is None else rule.of_name(name) or sample.group


def _is_same(one: Point | None, other: Point | None) -> bool:
    return one is other is None or (
        one is not None and other is not None and replace(one, source="") == replace(other, source="")
    )


def _places(row: _Row) -> dict[int, tuple[float, float]]:
    _, labels, predicted = row
    return _places_of(labels) or {key: (point.x, point.y) for key, point in predicted.items()}


def _places_of(labels: Mapping[int, Point]) -> dict[int, tuple[float, float]]:
    return {key: (label.x, label.y) for key, label in labels.items() if label.x is not None and label.y is not None}


#: A face of a file with its labels and a model's points, by landmark id.
_Row = tuple[Sample, dict[int, Point], dict[int, ScoredPoint]]


def _rows_of(entries: Sequence[Sequence[_Row]]) -> list[_Row]:
    """The faces of a picture: those of its first entry, and the labeled ones of all others.

    Labeled faces take the places of the unlabeled faces of earlier entries.
    """
    rows: list[_Row] = []
    labeled = 0
    for entry in entries:
        found = [row for row in entry if row[1] or row[2]] if labeled else list(entry)
        rows[labeled : labeled + len(found)] = found
        if any(labels or predicted for _, labels, predicted in found):
            labeled += len(found)
    return rows


def _by_picture(pictures: Iterable[Sequence[Sample]]) -> list[list[Sequence[Sample]]]:
    """The entries of a file by picture: a file may list one picture several times, under several names, too."""
    entries = list(pictures)
    sizes = Counter(_bytes_in(samples[0].path) for samples in entries)
    groups: dict[object, list[Sequence[Sample]]] = {}
    for k, samples in enumerate(entries):
        path = samples[0].path
        groups.setdefault(sha256_of(path) if sizes[_bytes_in(path)] > 1 else k, []).append(samples)
    return list(groups.values())


def _bytes_in(path: Path) -> int:
    return path.stat().st_size if path.is_file() else -1


def _check_size(sample: Sample) -> None:
    with open_picture(sample.path) as image:
        size = upright_size(image)
    if size != (sample.width, sample.height):
        raise DataError(
            f"the file says {sample.width} x {sample.height} pixels, "
            f"but the picture has {size[0]} x {size[1]} when upright"
        )
