"""Which proposer is in charge: judged on faces that none of those compared has learned from, whenever labels come in.

`labeler.analysis.better_model` decides; docs/design/who-is-in-charge.md explains.
"""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from labeler.analysis.better_model import FEWEST, Decision, Reason, fitness, judge, measuring, shows_challenger
from labeler.guidance.base_faces import BaseFaces
from labeler.guidance.carried_points import CarriedPoints
from labeler.guidance.label_index import LabelIndex
from labeler.guidance.learned_rounds import LearnedRounds
from labeler.guidance.progress import is_reviewed
from labeler.guidance.proposed import CARRIED, ProposedPoints, import_number, round_number, run_number
from labeler.storage.records import annotation_of
from labeler.storage.store import Store
from mdmd import run_folder
from mdmd.data.boxes import normalizing_distance
from mdmd.data.coco import read_coco
from mdmd.data.records import Annotation, Box, Prediction, ScoredPoint
from mdmd.errors import DataError
from mdmd.evaluation.predictions import read_predicted
from mdmd.transfer.carried_labels import complex_of
from mdmd.transfer.mean_shape import left_out_distances

Array = NDArray[np.float64]
#: Carried-over points are judged on faces that are left out, in so many parts.
PARTS = 5


@dataclass(frozen=True, eq=False)
class _Labeled:
    """A labeled face: its subject, labels (N), box and normalizing distance in pixels."""

    subject: str
    labels: Annotation
    box: Box
    distance: float

    def errors(self, points: Array) -> Array:
        """The errors (N,) of `points` (N, 2) as shares of the normalizing distance; NaN without a label."""
        off = np.linalg.norm(points - self.labels.points, axis=1) / self.distance
        return np.where(self.labels.labeled, off, np.nan)


