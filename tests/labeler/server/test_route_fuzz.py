"""No request to the routes of the canvas ends in a fault of the server, whatever it says."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient
from hypothesis import given, settings
from hypothesis import strategies as st

from labeler.server.routes import routes

# Gradio's own dependencies are not ours to keep quiet.
pytestmark = pytest.mark.filterwarnings("ignore::Warning")

ODD = ["", "..", "%2e%2e%2f%2e%2e%2fetc%2fpasswd", "%00", "a" * 300, "-1", "0", "1e9", "9" * 400, "%f0%9f", "%E2%80%AE"]
NAMES = st.sampled_from(["faces", "1", "2", "001", *ODD])
NUMBERS = st.integers() | st.floats() | st.sampled_from([1, 1e300, 1e-300, -0.0, 10**400])
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=20) | st.sampled_from(["\0", "\u202e", "x" * 1000]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def requests() -> list[tuple[str, str, list[str]]]:
    """Method, path and the fields of the body of each route."""
    found = []
    for route in routes.routes:
        assert isinstance(route, APIRoute)
        model = route.body_field.field_info.annotation if route.body_field else None
        fields = list(getattr(model, "model_fields", {}))
        found += [(method, route.path, fields) for method in sorted(route.methods)]
    return found


@pytest.mark.parametrize(("method", "path", "fields"), requests())
def test_no_request_is_a_fault(free: TestClient, method: str, path: str, fields: list[str]) -> None:
    @settings(max_examples=25)
    @given(st.data())
    def fuzz(data: st.DataObject) -> None:
        place = re.sub(r"\{[^}]*\}", lambda part: data.draw(NAMES), path)
        query = data.draw(st.dictionaries(st.sampled_from(["annotator", "revision", "own", "width", "order"]), NAMES))
        body: Any = data.draw(st.fixed_dictionaries(dict.fromkeys(fields, VALUES)) | VALUES)
        raw = json.dumps(body).encode() if data.draw(st.integers(0, 9)) else data.draw(st.binary())
        answer = free.request(method, place, params=query, content=raw if fields else None)
        assert answer.status_code < 500, (method, place, query, body)
        assert "Traceback" not in answer.text
        assert "root:" not in answer.text

    fuzz()
