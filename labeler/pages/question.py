"""A question before something is done, with the button that does it and one that does not."""

from __future__ import annotations

import gradio as gr
from markupsafe import Markup

from labeler.pages.request import QUIETLY


class Question:
    """A question that stands hidden until it is asked, with the button `sure` and one that closes it.

    `sure` is red where it `removes` something.
    """

    def __init__(self, yes: str, *, removes: bool, no: str = "Keep it", elem_id: str | None = None) -> None:
        self.words = gr.HTML(padding=False, visible=False)
        with gr.Row(elem_id=elem_id):
            self.sure = gr.Button(
                yes, variant="stop" if removes else "primary", size="sm", visible=False, min_width=120
            )
            self.keep = gr.Button(no, size="sm", visible=False, min_width=120)
        #: What `asked` and `closed` return values for.
        self.parts = [self.words, self.sure, self.keep]
        self.keep.click(self.closed, None, self.parts, **QUIETLY)

    @staticmethod
    def asked(words: Markup) -> tuple[object, ...]:
        """Updates of `parts` that show it."""
        shown = gr.update(visible=True)
        return gr.update(value=words, visible=True), shown, shown

    @staticmethod
    def closed() -> tuple[object, ...]:
        """Updates of `parts` that hide it."""
        return gr.update(value="", visible=False), gr.update(visible=False), gr.update(visible=False)
