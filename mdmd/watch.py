"""Held-out faces: what a model is measured on while it learns and calibrated on afterwards."""

from __future__ import annotations

import time
from collections.abc import Sequence

from mdmd.calibrate import fit_scale
from mdmd.checkpoint import Checkpoint
from mdmd.evaluate import FlagRule, evaluate
from mdmd.model import MDMD
from mdmd.predict import VIEWS, View, predict_crops, views_ahead
from mdmd.records import Annotation, Prediction, Sample
from mdmd.runlog import RunLog


class Watch:
    """Held-out faces of one head, cut once, to measure a model on while and after it learns.

    `closing` is how many seconds the `following` measurements after the last step will take, as long as the last one;
    0 before there was one.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        faces: Sequence[Sample],
        rule: FlagRule,
        log: RunLog,
        stage: str,
        head: str | None = None,
        *,
        following: int = 1,
    ) -> None:
        self.closing = 0.0
        self._following = following
        self.faces = faces
        self.rule = rule
        self.log = log
        self.stage = stage
        self.head = head or checkpoint.target
        self.batches = list(views_ahead(faces, checkpoint.model.config, batch_size=32))

    def predictions(self, model: MDMD, scale: float, views: Sequence[View] | None = None) -> list[Prediction]:
        """Of these faces, in image pixels."""
        found: list[Prediction] = []
        for images, crops in self.batches:
            found += predict_crops(model, images, self.head, crops, scale=scale, views=views)
        return found

    def scale(self, model: MDMD) -> float:
        """The covariance factor that these faces ask for; 1 without faces."""
        return fit_scale(self.predictions(model, 1.0), [_annotation(s) for s in self.faces]) if self.faces else 1.0

    def metrics(self, model: MDMD, scale: float, views: Sequence[View] | None = None) -> dict[str, float]:
        """`evaluate` on these faces; empty without faces."""
        if not self.faces:
            return {}
        found = self.predictions(model, scale, views)
        return evaluate(model.head_definition(self.head), found, self.faces, self.rule)

    def report(self, model: MDMD, step: int) -> None:
        """Log the held-out NME of one look at each face: a report on the way must not take time from learning."""
        began = time.monotonic()
        found = self.metrics(model, 1.0, VIEWS["single"])
        self.closing = self._following * (time.monotonic() - began)
        if found:
            self.log.event("eval", stage=self.stage, step=step, nme=round(found["nme"], 3), faces=len(self.faces))


def _annotation(sample: Sample) -> Annotation:
    assert sample.annotation is not None
    return sample.annotation
