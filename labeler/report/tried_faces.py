"""Pictures on which a model was tried, with the points and ellipses that it predicted, as SVG."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from markupsafe import Markup

from labeler.html.markup import render
from labeler.report.drawings import MANY, picture_part
from labeler.runs.tried_pictures import TriedFace, TriedPicture
from labeler.storage.records import PredictedPoint

#: The longer side of a drawing in pixels, and the part of a picture that it shows, as a multiple of the face's box.
SIDE, WIDER = 440, 1.7


class Spread(NamedTuple):
    """A predicted point at (x, y) with the semi-axes of its 90 % ellipse, which is turned by `angle` degrees."""

    x: float
    y: float
    major: float
    minor: float
    angle: float
    flagged: bool
    title: str


def tried_figure(picture: TriedPicture, face: TriedFace | None, names: Mapping[int, str]) -> Markup:
    """The picture around its face with the points; `names` are those of landmarks by id."""
    left, top, right, bottom = _area(picture, face)
    scale = SIDE / max(right - left, bottom - top)
    size = (max(round((right - left) * scale), 1), max(round((bottom - top) * scale), 1))
    points = {} if face is None else face.points
    return render(
        "tried_face.html",
        name=picture.name,
        there=picture.there,
        width=size[0],
        height=size[1],
        jpeg=picture_part(picture.file, (left, top, right, bottom), size),
        marks=[
            spread_of(point, names.get(key, f"landmark {key}"), origin=(left, top), scale=scale)
            for key, point in points.items()
        ],
        dot=2.2 if len(points) > MANY else 4.0,
        found=face is not None,
        flagged=0 if face is None else face.flagged,
    )


def spread_of(point: PredictedPoint, name: str, *, origin: tuple[float, float], scale: float) -> Spread:
    """A point and its ellipse in pixels from `origin`, times `scale`."""
    sxx, sxy, syy = point.cov
    mean, spread = (sxx + syy) / 2, math.hypot((sxx - syy) / 2, sxy)
    major, minor = (point.radius90 * scale * math.sqrt(max(mean + sign * spread, 0.0)) for sign in (1, -1))
    return Spread(
        (point.x - origin[0]) * scale,
        (point.y - origin[1]) * scale,
        major,
        minor,
        math.degrees(math.atan2(2 * sxy, sxx - syy) / 2),
        point.flagged,
        f"{name}: wrong with a probability of {100 * point.p_off:.0f} %" + (", flagged" if point.flagged else ""),
    )


def _area(picture: TriedPicture, face: TriedFace | None) -> tuple[float, float, float, float]:
    """Left, top, right and bottom of the part of the picture that is shown."""
    box = picture.box if face is None else face.box
    reach = WIDER * max(box.w, box.h) / 2
    x, y = box.x + box.w / 2, box.y + box.h / 2
    left, right = max(x - reach, 0.0), min(x + reach, float(picture.width))
    top, bottom = max(y - reach, 0.0), min(y + reach, float(picture.height))
    if right - left < 1 or bottom - top < 1:  # the box lies outside
        return 0.0, 0.0, float(picture.width), float(picture.height)
    return left, top, right, bottom
