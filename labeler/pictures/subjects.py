"""Whom a picture shows: the subject, one person or one animal, told by a folder or by a part of the name.

All pictures of a subject are on one side: a model either learns from them or is measured on them.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from labeler.pictures.ingest import shown_name
from labeler.storage.store import Store
from mdmd.data.picture_files import NAMED
from mdmd.data.text import shown
from mdmd.errors import DataError

#: The rules that are words: the folder that holds the picture, and each picture by itself.
FOLDER, PICTURE = "folder", "picture"
#: What stands for the subject in a pattern.
PLACE = "{subject}"
#: What a rule is, for those who write one.
HELP = (
    f'"{FOLDER}": the folder that holds the picture; or a pattern for the name without its ending, such as '
    f'"{PLACE}_*" for kira_01.jpg, in which * stands for anything and each part is as short as it can be; with / in '
    f'it, as in "{PLACE}/*/*", for the end of the path; or "{PICTURE}": each picture by itself'
)


@dataclass(frozen=True)
class SubjectRule:
    """How the subject of a picture is found: `FOLDER`, `PICTURE` or a pattern (see `HELP`). Raises DataError."""

    text: str

    def __post_init__(self) -> None:
        if self.text in (FOLDER, PICTURE):
            return
        rest = self.text.replace(PLACE, "", 1)
        if rest == self.text or set("{}") & set(rest):
            raise DataError(
                f"the rule for subjects is {shown(self.text)}, wanted {FOLDER}, {PICTURE}, or a pattern with {PLACE} "
                f"in it once, such as {PLACE}_*"
            )

    def of_file(self, path: Path, name: str) -> str | None:
        """The subject of the file `path` that is called `name`; None if it is a subject by itself.

        The folder of a file in the folder that was chosen is that folder, which is not a part of the name.
        """
        if self.text == FOLDER:
            return shown_name(Path(Path(os.path.abspath(path)).parent.name)) or None
        return self.of_name(name)

    def of_name(self, name: str) -> str | None:
        """The subject of a picture that is called `name`; None if the rule does not fit it."""
        parts = name.split("/")
        parts[-1] = parts[-1].rpartition(".")[0] or parts[-1]
        if self.text == PICTURE:
            return None
        pattern = f"{PLACE}/*" if self.text == FOLDER else self.text
        end = "/".join(parts[-pattern.count("/") - 1 :])
        found = re.fullmatch(_expression(pattern), end)
        return found["subject"] if found else None


@dataclass(frozen=True)
class SubjectsReport:
    """What a rule did: how many pictures have another subject now, and the names of those that it does not fit."""

    changed: int
    unfit: tuple[str, ...]

    @property
    def problem(self) -> str | None:
        """That pictures keep the subject that they had; None if the rule fits all."""
        if not self.unfit:
            return None
        more = " ..." if len(self.unfit) > NAMED else ""
        return (
            f"the rule does not fit the names of {len(self.unfit):,} of the pictures, which keep the subject that they "
            f"had: {', '.join(self.unfit[:NAMED])}{more}"
        )


def set_subjects(store: Store, rule: SubjectRule) -> SubjectsReport:
    """Give all pictures, removed ones too, the subject that the rule finds in their names, in one transaction."""
    subjects: dict[int, str] = {}
    unfit = []
    before = {picture.id: picture.subject for picture in store.images()}
    for picture in (*store.images(), *store.removed_images()):
        found = picture.file_name if rule.text == PICTURE else rule.of_name(picture.name)
        if found is not None:
            subjects[picture.id] = found
        elif picture.id in before:
            unfit.append(picture.name)
    store.set_subjects(subjects)
    return SubjectsReport(sum(subjects.get(key, old) != old for key, old in before.items()), tuple(unfit))


def subject_counts(store: Store) -> dict[str, int]:
    """The number of pictures of each subject, those with most first."""
    return dict(Counter(picture.subject for picture in store.images()).most_common())


def subjects_words(counts: Mapping[str, int]) -> str:
    """ "2 subjects on 5 pictures: kira (3), momo (2)"; of many the first ones are named."""
    named = ", ".join(f"{subject} ({count:,})" for subject, count in [*counts.items()][:NAMED])
    more = " ..." if len(counts) > NAMED else ""
    subjects, pictures = len(counts), sum(counts.values())
    words = f"{subjects:,} subject{'' if subjects == 1 else 's'} on {pictures:,} picture{'' if pictures == 1 else 's'}"
    return f"{words}: {named}{more}" if counts else words


def _expression(pattern: str) -> str:
    before, _, after = pattern.partition(PLACE)
    return f"{_literal(before)}(?P<subject>[^/]+?){_literal(after)}"


def _literal(pattern: str) -> str:
    return "[^/]*?".join(map(re.escape, pattern.split("*")))