class InCharge:
    """Judges the proposers of one project whose runs are in the folder `runs`. Safe to share between threads."""

    def __init__(
        self,
        store: Store,
        index: LabelIndex,
        bases: BaseFaces,
        carried: CarriedPoints,
        rounds: LearnedRounds,
        proposed: ProposedPoints,
        *,
        runs: Path,
    ) -> None:
        self._store, self._index, self._bases = store, index, bases
        self._carried, self._rounds, self._proposed, self._runs = carried, rounds, proposed, runs
        self._lock = threading.Lock()
        self._stamp: object = None
        self._key: object = None
        self._verdicts: dict[str, Decision] = {}
        self._errors: dict[str, float] = {}

    def verdicts(self) -> Mapping[str, Decision]:
        """What was decided last about each proposer that was judged, by its name."""
        return self._verdicts

    def error(self, proposer: str) -> float | None:
        """The mean error of a proposer on the faces that judged it last, as a share of the normalizing distance.

        None where it was judged on too few.
        """
        return self._errors.get(proposer)

    def put(self, proposer: str) -> None:
        """Put a proposer in charge because a person says so.

        Only a training that is collected later replaces it, and a later round if it is a round.
        """
        newest = max(self._store.predictions.collected_runs(), default=0)
        self._store.charges.add(proposer, {"by": "person", "newest run": newest})

    def bring_in(self, number: int) -> None:
        """Put the points of an import in charge, until another proposer is judged to be better."""
        before = self._proposed.in_charge()
        self._store.charges.add(f"import {number}", {"by": "import", "instead of": before})

    def take_back(self, number: int) -> None:
        """Put in charge what was before an import was, if that one still is; without one, the newest run."""
        if self._proposed.in_charge() != f"import {number}":
            return
        gone = {f"import {one.id}" for one in self._store.imports.all() if one.taken_back or one.id == number}
        there = [charge.proposer for charge in self._store.charges.all() if charge.proposer not in gone]
        newest = max(self._store.predictions.collected_runs(), default=0)
        before = there[-1] if there else f"run {newest}" if newest else CARRIED
        self._store.charges.add(before, {"by": "import"})

    def refresh(self, tolerance: float) -> bool:
        """Judge again if runs, rounds, `tolerance` or the labels of a face have changed that is complete or was left.

        Returns whether another one is in charge now.
        """
        with self._lock:
            rounds = self._rounds.numbers()
            stamp = (self._store.connection.stamp(), tolerance, rounds)
            if stamp == self._stamp:
                return False
            collected = self._store.predictions.collected_runs()
            training = newest_training(self._runs, collected)
            newest = [name for name in (training, f"round {rounds[-1]}" if rounds else None) if name is not None]
            if not newest and self._store.charges.current() is None:
                return False
            key = (self._faces_key(), frozenset(collected), *stamp[1:], self._store.charges.current())
            changed = key != self._key and self._judge(tolerance, newest)
            self._key = (*key[:-1], self._store.charges.current())
            self._stamp = (self._store.connection.stamp(), *stamp[1:])
            return changed

    def _faces_key(self) -> object:
        """Changes with the labels that judge, their subjects, and with which of their faces the base sees."""
        base = self._bases.in_use()
        seen = {} if base is None else self._bases.points(base)
        subjects = {picture.id: picture.subject for picture in self._store.images()}
        faces = [
            (face.id, face.revision, subjects[face.image_id], seen[face.id].asked if face.id in seen else None)
            for face in self._index.settled_faces()
        ]
        return self._store.definitions.newest_version(), base, tuple(faces)

    def _judge(self, tolerance: float, newest: Sequence[str]) -> bool:
        faces = self._labeled()
        before = self._proposed.in_charge() if self._store.charges.current() else CARRIED
        names = list(dict.fromkeys(name for name in (*newest, before) if name != CARRIED))
        found = {name: self._points_of(name, faces) for name in names}
        judged = sorted({face for points in found.values() if points is not None for face in points})
        carried = self._carried.left_out(_parts(judged, faces), tolerance)
        for name in names:
            learned = self._rounds.get(round_number(name) or 0)
            points = found[name]
            if learned is not None and points is not None:
                found[name] = {face: one for face, one in learned.propose(carried).items() if face in points}
        errors = {
            name: {face: faces[face].errors(one.points) for face, one in points.items()}
            for name, points in (*found.items(), (CARRIED, carried))
            if points
        }
        mean_shape = _mean_shape_errors(faces)
        shown, charges = self._store.charges.shown(), self._store.charges.all()
        history = [charge.proposer for charge in charges]
        by_person = bool(charges) and charges[-1].why.get("by") == "person"
        chosen_at = int(charges[-1].why.get("newest run", 0)) if by_person else -1

        def table(*names: str) -> tuple[list[Array], list[int]]:
            common = [face for face in judged if all(face in errors[name] for name in names)]
            return _by_subject(common, faces, [*(errors[name] for name in names), mean_shape], shown, names)

        now, why = before, dict[str, Any]()
        verdicts: dict[str, Decision] = {}
        fit: list[str] = []
        for name in (*names, CARRIED):
            if name == now or name not in errors:
                continue
            later_round = round_number(name) is not None and round_number(before) is not None
            decides = not by_person or later_round or (run_number(name) or 0) > chosen_at
            if now in errors:
                (own, other, mean), sides = table(name, now)
                verdicts[name] = judge(
                    own, other, mean, sides, tolerance=tolerance, returning=name in history, fit=name == CARRIED
                )
            else:
                (own, mean), sides = table(name)
                verdicts[name] = fitness(own, mean, [side > 0 for side in sides], tolerance=tolerance)
            if verdicts[name].takes_over and decides:
                # Without errors of what was in charge, they were compared with those of the mean shape.
                other = now if now in errors else None
                why = {"by": "figures", "instead of": now, "compared with": other, **asdict(verdicts[name])}
                now = name
            elif verdicts[name].reason in (Reason.NO_BETTER, Reason.NOT_SURE) or name == CARRIED:
                fit.append(name)
        self._verdicts = verdicts
        self._errors = {name: error for name, of in errors.items() if (error := _mean_error(of, faces)) is not None}
        if now != before or self._store.charges.current() is None:
            self._store.charges.add(now, why or {"by": "figures"})
        second = next((name for name in [before, *fit] if name != now and name in errors), "")
        self._proposed.challenge(second, self._comparing() if second else ())
        return now != before

    def _comparing(self) -> list[int]:
        """The faces that show the second best proposer."""
        subjects = {picture.id: picture.subject for picture in self._store.images()}
        chosen = {key for key, subject in subjects.items() if measuring(subject) and shows_challenger(subject)}
        return [face.id for face in self._store.faces() if face.image_id in chosen]

    def _labeled(self) -> dict[int, _Labeled]:
        """The faces with reviewed labels, by id."""
        definition = self._index.definition
        if definition is None:
            return {}
        base = self._bases.in_use()
        seen = {} if base is None else self._bases.points(base)
        pictures = {picture.id: picture for picture in self._store.images()}
        faces, labels, found = self._index.settled_faces(), self._index.labels(), dict[int, _Labeled]()
        for face in faces:
            own = {key: point for key, point in labels[face.id].items() if key in definition.ids}
            if all(map(is_reviewed, own.values())):
                annotation = annotation_of(own, definition.ids)
                places = np.where(annotation.labeled[:, None], annotation.points, np.nan)
                # The box in which a base found the face, where a person drew none.
                box = seen[face.id].box if face.id in seen else face.box
                distance = normalizing_distance(definition, places, box)
                if annotation.labeled.any() and np.isfinite(distance) and distance > 0:
                    found[face.id] = _Labeled(pictures[face.image_id].subject, annotation, box, distance)
        return found

    def _points_of(self, name: str, faces: Mapping[int, _Labeled]) -> dict[int, Prediction] | None:
        """What a run or the model of a round predicts on labeled faces of subjects that it has not learned from.

        None if its files cannot be used.
        """
        run, ids = run_number(name), self._index.ids
        learned_round = self._rounds.get(round_number(name) or 0)
        if learned_round is not None:
            fits = learned_round.record.version == self._store.definitions.newest_version()
            learned = learned_round.subjects | self._subjects(learned_round.learned_from)
            new = {face: one.subject not in learned for face, one in faces.items()}
            return {face: one for face, one in learned_round.points.items() if fits and new.get(face, False)}
        brought = import_number(name)
        if brought is not None:
            return _complete(self._store.imports.points(brought), faces, ids)
        if run is None:
            return None
        folder = self._runs / f"{run:03d}"
        try:
            target = read_coco(folder / run_folder.TARGET).samples
            heldout = read_predicted(folder / run_folder.HELDOUT)
        except DataError:
            return None
        if heldout.landmark_ids != ids or not heldout.final:
            return None
        kept = set(heldout.face_ids)
        learners = [s for s in target if s.annotation is not None and s.face_id not in kept]
        learned = {s.group for s in learners}
        # Subjects may have been set anew since: some that were told apart are one now.
        learned |= self._subjects({s.image_id for s in learners})
        learned |= self._joined({s.image_id: s.group for s in target if s.annotation is not None})
        rows = zip(heldout.face_ids, heldout.points, heldout.covariance, strict=True)
        found = {
            face: Prediction(points, covariance)
            for face, points, covariance in rows
            if face in faces and faces[face].subject not in learned
        }
        for face, points in self._store.predictions.of_run(run).items():
            new = face in faces and face not in found and faces[face].subject not in learned
            if new and points.keys() >= set(ids):
                places = np.array([(points[key].x, points[key].y) for key in ids])
                spread = np.array([[(xx, xy), (xy, yy)] for xx, xy, yy in (points[key].cov for key in ids)])
                found[face] = Prediction(places, spread)
        return found

    def _subjects(self, picture_ids: Collection[int]) -> set[str]:
        """The subjects that these pictures have now."""
        return {picture.subject for picture in self._store.images() if picture.id in picture_ids}

    def _joined(self, then: Mapping[int, str]) -> set[str]:
        """The subjects whose pictures were of several subjects `then`."""
        before: dict[str, set[str]] = {}
        for picture in self._store.images():
            if picture.id in then:
                before.setdefault(picture.subject, set()).add(then[picture.id])
        return {subject for subject, parts in before.items() if len(parts) > 1}


