"""What a copy of the labels holds and what going back to it would lose, in words."""

from __future__ import annotations

from labeler.html.markup import plural
from labeler.storage.contents import Contents, Loss


def contents_words(contents: Contents) -> str:
    """ "100 pictures, 60 labeled faces, 540 points"."""
    counts = ((contents.pictures, "picture"), (contents.labeled_faces, "labeled face"), (contents.points, "point"))
    return ", ".join(plural(count, noun) for count, noun in counts)


def loss_words(loss: Loss | None) -> str:
    """ "going back loses 34 edits on 5 faces, 2 pictures". None: the labels there are now cannot be read."""
    if loss is None:
        return "the labels that there are now cannot be read"
    if loss.nothing:
        return "going back loses nothing"
    edits = f"{plural(loss.edits, 'edit')} on {plural(loss.faces, 'face')}"
    versions = f"{plural(loss.versions, 'version')} of the landmarks"
    said = (
        (loss.edits, edits),
        (loss.pictures, plural(loss.pictures, "picture")),
        (loss.versions, versions),
        (loss.proposed, f"imported proposals on {plural(loss.proposed, 'face')}"),
    )
    return "going back loses " + ", ".join(words for count, words in said if count)
