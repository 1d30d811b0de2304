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


def elements_of(file: Path, root: str) -> Iterator[Element]:
    """The elements below the root, called `root`, of an XML file, one after the other. Raises DataError."""
    yield from _elements(text_of(file), str(file), root)


def parsed(text: str, what: str) -> Element:
    """The root of the XML in `text`, with all below it. Raises DataError, which begins with `what`."""
    root = Element("root")
    root.extend(list(_elements(text, what, None)))
    return root


def _elements(text: str, what: str, root: str | None) -> Iterator[Element]:
    if DECLARATION.search(text):
        raise DataError(f"{what} cannot be read: it has a DOCTYPE or ENTITY, which is not read here")
    parser = ElementTree.XMLPullParser(events=("start", "end"))
    top: Element | None = None
    depth = 0
    try:
        for start in range(0, len(text) + PIECE, PIECE):
            # The text is decoded already, whatever its first line says of an encoding.
            parser.feed(text[start : start + PIECE])
            if start >= len(text):
                parser.close()
            for event, element in cast("Iterator[tuple[str, Element]]", parser.read_events()):
                depth += 1 if event == "start" else -1
                if depth > DEEPEST:
                    raise DataError(f"{what} cannot be read: its elements nest more than {DEEPEST} deep")
                if event == "start" and depth == 1:
                    top = element
                    if root is not None and element.tag != root:
                        raise DataError(f"{what} cannot be read: found <{element.tag}>, wanted <{root}>")
                elif event == "end" and depth == 1 and top is not None:
                    yield element
                    top.remove(element)
    except ElementTree.ParseError as error:
        raise DataError(f"{what} cannot be read: it is not XML ({error})") from None
