"""Held-out faces: what a model is measured on while it learns and calibrated on afterwards."""

from __future__ import annotations

import time
from collections.abc import Sequence

from mdmd.checkpoint import Checkpoint
from mdmd.evaluate import FlagRule, evaluate
from mdmd.model import MDMD
from mdmd.predict import VIEWS, View, predict_crops, views_ahead
from mdmd.radial import LAPLACIAN
from mdmd.records import Prediction, Sample
from mdmd.runlog import RunLog

BATCH = 32


class Watch:
    """Held-out faces of one head, cut once, to measure a model on while and after it learns.

    `closing` is how many seconds the `following` measurements after the last step will take, going by the last report;
    0 before there was one.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        faces: Sequence[Sample],
        log: RunLog,
        stage: str,
        head: str | None = None,
        *,
        following: int = 0,
    ) -> None:
        self.closing = 0.0
        self._following = following
        self.faces = faces
        self.log = log
        self.stage = stage
        self.head = head or checkpoint.target
        self.batches = list(views_ahead(faces, checkpoint.model.config, batch_size=BATCH))

    def predictions(self, model: MDMD, views: Sequence[View] | None = None) -> list[Prediction]:
        """Of these faces, in image pixels, with the network's own covariances."""
        found: list[Prediction] = []
        for images, crops in self.batches:
            found += predict_crops(model, images, self.head, crops, views=views)
        return found

    def report(self, model: MDMD, step: int) -> None:
        """Log the held-out NME of one look at each face: a report on the way must not take time from learning."""
        if not self.faces:
            return
        began = time.monotonic()
        found = self.predictions(model, VIEWS["single"])
        took = time.monotonic() - began
        # One more report like this, and the measurements with every view.
        self.closing = took * (1 + self._following * len(VIEWS[model.config.views]))
        measured = evaluate(model.head_definition(self.head), found, self.faces, FlagRule(), LAPLACIAN)
        self.log.event("eval", stage=self.stage, step=step, nme=round(measured["nme"], 3), faces=len(self.faces))
