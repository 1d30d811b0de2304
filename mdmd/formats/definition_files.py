"""A definition alone, as a person names it: a shipped one, or a file."""

from __future__ import annotations

from pathlib import Path

from mdmd.data.definition import Definition, load_definition, shipped_definitions
from mdmd.errors import DataError
from mdmd.files import LARGEST_SET, read_json


def read_definition(text: str) -> Definition:
    """The shipped definition named `text`, or the COCO category in the JSON file `text`; raises DataError."""
    if text in shipped_definitions():
        return load_definition(text)
    path = Path(text)
    if path.suffix != ".json":
        raise DataError(f"no definition named {text!r}; there are: {', '.join(shipped_definitions())}, or a .json file")
    record = read_json(path, most=LARGEST_SET, constants=True)  # it may be a whole COCO file
    if isinstance(record, dict) and isinstance(record.get("categories"), list) and len(record["categories"]) == 1:
        record = record["categories"][0]
    if not isinstance(record, dict):
        raise DataError(f"{path}: found a JSON {type(record).__name__}, wanted a COCO category with keypoints and flsg")
    return Definition.from_category(record, where=path.name)
