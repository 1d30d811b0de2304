"""What files from elsewhere say beyond labels: what of it a project keeps, and what an export gives back.

It is kept by the keys of the files. Keys that an export computes from the labels are left out, so that none is stale.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from labeler.storage.extras import Extras
from mdmd.data.coco import ORIGINAL_NAME
from mdmd.data.text import shown, text_problem
from mdmd.formats.coco_extras import LICENSES, Extra, Renumbered, merged, renumbered

#: Characters of JSON that are kept of an image or a face, and of what a file says of itself.
LARGEST, LARGEST_OF_SET = 100_000, 1_000_000
#: The most sentences on what was left out.
MOST_TOLD = 10
#: Keys of an image and of a face that an export writes anew.
OF_IMAGE = frozenset(("id", ORIGINAL_NAME, "subsets"))
OF_FACE = frozenset(("id", "unseen"))
#: The same of the `attributes` of a face, also of one that was predicted.
OF_ATTRIBUTES = frozenset(
    ("sources", "point_sources", "annotators", "covariance", "absent", "box", "source", "p_off", "flagged")
)
#: The same of the `info` of a file, where this project wrote it; `image_folder` is a place on the machine of the file.
OF_INFO = frozenset(("project", "definition_version", "date_created", "sigmas"))
IMAGE_FOLDER = "image_folder"
#: How an export describes itself.
DESCRIPTION = re.compile(r"(.*: )?\d+ facial landmarks", re.DOTALL)


@dataclass(frozen=True)
class Told:
    """What the imported files say beyond labels: `of_set`, and by the ids of images and faces."""

    of_set: Extra = field(default_factory=dict)
    of_images: Mapping[int, Extra] = field(default_factory=dict)
    of_faces: Mapping[int, Extra] = field(default_factory=dict)

    @classmethod
    def by(cls, extras: Extras) -> Told:
        """What a project keeps."""
        return cls(merged(extras.of_sets()), extras.of_images(), extras.of_faces())

    def info(self, own: Extra) -> dict[str, Any]:
        """The `info` of an export that says `own` of itself. The description of the imported files stays."""
        theirs = self.of_set.get("info", {})
        return {**theirs, **own, **{key: theirs[key] for key in ("description",) if key in theirs}}


class Keeping:
    """Keeps what one imported file says beyond labels: `told` of itself, and what comes with its images and faces."""

    def __init__(self, extras: Extras, told: Extra) -> None:
        self._extras, self._told = extras, told
        self._file: Renumbered | None = None
        self._has_set = False
        self._left_out = Counter[str]()

    @property
    def notes(self) -> list[str]:
        """What was left out, as sentences with counts."""
        said = [f"{what}: {count:,}" for what, count in self._left_out.most_common(MOST_TOLD)]
        more = len(self._left_out) - len(said)
        return [*said, *([f"and {more:,} more keys that are left out"] if more else [])]

    def keep(
        self, image_id: int, image: Extra, faces: Mapping[int, tuple[Extra, bool]], begun: Callable[[], int]
    ) -> None:
        """Write what came with an image and its faces, in the transaction that brings them in, unless it is there.

        A face comes with whether it was predicted: then its score is that of a model, and is left out. `begun` gives
        the number of the import, which it begins.
        """
        if self._file is None:
            told = self._fitting(_of_set(self._told), "of the file", LARGEST_OF_SET)
            there = merged(self._extras.of_sets())
            self._file = renumbered(told, there)
            if merged([there, self._file.extra]) != there:
                self.keep_set(begun())
        kept = self._file.image(self._fitting(_of_image(image), "of an image", LARGEST))
        if kept and kept != self._extras.of_images(image_id).get(image_id):
            self._extras.put_image(begun(), image_id, kept)
        for face_id, (face, predicted) in faces.items():
            kept = self._fitting(_of_face(face, predicted), "of a face", LARGEST)
            if kept and kept != self._extras.of_faces(face_id).get(face_id):
                self._extras.put_face(begun(), face_id, kept)

    def keep_set(self, number: int) -> None:
        """Write what the file says of itself with the import of this number, once, and if anything of it is kept.

        Others may say the same; they may be taken back.
        """
        if self._file is not None and self._file.extra and not self._has_set:
            self._extras.put_set(number, self._file.extra)
            self._has_set = True

    def _fitting(self, extra: Iterable[tuple[str, Any]], whose: str, most: int) -> dict[str, Any]:
        """What of `extra` can be kept. The rest is counted."""
        kept, size = dict[str, Any](), 0
        for key, value in extra:
            try:
                length = len(json.dumps({key: value}, allow_nan=False))
            except (TypeError, ValueError):
                self._left_out[f"{shown(key)} {whose} is left out, because it holds a number that is none"] += 1
                continue
            if size + length > most:
                why = f"all that is kept has at most {most:,} characters"
                self._left_out[f"{shown(key)} {whose} is left out, because {why}"] += 1
                continue
            kept[key] = value
            size += length
        return kept


def _of_set(extra: Extra) -> Iterator[tuple[str, Any]]:
    for key, value in extra.items():
        if key == "info" and isinstance(value, Mapping):
            own = OF_INFO if "project" in value else frozenset[str]()
            kept = {k: v for k, v in value.items() if k not in own and k != IMAGE_FOLDER}
            if own and DESCRIPTION.fullmatch(str(kept.get("description"))):
                del kept["description"]
            if kept:
                yield key, kept
        elif key == LICENSES and isinstance(value, list):
            if value:
                yield key, value
        elif key not in ("info", LICENSES):
            yield key, value


def _of_image(extra: Extra) -> Iterator[tuple[str, Any]]:
    for key, value in extra.items():
        if key not in OF_IMAGE and (key not in ("style", "subset") or _is_name(value)):
            yield key, value


def _of_face(extra: Extra, predicted: bool) -> Iterator[tuple[str, Any]]:
    for key, value in extra.items():
        if key == "attributes":
            told = value.items() if isinstance(value, Mapping) else ()
            if kept := {name: one for name, one in told if name not in OF_ATTRIBUTES}:
                yield key, kept
        elif key == "subsets":
            if isinstance(value, list) and not any(map(text_problem, value)):
                yield key, value
        elif key in OF_FACE or (key == "score" and predicted) or (key == "segmentation" and value == []):
            continue
        elif key != "split" or _is_name(value):
            yield key, value


def _is_name(value: Any) -> bool:
    """Whether `mdmd.data.coco` reads a name."""
    return value is None or isinstance(value, int) or text_problem(value) is None
