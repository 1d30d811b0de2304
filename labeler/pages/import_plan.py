"""What an import would bring in, before it does: what was found, the match of landmarks, and a picture with points."""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from markupsafe import Markup
from PIL import Image

from labeler.html.markup import plural, render
from labeler.html.refused import MISSING, NOT_THERE, refused_html
from labeler.project.coco import lies_in
from mdmd.data.definition import GROUPS, Definition
from mdmd.data.images import PictureError, picture_size, read_reduced
from mdmd.data.landmark_names import group_of_name, guessed_pairs
from mdmd.data.picture_files import NAMED
from mdmd.data.records import Sample
from mdmd.datasets.incoming import PREDICTED, Incoming
from mdmd.datasets.matching import suggested
from mdmd.errors import DataError

#: The longer side in pixels of the picture that is shown.
SIDE = 640


def plan_html(found: Incoming, own: Definition | None, where: str, there: Sequence[str]) -> Markup:
    """What would come in from `where`, and the match of its landmarks with those of `own`, to be corrected by hand.

    Without `own`, the groups of its landmarks instead, as far as names tell them. `there` says what of it the project
    has already.
    """
    if own is None:
        pairs, guesses = {name: group for name in found.landmarks if (group := group_of_name(name))}, set[str]()
    else:
        pairs, guesses = suggested(found.landmarks, own, mirror=found.mirror)
    left = [name for name in found.landmarks if name not in pairs.values()]
    refused = [(out.record, out.why) for out in found.left_out]
    refused += [(samples[0].file_name, MISSING) for samples in found.entries if not samples[0].path.is_file()]
    return render(
        "import_plan.html",
        sentence=found_words(found),
        where=where,
        notes=[*there, *found.notes],
        refused=refused_html(refused, missing=NOT_THERE, thing="record") if refused else "",
        landmarks=found.landmarks,
        groups=None if own is None else _by_group(own),
        all_groups=GROUPS,
        pairs=pairs,
        match=json.dumps(pairs),
        guesses=guesses,
        left=left,
        shown=_shown(found),
    )


def with_groups(found: Incoming, groups: Mapping[str, str], name: str) -> Incoming:
    """`found` with the definition `name`, in which landmarks have these groups. Raises DataError.

    Mirror pairs that the file does not tell are those that names tell.
    """
    unknown = [landmark for landmark in found.landmarks if landmark not in groups]
    if unknown:
        more = f" and {len(unknown) - NAMED:,} more" if len(unknown) > NAMED else ""
        raise DataError(f"say which part of the face these landmarks belong to: {', '.join(unknown[:NAMED])}{more}")
    names = list(found.landmarks)
    mirror = found.mirror
    pairs = guessed_pairs(names) if mirror is None else [(k, m) for k, m in enumerate(mirror) if k < m]
    category = {
        "name": name,
        "keypoints": names,
        "flsg": {group: [k for k, own in enumerate(names) if groups[own] == group] for group in set(groups.values())},
        "flip_pairs": [list(pair) for pair in pairs],
        "skeleton": [[a + 1, b + 1] for a, b in found.edges],
    }
    return replace(found, definition=Definition.from_category(category, where=found.where))


def found_words(found: Incoming) -> str:
    """ "YOLO-pose: 40 pictures, 38 of them there; 40 labeled faces with 360 points; train 30, val 10"."""
    faces = [sample for samples in found.entries for sample in samples if sample.annotation is not None]
    points = sum(int(sample.annotation.labeled.sum()) for sample in faces if sample.annotation is not None)
    there = sum(samples[0].path.is_file() for samples in found.entries)
    splits = Counter(samples[0].split for samples in found.entries)
    pictures = plural(len(found.entries), "picture")
    said = [f"{found.title}: {pictures}{'' if there == len(found.entries) else f', {there:,} of them there'}"]
    if faces or not found.predicted:
        said.append(f"{plural(len(faces), 'labeled face')} with {plural(points, 'point')}")
    if found.predicted:
        said.append(f"{plural(found.predicted, 'face')} with points of a model")
    if len(splits) > 1:
        said.append(", ".join(f"{split} {count:,}" for split, count in splits.items()))
    return "; ".join(said)


def _by_group(own: Definition) -> list[tuple[str, list[str]]]:
    """The landmarks by group, in the order of the definition."""
    found: dict[str, list[str]] = {}
    for name, group in zip(own.landmarks, own.groups, strict=True):
        found.setdefault(GROUPS[group].replace("_", " "), []).append(name)
    return list(found.items())


def _shown(found: Incoming) -> dict[str, object] | None:
    """The first picture with points that can be read, and its points in percent of its sides; None without one."""
    for samples in found.entries:
        points = [point for sample in samples for point in _points_of(sample, found.landmarks)]
        if (
            not points
            or not samples[0].path.is_file()
            or not any(lies_in(samples[0].path, root) for root in found.roots)
        ):
            continue
        try:
            jpeg, width, height = _jpeg(samples[0].path)
        except PictureError:
            continue
        return {
            "name": samples[0].file_name,
            "jpeg": jpeg,
            "points": [(name, 100 * x / width, 100 * y / height) for name, x, y in points],
        }
    return None


def _points_of(sample: Sample, landmarks: tuple[str, ...]) -> list[tuple[str, float, float]]:
    if sample.annotation is not None:
        rows = zip(landmarks, sample.annotation.points.tolist(), sample.annotation.labeled.tolist(), strict=True)
        return [(name, x, y) for name, (x, y), labeled in rows if labeled]
    points = sample.extra.get(PREDICTED) or []
    return [(name, point.x, point.y) for name, point in zip(landmarks, points, strict=False) if point is not None]


def _jpeg(path: Path) -> tuple[str, int, int]:
    """A small copy as base64, and the width and height of the upright picture. Raises PictureError."""
    size = picture_size(path)
    image, _ = read_reduced(path, max(size) / SIDE)
    image.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    content = io.BytesIO()
    image.convert("RGB").save(content, "JPEG", quality=85)
    return base64.b64encode(content.getvalue()).decode("ascii"), *size
