"""Short rounds of training while a person labels: when one begins, how long it is, and what it proposes. numpy only.

docs/design/short-rounds.md says what was measured.
"""

from __future__ import annotations

from collections.abc import Sequence

from mdmd.data.records import Prediction
from mdmd.evaluation.fusion import fused

#: The fewest labeled faces that a round learns from.
FEWEST_FACES = 5
#: The training steps of a round, by the fewest faces for which a round is as long.
STEPS = ((50, 120), (25, 80), (0, 60))
#: A round begins when this share of the faces is new to it, and at least `FEWEST_NEW`.
NEW, FEWEST_NEW = 0.1, 2
#: The settings of a round; the others are those of the default preset. The few faces are all learned from.
SETTINGS = ("train.heldout_share=0",)
#: What the covariances of a round are multiplied by: without held-out faces they are not calibrated, and too small.
WIDER = 4.0


def due(faces: int, learned: int) -> bool:
    """Whether a round begins with `faces` faces to learn from, where the last one has learned from `learned`."""
    new = faces - learned
    return faces >= FEWEST_FACES and (learned == 0 or new >= max(FEWEST_NEW, NEW * faces))


def steps_of(faces: int) -> int:
    """The training steps of a round that learns from so many faces."""
    return next(steps for fewest, steps in STEPS if faces >= fewest)


def with_carried(found: Sequence[Prediction], carried: Sequence[Prediction]) -> list[Prediction]:
    """What a round proposes for each face: what its model has `found`, fused with the points carried over to the face.

    All are in pixels. The covariance is that of independent errors, half of what `fused` takes for two models, plus the
    disagreement: then as many points are expected to be wrong as are (benchmarks/RESULTS.md).
    """
    own = [Prediction(one.points, WIDER / 2 * one.covariance) for one in found]
    return fused(own, [Prediction(one.points, one.covariance / 2) for one in carried])
