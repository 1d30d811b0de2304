"""Held-out faces: what a model is measured on while it learns and calibrated on afterwards."""

from __future__ import annotations

from collections.abc import Sequence

from mdmd.calibrate import fit_scale
from mdmd.checkpoint import Checkpoint
from mdmd.evaluate import FlagRule, evaluate
from mdmd.model import MDMD
from mdmd.predict import VIEWS, View, predict_crops, views_of
from mdmd.records import Annotation, Prediction, Sample
from mdmd.runlog import RunLog


class Watch:
    """Held-out faces of one head, cut once, to measure a model on while and after it learns."""

    def __init__(
        self,
        checkpoint: Checkpoint,
        faces: Sequence[Sample],
        rule: FlagRule,
        log: RunLog,
        stage: str,
        head: str | None = None,
    ) -> None:
        self.faces = faces
        self.rule = rule
        self.log = log
        self.stage = stage
        self.head = head or checkpoint.target
        config = checkpoint.model.config
        self.images, self.crops = views_of(faces, config) if faces else (None, [])

    def predictions(self, model: MDMD, scale: float, views: Sequence[View] | None = None) -> list[Prediction]:
        """Of these faces, in image pixels."""
        assert self.images is not None
        found: list[Prediction] = []
        for k in range(0, len(self.crops), 32):
            found += predict_crops(
                model, self.images[k : k + 32], self.head, self.crops[k : k + 32], scale=scale, views=views
            )
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
        found = self.metrics(model, 1.0, VIEWS["single"])
        if found:
            self.log.event("eval", stage=self.stage, step=step, nme=round(found["nme"], 3), faces=len(self.faces))


def _annotation(sample: Sample) -> Annotation:
    assert sample.annotation is not None
    return sample.annotation
