"""The layout of the tool: a top bar and one tab for each page."""

from __future__ import annotations

import gradio as gr
from gradio.themes import Base
from gradio.themes.utils import colors, fonts, sizes

from labeler.pages.canvas_tab import canvas_mount
from labeler.pages.export import build_export
from labeler.pages.label import build_label
from labeler.pages.project import build_project
from labeler.pages.review import build_review
from labeler.pages.schema import build_schema
from labeler.pages.train import build_train
from labeler.project.workspace import Workspace
from labeler.runs.model_exports import ModelExports
from labeler.runs.sources import Sources
from labeler.runs.trials import Trials


def build_pages(workspace: Workspace, sources: Sources, trials: Trials, exports: ModelExports) -> gr.Blocks:
    """All pages. The address of a browser tab names its project; Gradio keeps no state."""
    with gr.Blocks(title="mdmd labeler", analytics_enabled=False, fill_width=True, fill_height=True) as pages:
        canvas_mount("bar")
        with gr.Tabs(elem_id="tabs"):
            with gr.Tab("Project", id="project", elem_id="tab-project") as project_tab:
                build_project(workspace, pages, project_tab)
            with gr.Tab("Schema", id="schema", elem_id="tab-schema"):
                build_schema()
            with gr.Tab("Label", id="label", elem_id="tab-label"):
                build_label()
            with gr.Tab("Train", id="train", elem_id="tab-train") as train_tab:
                build_train(workspace, sources, trials, exports, pages, train_tab)
            with gr.Tab("Review", id="review", elem_id="tab-review"):
                build_review()
            with gr.Tab("Export", id="export", elem_id="tab-export") as export_tab:
                build_export(workspace, pages, export_tab)
    return pages


#: Gradio's colors in terms of ours, which static/shell/tokens.css defines for light and dark.
COLORS = {
    "body_background_fill": "var(--surface)",
    "body_text_color": "var(--ink)",
    "body_text_color_subdued": "var(--ink-soft)",
    "background_fill_primary": "var(--surface)",
    "background_fill_secondary": "var(--raised)",
    "border_color_primary": "var(--line)",
    "border_color_accent": "var(--accent)",
    "color_accent": "var(--accent)",
    "color_accent_soft": "var(--accent-soft)",
    "block_background_fill": "transparent",
    "block_border_color": "transparent",
    "block_label_background_fill": "transparent",
    "block_label_border_color": "transparent",
    "block_label_text_color": "var(--ink-soft)",
    "block_title_text_color": "var(--ink)",
    "block_info_text_color": "var(--ink-soft)",
    "panel_background_fill": "transparent",
    "input_background_fill": "var(--surface)",
    "input_border_color": "var(--edge)",
    "input_border_color_focus": "var(--accent)",
    "input_placeholder_color": "var(--ink-soft)",
    "slider_color": "var(--accent)",
    "checkbox_background_color_selected": "var(--accent)",
    "checkbox_border_color": "var(--ink-soft)",
    "button_primary_background_fill": "var(--accent)",
    "button_primary_background_fill_hover": "var(--accent)",
    "button_primary_border_color": "transparent",
    "button_primary_text_color": "var(--accent-ink)",
    "button_secondary_background_fill": "var(--line)",
    "button_secondary_background_fill_hover": "var(--accent-soft)",
    "button_secondary_border_color": "transparent",
    "button_secondary_text_color": "var(--ink)",
    "button_cancel_background_fill": "transparent",
    "button_cancel_background_fill_hover": "var(--warn-soft)",
    "button_cancel_border_color": "var(--bad)",
    "button_cancel_text_color": "var(--bad)",
}


def text_sizes() -> sizes.Size:
    """Gradio's text sizes in rem instead of pixels, so that they follow the text size chosen in the browser."""
    pixels = {name: float(size.removesuffix("px")) for name, size in vars(sizes.text_md).items() if name != "name"}
    return sizes.Size(name="text_rem", **{name: f"{size / 16:g}rem" for name, size in pixels.items()})


def theme() -> Base:
    """System fonts and our own colors; needs no font server."""
    sans = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Ubuntu", "sans-serif")
    mono = ("ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace")
    base = Base(
        primary_hue=colors.blue,
        secondary_hue=colors.blue,
        neutral_hue=colors.slate,
        radius_size=sizes.radius_md,
        text_size=text_sizes(),
        font=[fonts.Font(name) for name in sans],
        font_mono=[fonts.Font(name) for name in mono],
    )
    dark = {f"{name}_dark": value for name, value in COLORS.items() if hasattr(base, f"{name}_dark")}
    return base.set(**COLORS, **dark, input_border_width="1px", block_border_width="0", block_padding="0")
