"""Labels, where each face stands, and progress, kept by revision so that a click costs no second reading."""

from __future__ import annotations

from dataclasses import dataclass

#: From how many changed faces on all labels are read at once instead of face by face.
MANY_FACES = 20


@dataclass(frozen=True)
class Progress:
    """What there is in a project. `points` are labels with coordinates; `labeled_*` have at least one of them.

    `training_*` are the labeled ones that training uses: those of pictures whose split is "train". Skipped faces are
    counted in `skipped_faces` and nowhere else.
    """

    pictures: int
    faces: int
    labeled_pictures: int
    labeled_faces: int
    complete_faces: int
    points: int
    predicted_faces: int
    flagged_points: int
    unlabeled_faces: int
    training_pictures: int
    training_faces: int
    skipped_faces: int
