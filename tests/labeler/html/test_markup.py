"""Templates: user text is escaped once, and a missing value is an error."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import jinja2
import pytest

from labeler.html import markup
from labeler.html.markup import ENVIRONMENT, duration, plural, render, text

HOSTILE = "<img src=x onerror=alert(1)> ${1+1} {{x}} 'a' \"b\" &amp;"


def test_text_leaves_nothing_that_html_or_gradio_would_run() -> None:
    escaped = text(HOSTILE)
    assert not set("<>{}$'\"") & set(escaped)
    assert ElementTree.fromstring(f"<p>{escaped}</p>").text == HOSTILE
    assert text(escaped) == escaped


def test_a_template_escapes_text_once_and_markup_not_at_all() -> None:
    page = render("waiting_run.html", name=HOSTILE, sentence=text(HOSTILE))
    root = ElementTree.fromstring(page)
    assert "".join(root.find("h2").itertext()).startswith(f"Run {HOSTILE}")
    assert root.find("p").text == HOSTILE
    assert "${" not in page


def test_a_macro_escapes_text_once() -> None:
    page = render("exported.html", sentence=HOSTILE, problems=[], path="a")
    assert ElementTree.fromstring(f"<div>{page}</div>").find("p").text == HOSTILE


def test_a_value_that_a_template_lacks_is_an_error() -> None:
    with pytest.raises(jinja2.UndefinedError, match="'sentence' is undefined"):
        render("waiting_run.html", name="001")


def test_every_template_compiles() -> None:
    folder = Path(markup.__file__).parent / "templates"
    assert sorted(ENVIRONMENT.list_templates()) == sorted(path.name for path in folder.iterdir())
    for name in ENVIRONMENT.list_templates():
        ENVIRONMENT.get_template(name)


@pytest.mark.parametrize(("count", "said"), [(0, "0 faces"), (1, "1 face"), (1200, "1,200 faces")])
def test_plural(count: int, said: str) -> None:
    assert plural(count, "face") == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(0, "0 s"), (89, "89 s"), (200, "3 min"), (4800, "80 min"), (7500, "2 h 5 min")]
)
def test_duration(seconds: float, said: str) -> None:
    assert duration(seconds) == said
