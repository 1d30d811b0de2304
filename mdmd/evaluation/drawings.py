"""Pictures of faces with labels, predictions, errors and ellipses, as in figures 4 and 5 of the paper. No torch.

A label is a blue ring, a prediction a yellow dot, an error the white line between them. The yellow ellipse is expected
to contain the label with a probability of 90 %. Blue and yellow differ for all kinds of color vision, and each mark has
a dark edge, so that it is seen on any picture.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from mdmd.data.boxes import box_to_learn
from mdmd.data.images import read_picture
from mdmd.data.records import Points, Prediction, Sample
from mdmd.data.text import cleaned, safe_stem
from mdmd.errors import DataError
from mdmd.evaluation.error_law import Array, RadialLaw
from mdmd.files import new_folder

LABEL, PREDICTION, ERROR, EDGE = "#56b4e9", "#f0e442", "#ffffff", "#101010"
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

PAPER, INK = "#ffffff", "#202020"
#: How strongly the inside of an ellipse is filled, of 255.
FILL = 36
#: Side of the picture of a face in pixels, and its width as a multiple of the face.
SIDE, WIDER = 720, 1.25
#: Marks are drawn this many times as large and then reduced, which smooths them.
FINE = 4
#: Faces of each kind, and the kinds.
EACH = 3
KINDS = ("best", "median", "worst")
#: The probability that the ellipse is expected to contain the label.
INSIDE = 0.9
#: The name of the picture with all faces.
SHEET = "all.png"


@dataclass(frozen=True)
class Ranked:
    """The index of a face, and its place among the faces of its kind, from 1: the first of the worst is the worst."""

    kind: str
    place: int
    index: int


@dataclass(frozen=True)
class Marks:
    """The marks of one face in pixels of its drawing: `labels` (N, 2) with NaN where there is none, predictions `found`
    (N, 2), and outlines of M points, `ellipses` (N, M, 2)."""

    labels: Points
    found: Points
    ellipses: Points


def must_be_free(folder: Path) -> None:
    """Raises DataError unless `folder` is missing or empty."""
    if folder.is_dir():
        if any(folder.iterdir()):
            raise DataError(f"{folder} holds files already: name a new folder, so that nothing is overwritten")
    elif folder.exists():
        raise DataError(f"{folder} is a file, wanted a new folder")


def ranked(nme: Array, each: int = EACH) -> list[Ranked]:
    """The faces with the smallest, middle and largest errors `nme` (B,), at most `each` of a kind and none twice.

    Faces with NaN (no labeled point) are left out. Faces with the same error keep their order.
    """
    order = [k for k in np.argsort(nme, kind="stable").tolist() if not math.isnan(nme[k])]
    count = min(each, max(1, len(order) // len(KINDS)))
    best = order[:count]
    worst = order[max(len(order) - count, len(best)) :][::-1]
    between = order[len(best) : len(order) - len(worst)]
    first = max(len(between) - count, 0) // 2
    chosen = (best, between[first : first + count], worst)
    return [
        Ranked(kind, place, k)
        for kind, faces in zip(KINDS, chosen, strict=True)
        for place, k in enumerate(faces, start=1)
    ]


def draw_faces(
    folder: Path, predictions: Sequence[Prediction], samples: Sequence[Sample], nme: Array, law: RadialLaw
) -> None:
    """Draw the best, median and worst faces by `nme` (B,), as shares, into the new or empty `folder`.

    Each face is a PNG whose name says its kind, its place in it, its NME in percent and its picture; SHEET has them
    all. Covariances are calibrated, and `law` is their radial law. The same faces give the same bytes. Raises DataError
    if the folder holds something, or if no face has a labeled point.
    """
    must_be_free(folder)
    chosen = ranked(nme)
    if not chosen:
        raise DataError("found no face with a labeled point, wanted at least one to draw")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with new_folder(folder.resolve()) as making:
        drawn: list[tuple[Ranked, Image.Image, str]] = []
        for face in chosen:
            name, error = samples[face.index].file_name, f"{100 * nme[face.index]:.2f}"
            image = face_picture(samples[face.index], predictions[face.index], law)
            image.save(making / f"{face.kind}-{face.place}_nme-{error}_{safe_stem(name)}.png")
            drawn.append((face, image, f"{face.kind} {face.place}: NME {error} %\n{cleaned(name)}"))
        contact_sheet(drawn).save(making / SHEET)


def draw_predictions(
    folder: Path, predictions: Sequence[Prediction], samples: Sequence[Sample], law: RadialLaw
) -> None:
    """Draw each face with its points and ellipses into the new or empty `folder`, as JPEG files.

    The name of a file says the number of the face and its picture. Covariances are calibrated, and `law` is their
    radial law. Raises DataError if the folder holds something, or a picture cannot be read.
    """
    must_be_free(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    digits = len(str(len(samples)))
    with new_folder(folder.resolve()) as making:
        for number, (sample, prediction) in enumerate(zip(samples, predictions, strict=True), start=1):
            name = f"{number:0{digits}}_{safe_stem(sample.file_name)}.jpg"
            face_picture(replace(sample, annotation=None), prediction, law).save(making / name, quality=90)


def face_picture(sample: Sample, prediction: Prediction, law: RadialLaw, side: int = SIDE) -> Image.Image:
    """The face of `sample` with its labels and its `prediction`, as a square of `side` pixels.

    What lies outside the image is black. Raises PictureError if the image cannot be read.
    """
    left, top, width = _area(sample, prediction)
    large = side * FINE
    picture = read_picture(sample.path).crop((left, top, left + width, top + width))
    shown = picture.resize((large, large), Image.Resampling.BICUBIC)
    _draw(shown, _marks(sample, prediction, law, (left, top), large / width))
    return shown.reduce(FINE)


def _area(sample: Sample, prediction: Prediction) -> tuple[int, int, int]:
    """Left, top and width of the square around the box, the labels and the predicted points, in whole pixels."""
    labels = sample.annotation
    size = (sample.width, sample.height)
    known = np.empty((0, 2)) if labels is None else labels.points[labels.labeled]
    box = box_to_learn(sample.box, size, known) if len(known) else sample.box
    corners = np.array([[box.x, box.y], [box.x + box.w, box.y + box.h]])
    # A point far outside of the image must not make its face small.
    inside = np.clip(np.concatenate([corners, known, prediction.points]), 0, size)
    low, high = inside.min(axis=0), inside.max(axis=0)
    width = max(round(WIDER * float((high - low).max())), 1)
    left, top = np.round((low + high - width) / 2).astype(int).tolist()
    return left, top, width


def _marks(sample: Sample, prediction: Prediction, law: RadialLaw, origin: tuple[int, int], scale: float) -> Marks:
    own = sample.annotation
    labels = np.full_like(prediction.points, np.nan)
    if own is not None:
        labels[own.labeled] = own.points[own.labeled]
    angles = np.linspace(0, 2 * np.pi, 73)
    circle = law.radius(INSIDE) * np.stack([np.cos(angles), np.sin(angles)])
    outlines = prediction.points[:, None] + np.swapaxes(np.linalg.cholesky(prediction.covariance) @ circle, 1, 2)
    # Pillow counts from the center of the first pixel.
    shown = [(at - origin) * scale - 0.5 for at in (labels, prediction.points, outlines)]
    return Marks(*shown)


def _draw(image: Image.Image, marks: Marks) -> None:
    """Draw ellipses, then errors, then points, so that no mark hides one that is smaller."""
    # Smaller with more landmarks, so that marks do not cover each other.
    radius = image.width * min(0.055 / math.sqrt(len(marks.found)), 0.015)
    labeled = np.flatnonzero(~np.isnan(marks.labels[:, 0])).tolist()
    _ellipses(image, marks.ellipses.tolist(), radius)
    pen = ImageDraw.Draw(image, "RGBA")
    for k in labeled:
        _error(pen, marks.labels[k].tolist(), marks.found[k].tolist(), radius)
    for k in labeled:
        _label(pen, marks.labels[k].tolist(), radius)
    for place in marks.found.tolist():
        _prediction(pen, place, radius)


def _ellipses(image: Image.Image, outlines: Sequence[Sequence[Sequence[float]]], radius: float) -> None:
    inside = Image.new("L", image.size)  # filled once, so that a place inside many ellipses is still seen
    for outline in outlines:
        ImageDraw.Draw(inside).polygon([(x, y) for x, y in outline], fill=FILL)
    image.paste(Image.new("RGB", image.size, PREDICTION), mask=inside)
    for outline in outlines:
        _line(ImageDraw.Draw(image, "RGBA"), outline, PREDICTION, radius / 4)


def _error(pen: ImageDraw.ImageDraw, label: Sequence[float], found: Sequence[float], radius: float) -> None:
    _line(pen, [label, found], ERROR, 0.35 * radius)


def _label(pen: ImageDraw.ImageDraw, at: Sequence[float], radius: float) -> None:
    _disc(pen, at, 1.25 * radius, None, EDGE, 0.9 * radius)
    _disc(pen, at, radius, None, LABEL, 0.45 * radius)


def _prediction(pen: ImageDraw.ImageDraw, at: Sequence[float], radius: float) -> None:
    _disc(pen, at, 0.75 * radius, PREDICTION, EDGE, radius / 5)


def _line(pen: ImageDraw.ImageDraw, places: Sequence[Sequence[float]], color: str, width: float) -> None:
    """A line through `places` with a dark edge."""
    dots = [(x, y) for x, y in places]
    pen.line(dots, fill=f"{EDGE}90", width=round(2 * width), joint="curve")
    pen.line(dots, fill=color, width=max(round(width), 1), joint="curve")


def _disc(
    pen: ImageDraw.ImageDraw, at: Sequence[float], radius: float, fill: str | None, outline: str, width: float
) -> None:
    x, y = at
    pen.ellipse((x - radius, y - radius, x + radius, y + radius), fill, outline, max(round(width), 1))


def contact_sheet(drawn: Sequence[tuple[Ranked, Image.Image, str]]) -> Image.Image:
    """All faces in one picture: a row for each kind, a caption below each face, and the meaning of the marks."""
    side = drawn[0][1].width
    gap, text = side // 32, side // 26
    font = ImageFont.load_default(text)
    rows = [kind for kind in KINDS if any(face.kind == kind for face, _, _ in drawn)]
    columns = max(face.place for face, _, _ in drawn)
    high = side + 3 * text + gap
    sheet = Image.new("RGB", (gap + columns * (side + gap), gap + len(rows) * high + 2 * text), PAPER)
    pen = ImageDraw.Draw(sheet)
    for face, image, caption in drawn:
        x, y = gap + (face.place - 1) * (side + gap), gap + rows.index(face.kind) * high
        sheet.paste(image, (x, y))
        for line, words in enumerate(caption.split("\n")):
            pen.text((x, y + side + text * (0.3 + 1.25 * line)), _fitting(words, font, side), INK, font)
    sheet.paste(_key(sheet.width, text, font), (0, sheet.height - 2 * text))
    return sheet


def _fitting(words: str, font: Font, width: int) -> str:
    """`words`, cut in the middle to `width` pixels."""
    shown, kept = words, len(words)
    while font.getlength(shown) > width and kept > 2:
        kept -= 1
        shown = words[: (kept + 1) // 2] + "..." + words[len(words) - kept // 2 :]
    return shown


def _key(width: int, text: int, font: Font) -> Image.Image:
    """The meaning of the marks, in one line of `width` pixels on a dark ground, on which all of them are seen."""
    size = (width, 2 * text)
    large = Image.new("RGB", (size[0] * FINE, size[1] * FINE), EDGE)
    pen = ImageDraw.Draw(large, "RGBA")
    radius, unit = 0.3 * text * FINE, text * FINE
    meanings = ("label", "prediction", "error", f"{100 * INSIDE:.0f} % ellipse")
    widths = [3.8 * text + font.getlength(meaning) for meaning in meanings]
    starts = [text + sum(widths[:k]) for k in range(len(widths))]
    label, prediction, error, ellipse = ((start + 0.7 * text) * FINE for start in starts)
    _label(pen, (label, unit), radius)
    _prediction(pen, (prediction, unit), radius)
    _error(pen, (error - 0.7 * unit, unit), (error + 0.7 * unit, unit), radius)
    turn = np.linspace(0, 2 * np.pi, 73).tolist()
    outline = [(ellipse + 0.8 * unit * math.cos(a), unit + 0.5 * unit * math.sin(a)) for a in turn]
    _ellipses(large, [outline], radius)
    shown = large.reduce(FINE)
    for start, meaning in zip(starts, meanings, strict=True):
        ImageDraw.Draw(shown).text((start + 1.8 * text, text), meaning, PAPER, font, anchor="lm")
    return shown
