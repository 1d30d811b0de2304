"""The element of a Gradio tab that holds a canvas page."""

from __future__ import annotations

import gradio as gr

from labeler.html.static_files import kept_files


def canvas_mount(page: str) -> gr.HTML:
    """A constant element that static/boot.js fills with `page`.

    `page` is a constant too: Gradio runs `${...}` in a template as JavaScript, so user text must never enter it.
    """
    return gr.HTML(
        html_template=f'<div class="canvas-root" data-page="{page}"></div>',
        apply_default_css=False,
        js_on_load=f"import(new URL('{kept_files()}/boot.js', document.baseURI).href).then((m) => m.boot(element));",
        elem_classes=["mount", f"mount-{page}"],
    )
