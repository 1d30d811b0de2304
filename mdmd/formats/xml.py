"""Read XML that was received: without entities, which can grow without end, and of a bounded size and depth."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import cast
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from mdmd.errors import DataError
from mdmd.formats.text import text_of

#: Elements may nest this deep.
DEEPEST = 50
#: Characters that are parsed at once.
PIECE = 1_000_000
DECLARATION = re.compile(r"<!(DOCTYPE|ENTITY)", re.IGNORECASE)


def elements_of(file: Path, *path: str) -> Iterator[Element]:
    """The elements in the one at `path` (the tag of the root and those below it), one after the other.

    Raises DataError, also if there is no such element.
    """
    yield from _elements(text_of(file), str(file), path)


def parsed(text: str, what: str) -> Element:
    """The root of the XML in `text`, with all below it. Raises DataError, which begins with `what`."""
    root = Element("root")
    root.extend(list(_elements(text, what, None)))
    return root


def _elements(text: str, what: str, path: tuple[str, ...] | None) -> Iterator[Element]:
    """The elements in those at `path`, which are taken out of it; None is the root, whatever its tag."""
    if DECLARATION.search(text):
        raise DataError(f"{what} cannot be read: it has a DOCTYPE or ENTITY, which is not read here")
    parser = ElementTree.XMLPullParser(events=("start", "end"))
    around, found = list[Element](), False
    depth = 1 if path is None else len(path)
    try:
        for start in range(0, len(text) + PIECE, PIECE):
            # The text is decoded already, whatever its first line says of an encoding.
            parser.feed(text[start : start + PIECE])
            if start >= len(text):
                parser.close()
            for event, element in cast("Iterator[tuple[str, Element]]", parser.read_events()):
                if event == "start":
                    around.append(element)
                    if len(around) > DEEPEST:
                        raise DataError(f"{what} cannot be read: its elements nest more than {DEEPEST} deep")
                    if path is not None and around[0].tag != path[0]:
                        raise DataError(f"{what} cannot be read: found <{element.tag}>, wanted <{path[0]}>")
                else:
                    around.pop()
                if len(around) == depth and (path is None or [each.tag for each in around] == [*path]):
                    found = True
                    if event == "end":
                        yield element
                        around[-1].remove(element)
        if path is not None and not found:
            raise DataError(f"{what} cannot be read: it has no <{'><'.join(path)}>")
    except ElementTree.ParseError as error:
        raise DataError(f"{what} cannot be read: it is not XML ({error})") from None
