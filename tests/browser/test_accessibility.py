"""Every page can be used with a screen reader and in both colors, as far as axe (deque.com/axe) can tell."""

from __future__ import annotations

from importlib.resources import files

import pytest
from playwright.sync_api import Page

from labeler.runs.collect import collect_predictions
from mdmd.files import write_json
from tests.browser.conftest import Site, open_tab, wait_for
from tests.builders import leave_predictions, predictions_of

pytestmark = pytest.mark.browser

AXE = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
#: The violations of what can be seen: the rule, where, and what is to be done.
VIOLATIONS = """async () => {
  const { violations } = await axe.run({ resultTypes: ["violations"] });
  return violations.flatMap(({ id, nodes }) => nodes.map((node) => `${id}: ${node.target} ${node.failureSummary}`));
}"""


def test_axe_finds_nothing_on_any_page(page: Page, site: Site) -> None:
    project = site.project("geese")
    faces = [face.id for face in project.store.faces()]
    folder = leave_predictions(project, 1, predictions_of(project, faces[1:], p_off=0.3))
    write_json(folder / "metrics.json", {"nme": 5.0, "n": 2})
    (folder / "model.safetensors").touch()  # so that pages say how the model is used
    collect_predictions(project)
    open_tab(page, site, "geese", "label")
    page.evaluate(AXE)
    for name in ("Project", "Schema", "Label", "Train", "Review", "Export"):
        page.get_by_role("tab", name=name).click()
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            assert wait_for(  # until it is loaded, and colors have changed
                lambda: not page.evaluate(VIOLATIONS),
                otherwise=lambda where=(name, scheme): f"{where}: {page.evaluate(VIOLATIONS)}",
            )
