"""HTML from the templates beside this module, and the words that pages and reports share."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from mdmd.data.definition import Definition


def text(value: object) -> Markup:
    """`value` as text within HTML; Markup stays as it is.

    Braces and dollar signs are escaped too: Gradio runs `${...}` in a template of its own (`gr.HTML`) as JavaScript.
    """
    if isinstance(value, Markup):
        return value
    escaped = str(escape(str(value)))
    return Markup(escaped.replace("{", "&#123;").replace("}", "&#125;").replace("$", "&#36;"))


def project_address(name: str) -> str:
    return f"/?project={quote(name)}"


def noun(count: int, singular: str) -> str:
    """ "face" for one, else "faces"."""
    return singular if count == 1 else f"{singular}s"


def plural(count: int, singular: str) -> str:
    """ "1 face", "2 faces", "1,200 faces"."""
    return f"{count:,} {noun(count, singular)}"


def duration(seconds: float | None) -> str:
    """ "40 s", "3 min", "1 h 20 min"."""
    whole = round(seconds or 0)
    if whole < 90:
        return f"{whole} s"
    minutes = round(whole / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def distance_words(definition: Definition | None) -> str:
    """The normalizing distance (`mdmd.data.records.normalizing_distance`) in words."""
    if definition is None or definition.normalizer is None:
        return "the face's size (the root of its box's area)"
    ends = [" and ".join(definition.landmarks[k] for k in end) for end in definition.normalizer]
    means = [f"the mean of {end}" if " and " in end else end for end in ends]
    return f"the distance from {means[0]} to {means[1]}"


def render(template: str, **values: object) -> Markup:
    """The template `template` filled in with `values`.

    Every value is escaped once by `text`, except Markup, which another template or a chart has made. Raises
    jinja2.UndefinedError for a value that the template uses and `values` lacks.
    """
    return Markup(ENVIRONMENT.get_template(template).render(values))


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        auto_reload=False,
        finalize=text,
        lstrip_blocks=True,
        trim_blocks=True,
        undefined=StrictUndefined,
    )
    environment.filters |= {
        "duration": duration,
        "percent": lambda value: f"{value:.1f} %",
        "plural": plural,
        "project_address": project_address,
        "sentence_case": lambda sentence: sentence[:1].upper() + sentence[1:],
        "thousands": lambda number: f"{number:,}",
    }
    return environment


ENVIRONMENT = _environment()
