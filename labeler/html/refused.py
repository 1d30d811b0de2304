"""Refused pictures, grouped by the reason: one line a reason however many there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from labeler.html.markup import plural, render

#: Names that a line shows before it counts the others.
NAMED = 3
#: Reasons, or pictures of one, that a page unfolds and a command prints.
MOST_REASONS, MOST_NAMES = 8, 200
#: The reason of a picture whose file is missing, and what an import says of several of them.
MISSING, NOT_THERE = "there is no such file", "of the file are not in the folder"


@dataclass(frozen=True)
class Refused:
    """The pictures, or records of a file, `names` that were refused for one `reason`; `thing` is what they are."""

    reason: str
    names: tuple[str, ...]
    thing: str

    @property
    def count(self) -> str:
        """ "300 pictures"."""
        return plural(len(self.names), self.thing)

    def listed(self, most: int = NAMED) -> str:
        """ "a.jpg, b.jpg, c.jpg and 297 more"."""
        more = len(self.names) - most
        return ", ".join(self.names[:most]) + (f" and {more:,} more" if more > 0 else "")


def by_reason(refused: Sequence[tuple[str, str]], thing: str = "picture") -> list[Refused]:
    """The groups of (name, reason), the largest first."""
    names: dict[str, list[str]] = {}
    for name, reason in refused:
        names.setdefault(reason, []).append(name)
    groups = [Refused(reason, tuple(own), "picture" if reason == MISSING else thing) for reason, own in names.items()]
    return sorted(groups, key=lambda group: -len(group.names))


def refused_lines(refused: Sequence[tuple[str, str]], *, thing: str = "picture") -> Iterator[str]:
    """One sentence for each reason, as a command prints them; `thing` is what was refused."""
    groups = by_reason(refused, thing)
    for group in groups[:MOST_REASONS]:
        if len(group.names) == 1:
            yield f"{group.names[0]}: {group.reason}"
        else:
            yield f"{group.count}: {group.reason} ({group.listed()})"
    if left := groups[MOST_REASONS:]:
        count = sum(len(group.names) for group in left)
        yield f"{plural(count, f'more {thing}')} for other reasons"


def refused_html(refused: Sequence[tuple[str, str]], *, missing: str = MISSING, thing: str = "picture") -> Markup:
    """A list item for each reason; `missing` stands for the reason MISSING of several pictures."""
    groups = by_reason(refused, thing)
    shown = [(group, missing if group.reason == MISSING else group.reason) for group in groups]
    return render(
        "refused_pictures.html",
        shown=shown[:MOST_REASONS],
        left=shown[MOST_REASONS:],
        left_count=sum(len(group.names) for group in groups[MOST_REASONS:]),
        most=MOST_NAMES,
        thing=thing,
    )