def _complete(
    brought: Mapping[int, Mapping[int, ScoredPoint]], faces: Mapping[int, _Labeled], ids: Sequence[int]
) -> dict[int, Prediction]:
    """The points of an import on labeled faces for which it has all. What its model has learned from is not known."""
    return {
        face: Prediction(
            np.array([(points[key].x, points[key].y) for key in ids]), np.tile(np.eye(2), (len(ids), 1, 1))
        )
        for face, points in brought.items()
        if face in faces and points.keys() >= set(ids)
    }


def newest_training(runs: Path, collected: Iterable[int]) -> str | None:
    """The name of the newest collected training that has held-out faces; None if there is none."""
    for number in sorted(collected, reverse=True):
        folder = runs / f"{number:03d}"
        record = run_folder.read_object(folder / run_folder.RECORD)
        if record is not None and record.get("kind") == "train" and (folder / run_folder.HELDOUT).is_file():
            return f"run {number}"
    return None


def _parts(faces: Sequence[int], labeled: Mapping[int, _Labeled]) -> list[set[int]]:
    """All labeled faces of the subjects of `faces`, in PARTS parts; a subject is never split."""
    subjects = sorted({labeled[face].subject for face in faces})
    part_of = {subject: k % PARTS for k, subject in enumerate(subjects)}
    parts: list[set[int]] = [set() for _ in range(min(PARTS, len(subjects)))]
    for face, one in labeled.items():
        if one.subject in part_of:
            parts[part_of[one.subject]].add(face)
    return parts


