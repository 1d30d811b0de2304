"""What an import would bring in, before it does: what was found, the match of landmarks, and pictures with points."""

from __future__ import annotations

import base64
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
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

#: The longer side in pixels of the pictures that are shown, and the most of them.
SIDE, MOST = 512, 12
#: Of large pictures fewer are shown, but some: reading them takes time.
PIXELS, SOME = 120_000_000, 3
#: More landmarks than this are drawn small.
MANY = 60


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
        many=len(found.landmarks) > MANY,
        told=told_names(found),
        groups=None if own is None else _by_group(own),
        all_groups=GROUPS,
        pairs=pairs,
        match=json.dumps(pairs),
        guesses=guesses,
        left=left,
        pictures=list(_pictures(found)),
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


def told_names(found: Incoming) -> set[str]:
    """The landmarks of the file that have points in it."""
    return {name for samples in found.entries for sample in samples for name, _, _ in _points_of(sample, found)}


def _by_group(own: Definition) -> list[tuple[str, list[tuple[int, str]]]]:
    """The landmarks by group, each with its place in the definition."""
    by_group: dict[str, list[tuple[int, str]]] = {}
    for at, (name, group) in enumerate(zip(own.landmarks, own.groups, strict=True)):
        by_group.setdefault(GROUPS[group].replace("_", " "), []).append((at, name))
    return list(by_group.items())


def _pictures(found: Incoming) -> Iterator[dict[str, object]]:
    """Pictures with points, spread evenly over the file, of those that can be read.

    `points` of each are the place of the landmark among those of the file, and x and y in percent of the sides.
    """
    entries = [
        samples
        for samples in found.entries
        if samples[0].path.is_file()
        and any(lies_in(samples[0].path, root) for root in found.roots)
        and any(True for sample in samples for _ in _points_of(sample, found))
    ]
    if not entries:
        return
    pixels = entries[0][0].width * entries[0][0].height
    count = min(MOST, max(SOME, PIXELS // pixels), len(entries))
    places = {name: at for at, name in enumerate(found.landmarks)}
    for k in range(count):
        for samples in entries[k * len(entries) // count : (k + 1) * len(entries) // count]:
            with suppress(PictureError):
                shown, width, height = _reduced(samples[0].path)
                points = [point for sample in samples for point in _points_of(sample, found)]
                yield {
                    "name": samples[0].file_name,
                    "jpeg": _jpeg(shown),
                    "width": shown.width,
                    "height": shown.height,
                    "points": " ".join(
                        f"{places[name]} {100 * x / width:.2f} {100 * y / height:.2f}" for name, x, y in points
                    ),
                }
                break


def _points_of(sample: Sample, found: Incoming) -> Iterator[tuple[str, float, float]]:
    if sample.annotation is not None:
        rows = zip(found.landmarks, sample.annotation.points.tolist(), sample.annotation.labeled.tolist(), strict=True)
        yield from ((name, x, y) for name, (x, y), labeled in rows if labeled)
        return
    points = sample.extra.get(PREDICTED) or []
    yield from (
        (name, point.x, point.y) for name, point in zip(found.landmarks, points, strict=False) if point is not None
    )


def _reduced(path: Path) -> tuple[Image.Image, int, int]:
    """A small copy, and the width and height of the upright picture. Raises PictureError."""
    size = picture_size(path)
    image, _ = read_reduced(path, max(size) / SIDE)
    image.thumbnail((SIDE, SIDE), Image.Resampling.BILINEAR)
    return image, *size


def _jpeg(image: Image.Image) -> str:
    content = io.BytesIO()
    image.convert("RGB").save(content, "JPEG", quality=80)
    return base64.b64encode(content.getvalue()).decode("ascii")
