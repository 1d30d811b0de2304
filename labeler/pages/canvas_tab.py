"""Where a canvas page is put into its Gradio tab."""

from __future__ import annotations

import gradio as gr


def canvas_mount(page: str) -> gr.HTML:
    """The constant element into which static/boot.js puts a page. `page` is a name of ours, never a user's."""
    return gr.HTML(
        html_template=f'<div class="canvas-root" data-page="{page}"></div>',
        apply_default_css=False,
        js_on_load="import(new URL('ui/boot.js', document.baseURI).href).then((m) => m.boot(element));",
        elem_classes=["mount", f"mount-{page}"],
    )