def _mean_shape_errors(faces: Mapping[int, _Labeled]) -> dict[int, Array]:
    """The errors of the mean shape of all other labeled faces in each face's box."""
    if len(faces) < 2:
        return {}
    own = list(faces.values())
    points = np.stack([np.where(one.labels.labeled, complex_of(one.labels.points), np.nan) for one in own])
    distances = left_out_distances(points, [one.box for one in own])
    return {face: distances[k] / faces[face].distance for k, face in enumerate(faces)}


def _by_subject(
    faces: Sequence[int],
    labeled: Mapping[int, _Labeled],
    errors: Sequence[Mapping[int, Array]],
    shown: Mapping[int, str],
    names: Sequence[str],
) -> tuple[list[Array], list[int]]:
    """Each of `errors` as an array (S, N), the mean of each subject's faces, and whose points they showed.

    That is 1 for the first of `names`, -1 for the second and 0 for another one. It is empty if no face showed any.
    """
    subjects: dict[str, list[int]] = {}
    for face in faces:
        if all(face in one for one in errors):
            subjects.setdefault(labeled[face].subject, []).append(face)
    landmarks = len(next(iter(errors[0].values()))) if errors[0] else 0
    arrays = [
        np.array([_mean([one[face] for face in own]) for own in subjects.values()]).reshape(len(subjects), landmarks)
        for one in errors
    ]
    if not any(own[0] in shown for own in subjects.values()):
        return arrays, []
    return arrays, [_side(shown.get(own[0], ""), names) for own in subjects.values()]


def _side(shown: str, names: Sequence[str]) -> int:
    """1 if the points that were shown are those of the first of `names`, -1 for the second, else 0.

    Those of a round that is not among them favor the one of them that is a round.
    """
    if shown not in names and round_number(shown) is not None:
        rounds = [name for name in names if round_number(name) is not None]
        shown = rounds[0] if len(rounds) == 1 else ""
    return dict(zip(names, (1, -1), strict=False)).get(shown, 0)


def _mean_error(errors: Mapping[int, Array], labeled: Mapping[int, _Labeled]) -> float | None:
    """The mean error, each subject's faces counting as one; None with fewer than FEWEST subjects."""
    subjects: dict[str, list[Array]] = {}
    for face, own in errors.items():
        subjects.setdefault(labeled[face].subject, []).append(own)
    if len(subjects) < FEWEST:
        return None
    return float(np.mean([np.nanmean(_mean(rows)) for rows in subjects.values()]))


def _mean(rows: Sequence[Array]) -> Array:
    stacked = np.stack(rows)
    known = np.isfinite(stacked)
    return np.where(
        known.any(axis=0), np.where(known, stacked, 0).sum(axis=0) / np.maximum(known.sum(axis=0), 1), np.nan
    )
