"""Which text can be a name: one rule for every file, request and option that gives one."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import Any

#: Characters of a name of a landmark, definition, set, split, person or picture.
LONGEST = 500
#: Bytes of the name of a file or folder, as file systems have them.
LONGEST_PART = 255
#: Marks that turn the direction of the text around them, so that a name reads as another one.
TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


def text_problem(text: Any, *, longest: int = LONGEST) -> str | None:
    """Why `text` cannot be a name, to follow what it is: "is 5, wanted text"; None if it can.

    Refused are control characters and line breaks, lone surrogates (valid in JSON, but not in a file), marks that turn
    the direction of text, and more than `longest` characters. Any script may be used.
    """
    if not isinstance(text, str):
        return f"is {shown(text)}, wanted text"
    if len(text) > longest:
        return f"is {shown(text)}, which has {len(text):,} characters, wanted at most {longest}"
    odd = next((c for c in text if _is_odd(c)), None)
    if odd is not None:
        return f"is {shown(text)}, which holds the character U+{ord(odd):04X}, wanted characters that can be seen"
    return None


def path_problem(text: Any) -> str | None:
    """Why `text` cannot be the path of a file or folder, as `text_problem` says it."""
    if isinstance(text, str) and any(len(part.encode(errors="replace")) > LONGEST_PART for part in text.split("/")):
        return f"is {shown(text)}, wanted names of at most {LONGEST_PART} bytes"
    return text_problem(text)


def cleaned(text: str, instead: str = " ") -> str:
    """`text` with `instead` of each character that `text_problem` refuses."""
    return "".join(instead if _is_odd(c) else c for c in text)


def safe_stem(name: str) -> str:
    """The stem of a file `name`, in any script, without characters that file systems, URLs or COCO readers may reject.

    It has at most 180 bytes.
    """
    stem = unicodedata.normalize("NFC", Path(name).stem)
    kept = "".join(c if c.isalnum() or unicodedata.category(c)[0] == "M" or c in " ._-()" else "_" for c in stem)
    kept = kept.strip(" .") or "picture"
    while len(kept.encode()) > 180:
        kept = kept[:-1]
    return kept


def shown(value: Any) -> str:
    """`value` for a sentence: odd characters are escaped, and what is long is cut."""
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _is_odd(character: str) -> bool:
    return character in TURNING or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
