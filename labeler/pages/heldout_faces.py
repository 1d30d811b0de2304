"""Held-out faces with what the model says of them now: it is seen to learn."""

from __future__ import annotations

from urllib.parse import quote

from labeler.html.markup import text
from labeler.pictures.thumbnails import WIDTHS
from labeler.project.project import Project
from labeler.runs.heldout import HeldOut, read_heldout
from labeler.runs.run import Run
from mdmd import run_folder
from mdmd.errors import DataError
from mdmd.evaluation.metrics import face_nme

#: How many faces are shown; the same ones all the time, spread over those held out.
SHOWN = 6
#: How much wider than its box a face is shown.
WIDER = 1.25


def newest_look(run: Run | None) -> str:
    """Changes with what `strip_html` shows of a run; empty where it shows nothing."""
    if run is None or run.kind != "train" or run.state == "waiting":
        return ""
    try:
        found = (run.folder / run_folder.HELDOUT).stat()
    except OSError:
        return ""
    return f"{run.id}:{found.st_mtime_ns}:{found.st_ino}"


def strip_html(project: Project, run: Run) -> str:
    """The strip of a training; empty while it has looked at no held-out face.

    With many landmarks this is large: it is for when `newest_look` changes, not for every look at the run.
    """
    try:
        found = read_heldout(run.folder)
    except DataError:
        return ""  # the report says what is wrong with it
    if found is None:
        return ""
    count = len(found.samples)
    chosen = sorted({round(k * (count - 1) / max(min(SHOWN, count) - 1, 1)) for k in range(min(SHOWN, count))})
    title = "Faces it has not learned from" + ("" if found.step is None else f", at step {found.step:,}")
    faces = "".join(_face(project, found, k) for k in chosen)
    return (
        f"<div class='card'><h3>{title}</h3>"
        "<p class='quiet'>Rings are your labels, dots what the model says, lines how far these are apart. Below each "
        "face: its mean error (NME).</p>"
        f"<div class='face-strip'>{faces}</div></div>"
    )


def _face(project: Project, found: HeldOut, k: int) -> str:
    sample = found.samples[k]
    box = sample.box
    side = WIDER * max(box.w, box.h)
    left, top = box.x + (box.w - side) / 2, box.y + (box.h - side) / 2
    url = f"api/projects/{quote(project.name)}/pictures/{sample.image_id}/image?width={WIDTHS[0]}"
    marks = []
    for n in range(len(found.definition.landmarks)):
        if not found.labeled[k, n]:
            continue
        (tx, ty), (px, py) = found.truth[k, n], found.points[k, n]
        kind = "off" if found.errors[k, n] > 0.10 else "near"
        marks.append(
            f"<g class='{kind}'><path d='M{tx:.1f} {ty:.1f}L{px:.1f} {py:.1f}'/>"
            f"<circle class='label' cx='{tx:.1f}' cy='{ty:.1f}' r='{side / 42:.2f}'/>"
            f"<circle class='found' cx='{px:.1f}' cy='{py:.1f}' r='{side / 64:.2f}'/></g>"
        )
    nme = 100 * float(face_nme(found.errors[k : k + 1])[0])
    return (
        f"<figure><svg class='shown-face' viewBox='{left:.1f} {top:.1f} {side:.1f} {side:.1f}' role='img' "
        f"aria-label='{text(sample.file_name)}'><image href='{url}' width='{sample.width}' height='{sample.height}'/>"
        f"{''.join(marks)}</svg><figcaption>{nme:.1f} %</figcaption></figure>"
    )
