"""Predictions as COCO JSON: what `mdmd predict` writes, and what a training says of its held-out faces. numpy only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from mdmd.data.coco import PREDICTED, ids_are_sound, to_coco
from mdmd.data.definition import Definition
from mdmd.data.records import Annotation, Prediction, Sample
from mdmd.evaluation.error_law import RadialLaw
from mdmd.evaluation.evaluate import FlagRule, probabilities_off


def predicted_coco(
    definition: Definition,
    predictions: Sequence[Prediction],
    samples: Sequence[Sample],
    rule: FlagRule,
    law: RadialLaw,
    **info: Any,
) -> dict[str, Any]:
    """COCO JSON of `predictions` for `samples`, one each; their covariances are read by `law`.

    An annotation's `attributes` have `source` "predicted" (so that `read_coco` refuses it as a label), `covariance`
    (xx, xy, yy of every landmark in square pixels), `p_off`, the probability of being off by more than the rule's
    tolerance, and `flagged`. `info` gets `tolerance`, `threshold`, the law's `power`, and `radius50` and `radius90`:
    how many standard deviations the 50 % and 90 % ellipses reach. The ids are the samples' own where they can be.
    """
    p_off = [
        probabilities_off(definition, p, s, rule.tolerance, law) for p, s in zip(predictions, samples, strict=True)
    ]
    threshold = rule.threshold_for(np.array(p_off))
    if not ids_are_sound(samples):
        samples = [replace(s, face_id=number, image_id=0) for number, s in enumerate(samples, start=1)]
    labels: list[Sample] = []
    extras: dict[int, Mapping[str, Any]] = {}
    for sample, found, off in zip(samples, predictions, p_off, strict=True):
        labels.append(replace(sample, annotation=Annotation(found.points, np.full(len(found.points), 2))))
        extras[sample.face_id] = {
            "source": PREDICTED,
            "covariance": found.covariance[:, (0, 0, 1), (0, 1, 1)].round(4).tolist(),
            "p_off": [round(float(p), 4) for p in off],
            "flagged": [bool(p > threshold) for p in off],
        }
    told = {
        "description": "predictions, not labels",
        "tolerance": rule.tolerance,
        "threshold": threshold,
        "power": law.power,
        "radius50": round(law.radius(0.5), 6),
        "radius90": round(law.radius(0.9), 6),
        **info,
    }
    return to_coco(labels, definition, info=told, attributes=extras)
