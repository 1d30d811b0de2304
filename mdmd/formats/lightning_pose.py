"""Lightning Pose: CollectedData.csv, with DeepLabCut's headings and the path of the picture in the first column.

Paths are those from the folder of the csv. Files of further views or of other pictures, such as CollectedData_new.csv,
lie beside it. A missing value is a point without a label. There is one face in a picture.
Source: https://lightning-pose.readthedocs.io/en/latest/source/directory_structure_reference.html.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from mdmd.errors import DataError
from mdmd.formats.deeplabcut import face_cells, heading_rows, labeled_only, read_tables, save, table_kind
from mdmd.formats.format import Format, Pictures, Reading, losses, place_picture
from mdmd.formats.labels import LabelSet, Loss
from mdmd.formats.lost import Places, lost
from mdmd.formats.text import csv_text


def detect(place: Path) -> bool:
    """Whether `place` is a csv of Lightning Pose, or a folder with one. DeepLabCut's own files are none."""
    return bool(_tables(place))


def read(place: Path, how: Reading) -> LabelSet:
    """Read a csv, or all that lie in a folder. Raises DataError."""
    root = place.parent if place.is_file() else place
    files = [place] if place.is_file() else _tables(place) or _below(place)
    if not files:
        raise DataError(f"{place}: no CollectedData.csv")
    return read_tables(files, root, how)


def _below(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("CollectedData*.csv") if path.is_file() and not path.is_symlink())


def _tables(place: Path) -> list[Path]:
    try:
        files = [place] if place.is_file() else _below(place)
        return [path for path in files if path.suffix.lower() == ".csv" and table_kind(path) == "lightning-pose"]
    except OSError:
        return []


def write(labels: LabelSet, out: Path, pictures: Pictures) -> list[Loss]:
    """Write CollectedData.csv and the pictures below labeled-data. Of several faces of a picture the first is kept."""
    kept, dropped = labeled_only(labels)
    first = replace(kept, images=tuple(replace(image, faces=image.faces[:1]) for image in kept.images))
    dropped["face"] += kept.faces - first.faces
    rows = heading_rows(labels.landmarks, None, width=1)
    places = Places()
    for image in first.images:
        place = Path("labeled-data") / places.of(image)
        rows.append([place.as_posix(), *face_cells(image.faces[0], labels)])
        place_picture(image, out / place, pictures)
    save(out / "CollectedData.csv", csv_text(rows))
    kinds = ("hidden", "absent", "box", "scores", "predicted", "face subject", "split", "subject", "mirror", "edges")
    return losses(**dropped, **lost(first, *kinds, "groups"))


FORMAT = Format("lightning-pose", "Lightning Pose", detect, read, write)
