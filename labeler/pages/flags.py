"""Sentences about flags: from which probability on a point is flagged, and what the flags are expected to do.

All numbers are those of the proposer whose points a face shows.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from labeler.guidance.proposed import Proposed, import_number
from labeler.html.markup import distance_words
from labeler.project.project import Project
from labeler.runs.heldout import rough_sentence
from labeler.storage.records import Face
from mdmd.data.definition import Definition
from mdmd.evaluation.evaluate import LEFT, RECALL, THRESHOLDS, Decides, Flagging

NOT_MEASURED = "No point is flagged, because doubt is not measured yet."
NOT_KNOWN = "No point is flagged, because it is not known how far points of another tool may be off."


@dataclass(frozen=True)
class FlagWords:
    """What the flags of a proposer mean: the `sentence`, what they are `expected` to do, and `why` the threshold is so.

    The sentence includes what is expected, which may be empty, as `why` may. `rough` says that doubt is measured on too
    few faces or not at all, and then nothing is expected; it is empty where doubt can be relied on. `threshold` is a
    probability; None where it is not measured how far the points may be off. A point is wrong if it is off by more than
    `tolerance`, which `wrong` says in words: "10 % of the distance from a to b". `by_hand`: a person has set the
    threshold.
    """

    threshold: float | None
    tolerance: float
    wrong: str
    sentence: str
    expected: str
    why: str
    by_hand: bool = False
    rough: str = ""


def flag_words(project: Project, proposer: str) -> FlagWords | None:
    """What the flags of a proposer mean, by its name; None where it proposes nothing."""
    rule = project.settings.flag_rule
    if not project.proposed.measured(proposer):
        wrong = wrong_words(rule.tolerance, project.definition)
        said = NOT_MEASURED if import_number(proposer) is None else NOT_KNOWN
        return FlagWords(None, rule.tolerance, wrong, said, "", "", rough=said)
    found = project.flags.of(proposer, rule)
    if found is None:
        return None
    wrong = wrong_words(found.tolerance, project.definition)
    by_hand = found.decides is Decides.PERSON
    flagged = f"Flagged: more than {share(found.threshold)} likely to be off by over {wrong}"
    faces = project.flags.measured_on(proposer)
    rough = "" if faces is None else rough_sentence(faces)
    if rough:
        why = why_sentence(found) if by_hand else ""
        return FlagWords(found.threshold, found.tolerance, wrong, f"{flagged}.", "", why, by_hand, rough)
    expected = expected_words(found)
    told = f"Its flags are {expected}." if found.caught is not None else ""
    sentence, why = f"{flagged}; {expected}.", why_sentence(found)
    return FlagWords(found.threshold, found.tolerance, wrong, sentence, told, why, by_hand)


def face_flags(project: Project, face: Face, proposed: Proposed) -> dict[str, Any] | None:
    """The words for the points that a face shows, and the distance in pixels from which on they are wrong: "radius"."""
    words = flag_words(project, proposed.proposer.name)
    if words is None:
        return None
    return {**asdict(words), "radius": project.flags.wrong_from(face, proposed, words.tolerance)}


def wrong_words(tolerance: float, definition: Definition | None) -> str:
    """The distance above which a point is wrong."""
    return f"{100 * tolerance:g} % of {distance_words(definition)}"


def expected_words(found: Flagging) -> str:
    """What the flags are expected to do."""
    if found.caught is None:
        return "no point is expected to be wrong"
    return (
        f"expected to catch {100 * found.caught:.0f} of 100 wrong points, and to leave "
        f"{share(found.left)} of all points wrong"
    )


def why_sentence(found: Flagging) -> str:
    """Why the threshold is what it is; empty where that is not known."""
    catch, leave = f"{100 * RECALL:.0f} of 100 wrong points", f"{share(LEFT)} of all points wrong"
    low, high = map(share, THRESHOLDS)
    return {
        Decides.PERSON: "The threshold was set by hand.",
        Decides.CATCH: f"It is the highest threshold that is expected to catch {catch}.",
        Decides.LEAVE: f"It is the highest threshold that is expected to leave at most {leave}.",
        Decides.RARELY_WRONG: f"Points that are at most {low} likely to be wrong are never flagged.",
        Decides.MOSTLY_WRONG: f"Points that are more than {high} likely to be wrong are always flagged.",
        Decides.UNKNOWN: "",
    }[found.decides]


def share(value: float) -> str:
    """A share in percent, with a decimal below 10 % where it has one: "9 %", "4.2 %", "0.1 %"."""
    percent = 100 * value
    return f"{percent:.0f} %" if percent >= 9.95 or abs(percent - round(percent)) < 0.05 else f"{percent:.1f} %"
