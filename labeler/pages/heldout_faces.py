"""Some held-out faces with the predictions of the training that is running."""

from __future__ import annotations

from urllib.parse import quote

from markupsafe import Markup

from labeler.html.markup import render
from labeler.pictures.thumbnails import WIDTHS
from labeler.project.project import Project
from labeler.report.drawings import face_marks
from labeler.runs.heldout import HeldOut, read_heldout
from labeler.runs.run import Run
from mdmd import run_folder
from mdmd.errors import DataError
from mdmd.evaluation.metrics import face_nme

#: How many faces are shown, evenly spread over those held out and the same at each update.
SHOWN = 6
#: The side of what is shown of a face, as a multiple of its box.
WIDER = 1.25


def heldout_revision(run: Run | None) -> str:
    """Changes with what `heldout_faces_html` shows of a run; empty where it shows nothing."""
    if run is None or run.kind != "train" or run.state == "waiting":
        return ""
    try:
        found = (run.folder / run_folder.HELDOUT).stat()
    except OSError:
        return ""
    return f"{run.id}:{found.st_mtime_ns}:{found.st_ino}"


def heldout_faces_html(project: Project, run: Run) -> Markup:
    """Some held-out faces of a training; empty while it has measured none.

    With many landmarks this is large: call it when `heldout_revision` changes, not at every tick.
    """
    try:
        found = read_heldout(run.folder)
    except DataError:
        return Markup()  # the report says what is wrong with it
    if found is None:
        return Markup()
    count = len(found.samples)
    chosen = sorted({round(k * (count - 1) / max(min(SHOWN, count) - 1, 1)) for k in range(min(SHOWN, count))})
    return render("heldout_faces.html", step=found.step, faces=[_face(project, found, k) for k in chosen])


def _face(project: Project, found: HeldOut, k: int) -> dict[str, object]:
    sample = found.samples[k]
    box = sample.box
    side = WIDER * max(box.w, box.h)
    left, top = box.x + (box.w - side) / 2, box.y + (box.h - side) / 2
    return {
        "name": sample.file_name,
        "url": f"api/projects/{quote(project.name)}/pictures/{sample.image_id}/image?width={WIDTHS[0]}",
        "width": sample.width,
        "height": sample.height,
        "view": f"{left:.1f} {top:.1f} {side:.1f} {side:.1f}",
        "side": side,
        "marks": face_marks(found, k),
        "nme": 100 * float(face_nme(found.errors[k : k + 1])[0]),
    }
