"""COCO results: a list of what a model predicted, which names its images only by the numbers of another file.

Source: https://cocodataset.org/#format-results.
"""

from __future__ import annotations

import mmap
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from mdmd.data.coco import PREDICTED, read_coco_json
from mdmd.errors import DataError
from mdmd.formats.text import regular

#: A file without one of these keys holds no results with landmarks.
KEYS = (b'"image_id"', b'"keypoints"', b'"score"')


def may_hold_results(file: Path) -> bool:
    """Whether a file may be a list of results with landmarks."""
    try:
        with regular(file) as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as content:
            start = content[:64].lstrip(b"\xef\xbb\xbf \t\r\n")
            return start[:1] == b"[" and all(content.find(key) >= 0 for key in KEYS)
    except (OSError, ValueError):  # unreadable, or empty
        return False


def are_results(content: Any) -> bool:
    """Whether the content of a JSON file is a list of results."""
    return isinstance(content, list) and any(isinstance(one, Mapping) and "image_id" in one for one in content)


def with_images(
    results: list[Any], file: Path, sets: Iterable[Path], key: Callable[[Any], Any]
) -> tuple[Path, dict[str, Any]]:
    """The first of the files `sets` with all images of the `results` in `file`, and both as one COCO record.

    It has no other images.

    `key` makes ids comparable. Raises DataError if there is none.
    """
    wanted = {key(one.get("image_id")) for one in results if isinstance(one, Mapping)}
    for other in sets:
        try:
            coco = read_coco_json(other)
        except DataError:
            continue
        images = coco.get("images") if isinstance(coco, Mapping) else None
        if not isinstance(images, list):
            continue
        if wanted <= {key(image.get("id")) for image in images if isinstance(image, Mapping)}:
            found = [_predicted(one) if isinstance(one, Mapping) else one for one in results]
            named = [image for image in images if isinstance(image, Mapping) and key(image.get("id")) in wanted]
            return other, {**coco, "images": named, "annotations": found}
    raise DataError(
        f"{file} holds results, which tell pictures by their numbers only: put the COCO file with these pictures and "
        "the names of the landmarks beside it"
    )


def _predicted(result: Mapping[str, Any]) -> dict[str, Any]:
    told = result.get("attributes")
    return {**result, "attributes": {**(told if isinstance(told, Mapping) else {}), "source": PREDICTED}}
