"""What a report shows of faces: crops with labels and predictions on them, and errors on the mean face. SVG."""

from __future__ import annotations

import base64
import io
import math

import numpy as np
from PIL import Image

from labeler.html.markup import text
from labeler.report.measures import LandmarkError, mean_face
from labeler.runs.heldout import HeldOut
from mdmd.data.images import read_picture
from mdmd.errors import DataError
from mdmd.evaluation import metrics

#: Pixels of a crop's side, and how much wider than the face's box it is.
SIDE, WIDER = 240, 1.3
#: Side of the drawing of the mean face.
FACE = 360


def face_figure(found: HeldOut, k: int) -> str:
    """Face `k` with its labels (rings) and predictions (dots), joined where they differ."""
    sample = found.samples[k]
    box = sample.box
    side = WIDER * max(box.w, box.h)
    left, top = box.x + box.w / 2 - side / 2, box.y + box.h / 2 - side / 2
    scale = SIDE / side
    nme = float(metrics.face_nme(found.errors[k : k + 1])[0])
    parts = []
    small = len(found.definition.landmarks) > 30
    for n, name in enumerate(found.definition.landmarks):
        if not found.labeled[k, n]:
            continue
        (tx, ty), (px, py) = ((place - (left, top)) * scale for place in (found.truth[k, n], found.points[k, n]))
        off = f"<title>{text(name)}: {100 * found.errors[k, n]:.1f} % off</title>"
        kind = "off" if found.errors[k, n] > 0.10 else "near"
        parts.append(
            f'<g class="{kind}">{off}<path d="M{tx:.1f} {ty:.1f}L{px:.1f} {py:.1f}"/>'
            f'<circle class="label" cx="{tx:.1f}" cy="{ty:.1f}" r="{1.6 if small else 4.5}"/>'
            f'<circle class="found" cx="{px:.1f}" cy="{py:.1f}" r="{1.2 if small else 3}"/></g>'
        )
    picture = _crop(found, k, (left, top, left + side, top + side))
    return (
        f'<figure><svg class="shown-face" viewBox="0 0 {SIDE} {SIDE}" role="img" aria-label="{text(sample.file_name)}">'
        f"{picture}{''.join(parts)}</svg><figcaption><b>{100 * nme:.1f} %</b> "
        f"<span>{text(sample.file_name)}</span></figcaption></figure>"
    )


def _crop(found: HeldOut, k: int, area: tuple[float, float, float, float]) -> str:
    """The picture's part `area` as an image in the SVG; a picture that cannot be read is told in its place."""
    try:
        picture = read_picture(found.samples[k].path)
    except DataError:
        return f'<text class="gone" x="{SIDE / 2}" y="{SIDE / 2}" text-anchor="middle">the picture is gone</text>'
    scale = SIDE / (area[2] - area[0])
    shown = picture.transform(
        (SIDE, SIDE),
        Image.Transform.AFFINE,
        (1 / scale, 0, area[0], 0, 1 / scale, area[1]),
        resample=Image.Resampling.BICUBIC,
    )
    file = io.BytesIO()
    shown.save(file, "JPEG", quality=82)
    data = base64.b64encode(file.getvalue()).decode()
    return f'<image width="{SIDE}" height="{SIDE}" href="data:image/jpeg;base64,{data}"/>'


def mean_face_figure(found: HeldOut, rows: list[LandmarkError]) -> str:
    """The mean face; a disc around each landmark is as large as its mean error is on it."""
    places, unit = mean_face(found)
    known = ~np.isnan(places[:, 0])
    if not known.any():
        return ""
    errors = np.array([row.mean if math.isfinite(row.mean) else 0.0 for row in rows]) / 100 * unit
    low, high = (places - errors[:, None])[known].min(axis=0), (places + errors[:, None])[known].max(axis=0)
    span = float(max(*(high - low), 1e-6)) * 1.12
    left, top = (low + high) / 2 - span / 2
    scale = FACE / span

    def at(k: int) -> tuple[float, float]:
        return (places[k, 0] - left) * scale, (places[k, 1] - top) * scale

    worst = sorted((row.mean for row in rows if math.isfinite(row.mean)), reverse=True)[:3]
    parts = []
    for a, b in found.definition.edges:
        if known[a] and known[b]:
            (ax, ay), (bx, by) = at(a), at(b)
            parts.append(f'<path class="edge" d="M{ax:.1f} {ay:.1f}L{bx:.1f} {by:.1f}"/>')
    for k, row in enumerate(rows):
        if not known[k]:
            continue
        x, y = at(k)
        title = f"<title>{text(row.name)}: {row.mean:.1f} % off on average, {row.most:.1f} % at most</title>"
        kind = "worst" if row.mean in worst else "usual"
        parts.append(
            f'<g class="{kind}">{title}<circle class="reach" cx="{x:.1f}" cy="{y:.1f}" r="{errors[k] * scale:.1f}"/>'
            f'<circle class="place" cx="{x:.1f}" cy="{y:.1f}" r="{2 if len(rows) <= 30 else 1.2}"/></g>'
        )
    return (
        f'<svg class="mean" viewBox="0 0 {FACE} {FACE}" role="img" aria-label="Mean error of each landmark">'
        f"{''.join(parts)}</svg>"
    )
