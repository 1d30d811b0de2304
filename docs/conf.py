"""How Sphinx builds these pages: `make docs`. Nothing in them loads from another server."""

from __future__ import annotations

import inspect
import sys
import tomllib
from pathlib import Path
from typing import get_type_hints

from pydantic import BaseModel
from sphinx.util.inspect import stringify_signature

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

project = "mdmd"
release = version = tomllib.loads((HERE.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]["version"]
copyright = "the mdmd authors, Apache-2.0"
html_title = f"mdmd {release}"
html_theme = "furo"
html_show_sphinx = False
html_copy_source = False

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "command_reference"]
# Anchors for headings down to this level, so that a link to `page.md#heading` is checked.
myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

default_role = "literal"  # `name` in docstrings is code

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
python_use_unqualified_type_names = True
python_maximum_signature_line_length = 88


def plain_types(app, what, name, obj, options, signature, returned):
    """The signature of a settings class with `int` instead of `Annotated[int, Gt(gt=0)]`."""
    if not (isinstance(obj, type) and issubclass(obj, BaseModel)):
        return None
    hints = get_type_hints(obj)
    found = inspect.signature(obj)
    parameters = [p.replace(annotation=hints[p.name]) for p in found.parameters.values()]
    return stringify_signature(found.replace(parameters=parameters), unqualified_typehints=True), returned


def setup(app):
    app.connect("autodoc-process-signature", plain_types)
