"""The Review tab: predicted faces, the most doubtful first (static/review/review.js)."""

from labeler.pages.canvas_tab import canvas_mount


def build_review() -> None:
    canvas_mount("review")
