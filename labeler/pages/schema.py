"""The Schema tab: the definition on a reference picture (static/schema/schema.js)."""

from labeler.pages.canvas_tab import canvas_mount


def build_schema() -> None:
    canvas_mount("schema")
