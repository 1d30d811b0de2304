"""The Label tab: the canvas (static/label/label.js)."""

from labeler.pages.canvas_tab import canvas_mount


def build_label() -> None:
    canvas_mount("label")
