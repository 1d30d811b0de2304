"""What the tool would propose on each face while a strip is labeled, for benchmarks/from_nothing.py.

The rules are those of labeler/guidance/carried_points.py and in_charge.py, without a project: points carried over from
at most `MOST_CARRIED` faces, rounds fused with them, and the one in charge, judged whenever a label or a round comes.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray
from simulated_rounds import Round, Strip

from labeler.analysis.better_model import FEWEST, Reason, judge, measuring, shows_challenger
from labeler.analysis.rounds import with_carried
from labeler.guidance.carried_points import MOST_CARRIED
from labeler.guidance.in_charge import PARTS
from labeler.guidance.proposed import CARRIED
from labeler.runs.round_task import WORSE
from mdmd.data.records import Annotation, Prediction, Sample
from mdmd.evaluation.evaluate import distances_of, errors_of
from mdmd.evaluation.metrics import face_nme
from mdmd.transfer.carried_labels import CarriedLabels, complex_of
from mdmd.transfer.mean_shape import left_out_distances

Array = NDArray[np.float64]


class Proposers:
    """The proposers of one strip. Faces are indices into it; `tolerance` is the project's.

    `looked` says whether it is known which labels a person has looked at."""

    def __init__(self, strip: Strip, tolerance: float, *, looked: bool) -> None:
        self._strip, self._tolerance, self._looked = strip, tolerance, looked
        self.labels: dict[int, Annotation] = {}
        self._within: dict[int, Array] = {}
        self._carried: CarriedLabels | None = None
        self._rounds: dict[str, Round] = {}
        self._shown: dict[int, str] = {}
        self._history: list[str] = []
        self._second = ""
        self.in_charge = CARRIED
        #: Whether the newest round is so much worse than carried-over points that the next one begins at the base.
        self.fails = False

    @property
    def measured(self) -> bool:
        """Whether the deviations of points are measured; else none is flagged."""
        return self._carried is not None and self._carried.measured

    def label(self, face: int, labels: Annotation, within: Array) -> None:
        """A person has labeled a face over the points that it showed. `within` (N,) as in `LabeledFaces`."""
        self._shown[face] = self.shown(face)
        self.labels[face], self._within[face] = labels, within
        self._carried = self._fit(self.labels)
        self._judge()

    def learned(self, made: Round) -> None:
        """A round has finished. Of the earlier ones only that in charge is kept, and that shown for comparison."""
        kept = {name: one for name, one in self._rounds.items() if name in (self.in_charge, self._second)}
        self._rounds = {**kept, made.name: made}
        self._judge()

    def shown(self, face: int) -> str:
        """The name of the proposer whose points a face shows."""
        subject = self._strip.faces[face].group
        return self._second if self._second and measuring(subject) and shows_challenger(subject) else self.in_charge

    def propose(self, name: str, faces: Sequence[int]) -> list[Prediction]:
        """What a proposer proposes on faces that are not labeled. At least one must be."""
        assert self._carried is not None
        boxes = [self._strip.faces[face].box for face in faces]
        carried = self._carried.carry([self._strip.seen[face] for face in faces], boxes)
        if name == CARRIED:
            return carried
        made = self._rounds[name]
        return with_carried([made.found[face] for face in faces], carried)

    def errors_on_test(self) -> dict[str, float]:
        """The true error of carried-over points, the newest round and the one in charge, on the test faces."""
        if self._carried is None:
            return {}
        test = self._strip.test
        carried = self._carried.carry(self._strip.seen_test, [face.box for face in test])
        found = {CARRIED: carried} | {name: with_carried(made.on_test, carried) for name, made in self._rounds.items()}
        return {name: nme(self._strip, one, test) for name, one in found.items()}

    def _fit(self, labels: Collection[int]) -> CarriedLabels | None:
        chosen = sorted(labels, key=lambda face: blake2b(str(face + 1).encode(), digest_size=8).digest())
        chosen = chosen[:MOST_CARRIED]
        if not chosen:
            return None
        strip = self._strip
        return CarriedLabels(
            strip.name,
            strip.definition,
            head=strip.head,
            base=strip.known,
            seen=tuple(strip.seen[face] for face in chosen),
            boxes=tuple(strip.faces[face].box for face in chosen),
            labels=tuple(self.labels[face] for face in chosen),
            unseen=(False,) * len(chosen),
            within=tuple(self._within[face] for face in chosen) if self._looked else None,
        )

    def _judge(self) -> None:
        """As `InCharge` does."""
        if not self._rounds:
            return
        before, faces = self.in_charge, self._strip.faces
        new = {
            name: [f for f in self.labels if faces[f].group not in one.subjects] for name, one in self._rounds.items()
        }
        judged = sorted({face for own in new.values() for face in own})
        carried = self._left_out(judged)
        errors = {CARRIED: self._errors(carried)}
        for name, made in self._rounds.items():
            own = [face for face in new[name] if face in carried]
            fused = with_carried([made.found[f] for f in own], [carried[f] for f in own])
            errors[name] = self._errors(dict(zip(own, fused, strict=True)))
        newest = list(self._rounds)[-1]
        self.fails = self._mean(errors[newest]) > WORSE * self._mean(errors[CARRIED])
        mean_shape = self._mean_shape_errors()
        now, fit = before, list[str]()
        for name in dict.fromkeys((newest, before, CARRIED)):
            if name == now:
                continue
            common = [face for face in judged if face in errors[name] and face in errors[now]]
            arrays, sides = self._by_subject(common, [errors[name], errors[now], mean_shape], (name, now))
            found = judge(
                *arrays, sides, tolerance=self._tolerance, returning=name in self._history, fit=name == CARRIED
            )
            if found.takes_over:
                now = name
            elif found.reason in (Reason.NO_BETTER, Reason.NOT_SURE) or name == CARRIED:
                fit.append(name)
        if now != before or not self._history:
            self._history.append(now)
        self.in_charge = now
        self._second = next((name for name in (before, *fit) if name != now), "")

    def _left_out(self, judged: Sequence[int]) -> dict[int, Prediction]:
        """The points of all labeled faces of the subjects of `judged`, each carried over from other parts of them."""
        faces = self._strip.faces
        part_of = {subject: k % PARTS for k, subject in enumerate(sorted({faces[face].group for face in judged}))}
        found: dict[int, Prediction] = {}
        for part in range(PARTS):
            wanted = [face for face in self.labels if part_of.get(faces[face].group) == part]
            fitted = self._fit([face for face in self.labels if face not in wanted])
            if wanted and fitted is not None:
                boxes = [faces[face].box for face in wanted]
                carried = fitted.carry([self._strip.seen[face] for face in wanted], boxes)
                found.update(zip(wanted, carried, strict=True))
        return found

    def _errors(self, found: Mapping[int, Prediction]) -> dict[int, Array]:
        """Errors (N,) against the labels that the person has made."""
        labeled = [labeled_by(self._strip.faces[face], self.labels[face]) for face in found]
        if not labeled:
            return {}
        return dict(zip(found, errors_of(self._strip.definition, list(found.values()), labeled), strict=True))

    def _mean_shape_errors(self) -> dict[int, Array]:
        if len(self.labels) < 2:
            return {}
        labeled = [labeled_by(self._strip.faces[face], own) for face, own in self.labels.items()]
        points = np.stack([np.where(o.labeled, complex_of(o.points), np.nan) for o in self.labels.values()])
        off = left_out_distances(points, [face.box for face in labeled])
        return dict(zip(self.labels, off / distances_of(self._strip.definition, labeled)[:, None], strict=True))

    def _mean(self, errors: Mapping[int, Array]) -> float:
        """The mean error, each subject's faces counting as one; NaN with fewer than FEWEST subjects."""
        subjects: dict[str, list[float]] = {}
        for face, own in errors.items():
            subjects.setdefault(self._strip.faces[face].group, []).append(float(np.nanmean(own)))
        means = [np.mean(own) for own in subjects.values()]
        return float(np.mean(means)) if len(means) >= FEWEST else math.nan

    def _by_subject(
        self, faces: Sequence[int], errors: Sequence[Mapping[int, Array]], names: tuple[str, str]
    ) -> tuple[list[Array], list[int]]:
        subjects: dict[str, list[int]] = {}
        for face in faces:
            if all(face in one for one in errors):
                subjects.setdefault(self._strip.faces[face].group, []).append(face)
        landmarks = len(self._strip.definition.landmarks)
        arrays = [
            np.array([np.nanmean([one[f] for f in own], axis=0) for own in subjects.values()]).reshape(-1, landmarks)
            for one in errors
        ]
        return arrays, [side(self._shown[own[0]], names) for own in subjects.values()]


def side(shown: str, names: tuple[str, str]) -> int:
    """1 if the points that were shown favor the first of `names`, -1 for the second, else 0.

    Those of a round that is not among them favor the one of them that is a round.
    """
    if shown not in names and shown != CARRIED:
        rounds = [name for name in names if name != CARRIED]
        shown = rounds[0] if len(rounds) == 1 else ""
    return dict(zip(names, (1, -1), strict=True)).get(shown, 0)


def labeled_by(face: Sample, labels: Annotation) -> Sample:
    """`face` with other labels."""
    return Sample(face.path, face.file_name, face.width, face.height, face.box, labels)


def nme(strip: Strip, found: Sequence[Prediction], faces: Sequence[Sample]) -> float:
    """Mean error as a share of the normalizing distance."""
    return float(np.nanmean(face_nme(errors_of(strip.definition, found, faces))))
