"""Small pieces of HTML for pages and reports. User text enters through `text` only, so that it stays text."""

from __future__ import annotations

import html
from collections.abc import Iterable
from urllib.parse import quote

from labeler.guidance.label_index import Progress
from mdmd.data.definition import Definition

#: Makes the canvas pages of this browser tab look again.
ANNOUNCE = "() => { window.dispatchEvent(new Event('labeler-changed')); }"

#: Brings the run that has been started into sight.
STARTED = "() => { window.dispatchEvent(new Event('labeler-started')); }"


def text(value: object) -> str:
    """`value` as text within HTML. Braces and dollars too: Gradio fills templates in the browser."""
    return html.escape(str(value)).replace("{", "&#123;").replace("}", "&#125;").replace("$", "&#36;")


def project_address(name: str) -> str:
    return f"/?project={quote(name)}"


def plural(count: int, noun: str) -> str:
    """ "1 face", "2 faces", "1,200 faces"."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def distance_words(definition: Definition | None) -> str:
    """What errors are shares of (`mdmd.data.records.normalizing_distance`), in words; not escaped."""
    if definition is None or definition.normalizer is None:
        return "the face's size (the root of its box's area)"
    ends = [" and ".join(definition.landmarks[k] for k in end) for end in definition.normalizer]
    means = [f"the mean of {end}" if " and " in end else end for end in ends]
    return f"the distance from {means[0]} to {means[1]}"


def meter(share: float) -> str:
    """A thin bar filled to `share` of its length."""
    return (
        f'<span class="meter"><span class="fill" style="width: {100 * min(max(share, 0.0), 1.0):.1f}%"></span></span>'
    )


def progress_tiles(progress: Progress) -> str:
    """The numbers of a project at a glance."""
    tiles = [
        (progress.pictures, "pictures"),
        (progress.complete_faces, f"of {plural(progress.faces, 'face')} complete"),
        (progress.points, "points labeled"),
        (progress.predicted_faces, "faces pre-labeled"),
        (progress.flagged_points, "doubtful points"),
        *([(progress.skipped_faces, "faces skipped")] if progress.skipped_faces else []),
    ]
    cells = "".join(f'<div class="tile"><b>{count:,}</b><span>{words}</span></div>' for count, words in tiles)
    return f'<div class="tiles">{cells}</div>'


def note(sentence: str, tone: str = "plain") -> str:
    """One sentence in a quiet box; `tone` is plain, good or warning."""
    return f'<p class="note {tone}">{text(sentence[:1].upper() + sentence[1:])}</p>'


def refused_list(refused: Iterable[tuple[str, str]]) -> str:
    """Files that were not taken, each with its reason."""
    rows = "".join(f"<li><b>{text(name)}</b> {text(reason)}</li>" for name, reason in refused)
    return f'<ul class="refused">{rows}</ul>' if rows else ""
