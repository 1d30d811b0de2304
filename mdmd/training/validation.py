"""Evaluation on held-out faces during training, and their predictions for calibration afterwards."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path

from mdmd.data.records import Prediction, Sample
from mdmd.evaluation.error_law import LAPLACIAN, RadialLaw
from mdmd.evaluation.evaluate import FlagRule, evaluate
from mdmd.evaluation.predictions import predicted_coco
from mdmd.files import write_json
from mdmd.inference.predict import VIEWS, View, predict_crops, views_ahead
from mdmd.models.checkpoint import Checkpoint
from mdmd.models.landmark_model import MDMD
from mdmd.training.run_log import RunLog

BATCH = 32


class Watch:
    """The held-out faces of one head, cropped once, to evaluate a model during and after training.

    Reports also write their predictions to the file `out`, if given. `closing` estimates, from the last report, the
    seconds that the `following` evaluations after the last step will take; it is 0 before the first report. `step` is
    the step of the last report, which follows the last step of a training.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        faces: Sequence[Sample],
        log: RunLog,
        stage: str,
        head: str | None = None,
        *,
        following: float = 0,
        rule: FlagRule | None = None,
        out: Path | None = None,
    ) -> None:
        self.closing = 0.0
        self.step = 0
        self._following = following
        self.faces = faces
        self.log = log
        self.stage = stage
        self.head = head or checkpoint.target
        self.rule = rule or FlagRule()
        self.out = out
        self.batches = list(views_ahead(faces, checkpoint.model.config, batch_size=BATCH))

    def predictions(self, model: MDMD, views: Sequence[View] | None = None) -> list[Prediction]:
        """Predictions of these faces in image pixels, with uncalibrated covariances."""
        found: list[Prediction] = []
        for images, crops in self.batches:
            found += predict_crops(model, images, self.head, crops, views=views)
        return found

    def report(self, model: MDMD, step: int) -> None:
        """Log the held-out NME of a single view of each face, because a report takes time from training."""
        self.step = step
        if not self.faces:
            return
        began = time.monotonic()
        found = self.predictions(model, VIEWS["single"])
        took = time.monotonic() - began
        # One more report like this one, and the following evaluations with every view.
        self.closing = took * (1 + self._following * len(VIEWS[model.config.views]))
        measured = evaluate(model.head_definition(self.head), found, self.faces, self.rule, LAPLACIAN)
        interval = {end: round(measured[f"nme_{end}"], 3) for end in ("low", "high")}
        if math.isnan(measured["nme_low"]):
            interval = {}  # too few faces
        nme = round(measured["nme"], 3)
        self.log.event("eval", stage=self.stage, step=step, nme=nme, **interval, faces=len(self.faces))
        self.tell(model, found, self.faces, LAPLACIAN, step=step, final=False)

    def tell(
        self, model: MDMD, found: Sequence[Prediction], faces: Sequence[Sample], law: RadialLaw, **info: object
    ) -> None:
        """Write the predictions `found` of `faces` to `out`; if that fails, log a warning and continue."""
        if self.out is None:
            return
        definition = model.head_definition(self.head)
        told = predicted_coco(definition, found, faces, self.rule, law, head=self.head, stage=self.stage, **info)
        try:
            write_json(self.out, told, indent=None)
        except OSError as error:
            self.log.warn(f"the predictions of the held-out faces could not be written: {error.strerror or error}")
