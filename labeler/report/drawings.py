"""Faces with labels and predictions on them, and the mean face with the errors on it, as SVG."""

from __future__ import annotations

import base64
import io
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from markupsafe import Markup
from PIL import Image

from labeler.html.markup import render
from labeler.report.measures import LandmarkError, mean_face
from labeler.runs.heldout import HeldOut
from mdmd.data.images import read_picture
from mdmd.errors import DataError
from mdmd.evaluation import metrics
from mdmd.evaluation.evaluate import WRONG

#: Side of a crop in pixels, and its width as a multiple of the face's box.
SIDE, WIDER = 240, 1.3
#: Side of the drawing of the mean face.
FACE = 360
#: With more landmarks than this, marks are smaller.
MANY = 30


class Mark(NamedTuple):
    """A landmark of a drawn face: the places (x, y) of its label and its prediction, and whether they are `off`, more
    than 10 % apart. `title` is shown on hovering."""

    label: tuple[float, float]
    found: tuple[float, float]
    off: bool
    title: str


def face_marks(found: HeldOut, k: int, *, origin: tuple[float, float] = (0, 0), scale: float = 1.0) -> list[Mark]:
    """The labeled landmarks of face `k`, in pixels of its image from `origin`, times `scale`."""
    labels, predictions = (((at[k] - origin) * scale).tolist() for at in (found.truth, found.points))
    errors, labeled = found.errors[k].tolist(), found.labeled[k]
    return [
        Mark(labels[n], predictions[n], errors[n] > WRONG, f"{name}: {100 * errors[n]:.1f} % off")
        for n, name in enumerate(found.definition.landmarks)
        if labeled[n]
    ]


def face_figure(found: HeldOut, k: int) -> Markup:
    """Face `k` with its labels (rings) and predictions (dots), joined where they differ."""
    sample = found.samples[k]
    box = sample.box
    side = WIDER * max(box.w, box.h)
    left, top = box.x + box.w / 2 - side / 2, box.y + box.h / 2 - side / 2
    ring, dot = (1.6, 1.2) if len(found.definition.landmarks) > MANY else (4.5, 3.0)
    return render(
        "report_face.html",
        name=sample.file_name,
        side=SIDE,
        jpeg=_crop(found, k, (left, top, left + side, top + side)),
        marks=face_marks(found, k, origin=(left, top), scale=SIDE / side),
        ring=ring,
        dot=dot,
        nme=100 * float(metrics.face_nme(found.errors[k : k + 1])[0]),
    )


def _crop(found: HeldOut, k: int, area: tuple[float, float, float, float]) -> str | None:
    return picture_part(found.samples[k].path, area, (SIDE, SIDE))


def picture_part(path: Path, area: tuple[float, float, float, float], size: tuple[int, int]) -> str | None:
    """The part `area` (left, top, right, bottom) of a picture, at the width and height `size`, as a JPEG in base64.

    None for a picture that cannot be read.
    """
    try:
        picture = read_picture(path)
    except DataError:
        return None
    (left, top, right, bottom), (width, height) = area, size
    shown = picture.transform(
        size,
        Image.Transform.AFFINE,
        ((right - left) / width, 0, left, 0, (bottom - top) / height, top),
        resample=Image.Resampling.BICUBIC,
    )
    file = io.BytesIO()
    shown.save(file, "JPEG", quality=82)
    return base64.b64encode(file.getvalue()).decode()


def mean_face_figure(found: HeldOut, rows: list[LandmarkError]) -> Markup:
    """The mean face; the radius of the disc around a landmark is its mean error. Empty without a label."""
    places, unit = mean_face(found)
    known = ~np.isnan(places[:, 0])
    if not known.any():
        return Markup()
    errors = np.array([row.mean if math.isfinite(row.mean) else 0.0 for row in rows]) / 100 * unit
    low, high = (places - errors[:, None])[known].min(axis=0), (places + errors[:, None])[known].max(axis=0)
    span = float(max(*(high - low), 1e-6)) * 1.12
    scale = FACE / span
    shown = ((places - ((low + high) / 2 - span / 2)) * scale).tolist()
    worst = sorted((row.mean for row in rows if math.isfinite(row.mean)), reverse=True)[:3]
    marks = [
        {
            "place": shown[k],
            "reach": errors[k] * scale,
            "worst": row.mean in worst,
            "title": f"{row.name}: {row.mean:.1f} % off on average, {row.largest:.1f} % at most",
        }
        for k, row in enumerate(rows)
        if known[k]
    ]
    edges = [(shown[a], shown[b]) for a, b in found.definition.edges if known[a] and known[b]]
    return render("mean_face.html", side=FACE, edges=edges, marks=marks, dot=1.2 if len(rows) > MANY else 2)
