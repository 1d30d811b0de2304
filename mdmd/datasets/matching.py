"""Which landmark of a definition each landmark of a file is: by name, by order, or as a person says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mdmd.data.definition import Definition
from mdmd.data.landmark_names import words_of
from mdmd.errors import DataError


@dataclass(frozen=True)
class Match:
    """Which landmark of ours each landmark of the file is, by its id; None if it is left out.

    `guessed` says that they were matched by their order, because the names have nothing in common. `ours` is what has
    our landmarks, in words.
    """

    ids: tuple[int | None, ...]
    guessed: bool = False
    ours: str = "the project"

    def words(self, theirs: Sequence[str], own: Definition) -> list[str]:
        """What a person should know of the match, in sentences."""
        names = dict(zip(own.ids, own.landmarks, strict=True))
        said = []
        if self.guessed:
            pairs = ", ".join(
                f"{names[key]}={name}" for key, name in zip(self.ids, theirs, strict=True) if key is not None
            )
            said.append(f"the names differ, so landmarks were matched by their order, which is a guess: {pairs}")
        if extra := [name for key, name in zip(self.ids, theirs, strict=True) if key is None]:
            said.append(f"landmarks that {self.ours} does not have are left out: {', '.join(extra)}")
        if missing := [name for key, name in names.items() if key not in self.ids]:
            said.append(f"landmarks that the file does not have stay without labels: {', '.join(missing)}")
        return said


def suggested(
    theirs: Sequence[str], own: Definition, *, mirror: Sequence[int] | None = None
) -> tuple[dict[str, str], set[str]]:
    """Their landmarks by own name, as far as names tell, and which of these pairs are guesses.

    Names are the same, or have the same words: "LeftEye" and "eye_left". If no name is like another one, landmarks are
    matched by their order where `matched` does.
    """
    pairs = {name: name for name in own.landmarks if name in theirs}
    words: dict[tuple[str, ...], list[str]] = {}
    for name in theirs:
        words.setdefault(words_of(name), []).append(name)
    guesses = set[str]()
    for name in own.landmarks:
        alike = words.get(words_of(name), [])
        if name not in pairs and len(alike) == 1 and alike[0] not in pairs.values():
            pairs[name] = alike[0]
            guesses.add(name)
    if not pairs and len(theirs) == len(own.ids) and (mirror is None or tuple(mirror) == own.mirror):
        return dict(zip(own.landmarks, theirs, strict=True)), set(own.landmarks)
    return pairs, guesses


def exactly(theirs: Sequence[str], own: Definition, where: str, pairs: Mapping[str, str]) -> Match:
    """Match as `pairs` (theirs by own name) say, and nothing else. Raises DataError for names that are not there."""
    given = _given(pairs, theirs, dict(zip(own.landmarks, own.ids, strict=True)), where, "the project")
    if not given:
        raise DataError(f"no landmark of {where} is matched with one of the project")
    return Match(tuple(given.get(name) for name in theirs))


def matched(
    theirs: Sequence[str],
    own: Definition,
    where: str,
    *,
    mirror: Sequence[int] | None = None,
    chosen: Mapping[str, str] | None = None,
    ours: str = "the project",
    partial: bool = False,
    advice: str = "",
) -> Match:
    """Match the landmarks `theirs` with those of `own`: as `chosen` (theirs by own name), else by name.

    `where` and `ours` are what has them, in words. If no name is the same, as many landmarks with the same mirror pairs
    are matched by their order. Raises DataError if they cannot be matched, or, unless `partial`, each side has names
    that the other one does not; `advice` is the end of what it says then.
    """
    by_name = dict(zip(own.landmarks, own.ids, strict=True))
    given = _given(chosen or {}, theirs, by_name, where, ours)
    ids = [given.get(name, by_name.get(name)) for name in theirs]
    ids = [None if name not in given and key in given.values() else key for name, key in zip(theirs, ids, strict=True)]
    if all(key is None for key in ids):
        same_pairs = mirror is None or tuple(mirror) == own.mirror
        if len(theirs) == len(own.ids) and same_pairs and not given:
            return Match(own.ids, guessed=True, ours=ours)
    extra = sorted(name for name, key in zip(theirs, ids, strict=True) if key is None)
    missing = sorted(name for name, key in by_name.items() if key not in ids)
    if extra and missing and not partial:
        like, _ = suggested(theirs, own, mirror=mirror)
        if len(extra) == len(missing) == 1:
            like[missing[0]] = extra[0]
        pairs = [f"{name}={like[name]}" for name in missing if name in like] or [f"{missing[0]}=THEIRS"]
        raise DataError(
            f"{where} has {len(theirs)} landmarks, {ours} has {len(by_name)}, and they are not the same ones: only in "
            f"the file are {', '.join(extra)}; only in {ours} are {', '.join(missing)}; say which is which "
            f"(--map {' '.join(pairs)} ...){advice}"
        )
    return Match(tuple(ids), ours=ours)


def chosen_landmarks(pairs: Sequence[str]) -> dict[str, str]:
    """Their landmarks by ours, from OURS=THEIRS as in --map. Raises DataError."""
    chosen = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not (ours and equals and theirs):
            raise DataError(f"--map {pair}: wanted OURS=THEIRS, such as nose_tip=nose")
        if ours in chosen:
            raise DataError(f"--map {pair}: {ours!r} is matched with {chosen[ours]!r} already")
        chosen[ours] = theirs
    return chosen


def _given(
    chosen: Mapping[str, str], theirs: Sequence[str], by_name: Mapping[str, int], where: str, ours: str
) -> dict[str, int]:
    """The id of each of their landmarks that a person has matched. Raises DataError for names that are not there."""
    for name, other in chosen.items():
        if name not in by_name:
            raise DataError(f"{ours} has no landmark {name!r} (it has: {', '.join(by_name)})")
        if other not in theirs:
            raise DataError(f"{where} has no landmark {other!r} (it has: {', '.join(theirs)})")
    given = {other: by_name[name] for name, other in chosen.items()}
    if len(given) < len(chosen):
        [(twice, _)] = Counter(chosen.values()).most_common(1)
        raise DataError(f"the landmark {twice!r} of {where} is matched with two of {ours}")
    return given
