"""Every shortcut of every page does what its table says: the steps below are held against the pages' own tables."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from labeler.storage.records import Point, PredictedPoint
from tests.browser.conftest import PATIENCE, Site, open_canvas, root, saved, wait_for

pytestmark = pytest.mark.browser

#: What to press (Playwright's words), what to look at (`p` is the page, `e` its editor, `c` its canvas), what is seen.
Step = tuple[str, str, Any]

SHORT = "const p = {root}, e = p.editor, c = p.canvas ?? e.canvas, view = c.viewport, at = (id) => e.view.points[id];"
PLACES = {1: (150, 100), 2: (250, 100), 3: (200, 160), 4: (200, 230)}


def table_key(pressed: str) -> str:
    """A key as the tables of commands write it: "Control+z" is Ctrl+Z."""
    *held, key = pressed.rsplit("+", 1) if not pressed.endswith("+") else [pressed]
    key = key.upper() if len(key) == 1 else key
    return "+".join([*held, key]).replace("Control", "Ctrl")


def follow(page: Page, name: str, steps: Sequence[Step]) -> set[str]:
    """Take the steps one after the other and return the keys that were pressed, as the tables write them."""
    pressed = set()
    for key, expression, expected in steps:
        if key:
            page.keyboard.press(key)
            pressed.add(table_key(key))
        script = f"(() => {{ {SHORT.format(root=root(name))} return {expression}; }})()"
        wanted = pytest.approx(expected, abs=0.02) if isinstance(expected, list) else expected
        until = time.monotonic() + PATIENCE
        while (seen := page.evaluate(script)) != wanted:
            assert time.monotonic() < until, f"{key!r}: {expression} is {seen!r}, wanted {expected!r}"
    return pressed


def commands(page: Page, name: str) -> set[str]:
    """All keys that the page's own table gives a meaning."""
    return set(page.evaluate(f"[...{root(name)}.shortcuts.byKey].filter(([, {{ run }}]) => run).map(([key]) => key)"))


#: With the first landmark labeled and current.
POINT: list[Step] = [
    ("ArrowRight", "[at(1).x, at(1).y]", [151, 100]),
    ("Shift+ArrowRight", "[at(1).x, at(1).y]", [161, 100]),
    ("Alt+ArrowRight", "[at(1).x, at(1).y]", [161.1, 100]),
    ("ArrowLeft", "[at(1).x, at(1).y]", [160.1, 100]),
    ("Shift+ArrowLeft", "[at(1).x, at(1).y]", [150.1, 100]),
    ("Alt+ArrowLeft", "[at(1).x, at(1).y]", [150, 100]),
    ("ArrowDown", "[at(1).x, at(1).y]", [150, 101]),
    ("Shift+ArrowDown", "[at(1).x, at(1).y]", [150, 111]),
    ("Alt+ArrowDown", "[at(1).x, at(1).y]", [150, 111.1]),
    ("ArrowUp", "[at(1).x, at(1).y]", [150, 110.1]),
    ("Shift+ArrowUp", "[at(1).x, at(1).y]", [150, 100.1]),
    ("Alt+ArrowUp", "[at(1).x, at(1).y]", [150, 100]),
    ("v", "at(1).v", 1),
    ("2", "at(1).v", 2),
    ("1", "at(1).v", 1),
    ("0", "at(1).v", 0),
    ("2", "[at(1).x, at(1).y, at(1).v]", [150, 100, 2]),
    ("Delete", "at(1) === undefined", True),
    ("Control+z", "[at(1)?.x, e.current]", [150, "1"]),
    ("Control+y", "at(1) === undefined", True),
    ("Control+z", "[at(1)?.x, e.current]", [150, "1"]),
    ("Control+Shift+z", "at(1) === undefined", True),
    ("Control+z", "[at(1)?.x, e.current]", [150, "1"]),
    ("Backspace", "at(1) === undefined", True),
    ("Control+z", "[at(1)?.x, e.current]", [150, "1"]),
    ("w", "e.selection.scope", "group"),
    ("w", "e.selection.scope", "face"),
    ("w", "e.selection.scope", None),
]


def look(middle: list[float], *, follows: bool = False) -> list[Step]:
    """Steps that change only what is seen; `middle` is the middle of the face in the picture. Does the view follow?"""
    return [
        ("", "(window.was = { x: view.x, y: view.y, edges: c.scene.showEdges }, true)", True),
        ("Control+ArrowLeft", "[view.x - was.x, view.y - was.y]", [40, 0]),
        ("Control+ArrowRight", "[view.x - was.x, view.y - was.y]", [0, 0]),
        ("Control+ArrowUp", "[view.x - was.x, view.y - was.y]", [0, 40]),
        ("Control+ArrowDown", "[view.x - was.x, view.y - was.y]", [0, 0]),
        ("f", "view.scale === view.fitScale()", True),
        ("+", "[view.scale / view.fitScale()]", [1.4]),
        ("=", "[view.scale / view.fitScale()]", [1.96]),
        ("-", "[view.scale / view.fitScale()]", [1.4]),
        ("z", "view.scale > 2 * view.fitScale() && view.toScreen(150, 100)[0] === view.width / 2", True),
        ("Shift+F", "view.toImage(view.width / 2, view.height / 2)", middle),
        ("Shift+Z", "e.viewpoint.follow", not follows),
        ("Shift+Z", "e.viewpoint.follow", follows),
        ("f", "view.scale === view.fitScale()", True),
        ("l", "c.scene.showLoupe", True),
        ("l", "c.scene.showLoupe", False),
        ("e", "c.scene.showEdges === was.edges", False),
        ("e", "c.scene.showEdges === was.edges", True),
        ("t", "c.scene.showNames", True),
        ("t", "c.scene.showNames", False),
        ("p", "c.scene.showPoints", False),
        ("Shift+P", "c.scene.showPoints", True),
        ("]", "[c.imageFilter.values.brightness, c.imageFilter.values.contrast]", [0.25, 0]),
        ("[", "[c.imageFilter.values.brightness, c.imageFilter.values.contrast]", [0, 0]),
        ("}", "[c.imageFilter.values.brightness, c.imageFilter.values.contrast]", [0, 0.25]),
        ("{", "[c.imageFilter.values.brightness, c.imageFilter.values.contrast]", [0, 0]),
        ("}", "[c.imageFilter.values.brightness, c.imageFilter.values.contrast]", [0, 0.25]),
        ("\\", "c.imageFilter.plain", True),
        ("s", "document.activeElement.closest('.popover') !== null", True),
        ("Escape", "document.querySelector('.popover')", None),
        ("?", "document.querySelector('.help-overlay') !== null", True),
        ("?", "document.querySelector('.help-overlay')", None),
        ("Escape", "document.activeElement.closest('.landmarks') !== null", True),
        ("", "(c.element.focus(), true)", True),
    ]


def test_label(page: Page, site: Site) -> None:
    project = site.project("kites")
    first, second, third = (face.id for face in project.store.faces())
    project.store.edit_points(first, {1: Point(150, 100, 2), 3: Point(200, 160, 2)})
    project.store.edit_points(third, {key: Point(x, y, 2) for key, (x, y) in PLACES.items()})
    open_canvas(page, site, "kites", "label")
    steps: list[Step] = [
        ("", "e.view?.face", first),
        ("d", "e.view.face", second),
        ("a", "e.view.face", first),
        (".", "e.view.face", second),
        (",", "e.view.face", first),
        ("PageDown", "e.view.face", second),
        ("PageUp", "e.view.face", first),
        ("", "e.current", "2"),
        ("n", "e.current", "3"),
        ("b", "e.current", "2"),
        ("Tab", "e.current", "3"),
        ("Shift+Tab", "e.current", "2"),
        ("b", "e.current", "1"),
        *POINT,
        *look([175, 130]),
        ("n", "e.current", "2"),
        ("Shift+ArrowRight", "e.cursor.place", [210, 150]),  # from the middle of the box
        ("Enter", "[at(2)?.x, at(2)?.y]", [210, 150]),
        ("Control+z", "[at(2) === undefined, e.current]", [True, "2"]),
        ("u", "e.view.face", second),
        ("u", "e.view.face", first),
        ("u", "e.view.face", second),
        ("Shift+R", "document.querySelector('.toast')?.textContent.includes('Blind repeats are off')", True),
        ("m", "Object.keys(e.openGhosts()).length", 4),
        ("m", "Object.keys(e.openGhosts()).length", 0),
        ("Shift+M", "Object.keys(e.openGhosts()).length", 4),
        ("Shift+G", "p.proposal.follows", False),
        ("Shift+G", "p.proposal.follows", True),
        ("g", "Object.keys(e.view.points).length", 4),
        ("Shift+A", "e.view.face", first),
        ("Control+z", "[e.view.face, Object.keys(e.view.points).length]", [second, 0]),
        ("x", "p.mode", "box"),
        ("x", "p.mode", "place"),
        ("Shift+X", "p.mode", "face"),
        ("Escape", "p.mode", "place"),
        ("h", "p.history.isOpen", True),
        ("h", "p.history.isOpen", False),
        ("q", "document.querySelector('.toast')?.textContent.length > 0", True),
        ("k", "document.activeElement.closest('.pass-menu') !== null", True),
        ("Escape", "document.querySelector('.pass-menu')", None),
        ("/", "document.activeElement === p.picker.search", True),
        ("Escape", "document.activeElement === c.element", True),
        ("j", "document.activeElement === p.picker.number", True),
        ("Escape", "document.activeElement === c.element", True),
        ("o", "document.activeElement.closest('.popover') !== null", True),
        ("Escape", "document.querySelector('.popover')", None),
    ]
    assert follow(page, "label", steps) == commands(page, "label")
    saved(page)


def test_review(page: Page, site: Site) -> None:
    project = site.project("larks")
    predicted = {key: PredictedPoint(x, y, (9, 0, 9), 0.4, key in (2, 4)) for key, (x, y) in PLACES.items()}
    faces = [face.id for face in project.store.faces()]
    project.store.predictions.add(1, dict.fromkeys(faces, predicted))
    for face in faces:
        project.store.edit_points(face, {1: Point(150, 100, 2)})
    open_canvas(page, site, "larks", "review")
    steps: list[Step] = [
        ("", "e.view?.face === p.items[p.index]?.face ? p.index : null", 0),
        ("d", "e.view?.face === p.items[p.index]?.face ? p.index : null", 1),
        (",", "e.view?.face === p.items[p.index]?.face ? p.index : null", 0),
        (".", "e.view?.face === p.items[p.index]?.face ? p.index : null", 1),
        ("PageUp", "e.view?.face === p.items[p.index]?.face ? p.index : null", 0),
        ("PageDown", "e.view?.face === p.items[p.index]?.face ? p.index : null", 1),
        (",", "e.view?.face === p.items[p.index]?.face ? p.index : null", 0),
        ("", "e.current", "2"),
        ("n", "e.current", "4"),
        ("b", "e.current", "2"),
        ("Tab", "e.current", "4"),
        ("Shift+Tab", "e.current", "2"),
        ("a", "[at(2)?.source, e.current]", ["accepted", "4"]),
        ("Control+z", "[at(2) === undefined, e.current]", [True, "2"]),
        ("Enter", "at(2)?.source", "accepted"),
        ("Control+z", "at(2) === undefined", True),
        ("g", "Object.keys(e.view.points).length", 4),
        ("Control+z", "Object.keys(e.view.points).length", 1),
        ("u", "document.querySelector('dialog')?.contains(document.activeElement) ?? false", True),
        ("Escape", "[document.querySelector('dialog'), document.activeElement === c.element]", [None, True]),
        ("c", "document.activeElement.closest('.popover') !== null", True),
        ("Escape", "[document.querySelector('.popover'), document.activeElement === c.element]", [None, True]),
        ("m", "document.activeElement === p.budget.field", True),
        ("Escape", "document.activeElement === c.element", True),
        ("", "(e.select('1'), e.current)", "1"),
        *POINT,
        *look([200, 165], follows=True),
        ("Shift+A", "e.view?.face === p.items[p.index]?.face ? p.index : null", 1),
        ("", "p.items[0].done", True),
    ]
    assert follow(page, "review", steps) == commands(page, "review")
    saved(page)
    assert len(project.store.points(faces[0])[faces[0]]) == 4


def test_schema(page: Page, site: Site) -> None:
    project = site.project("finches")
    face = project.store.faces()[0].id
    project.store.edit_points(face, {key: Point(x, y, 2) for key, (x, y) in PLACES.items()})
    open_canvas(page, site, "finches", "schema")
    place = "p.draft.places[1]"
    names = "p.draft.landmarks.map(({ name }) => name).join()"
    steps: list[Step] = [
        ("", "p.draft.landmarks.length", 4),
        ("", "(c.element.focus(), p.select('1'), p.current)", "1"),
        ("n", "p.current", "2"),
        ("b", "p.current", "1"),
        ("Tab", "p.current", "2"),
        ("Shift+Tab", "p.current", "1"),
        ("ArrowRight", place, [151, 100]),
        ("Shift+ArrowRight", place, [161, 100]),
        ("ArrowLeft", place, [160, 100]),
        ("Shift+ArrowLeft", place, [150, 100]),
        ("ArrowDown", place, [150, 101]),
        ("Shift+ArrowDown", place, [150, 111]),
        ("ArrowUp", place, [150, 110]),
        ("Shift+ArrowUp", place, [150, 100]),
        ("Alt+ArrowDown", names, "eye_right,eye_left,nose,chin"),
        ("Alt+ArrowUp", names, "eye_left,eye_right,nose,chin"),
        ("Delete", names, "eye_right,nose,chin"),
        ("Control+z", names, "eye_left,eye_right,nose,chin"),
        ("Control+y", names, "eye_right,nose,chin"),
        ("Control+z", names, "eye_left,eye_right,nose,chin"),
        ("Control+Shift+z", names, "eye_right,nose,chin"),
        ("Control+z", names, "eye_left,eye_right,nose,chin"),
        ("", "(p.select('4'), p.current)", "4"),
        ("Backspace", names, "eye_left,eye_right,nose"),
        ("Control+z", names, "eye_left,eye_right,nose,chin"),
        ("e", "p.pointerTools.mode", "edges"),
        ("m", "p.pointerTools.mode", "pairs"),
        ("r", "p.pointerTools.mode", "ruler"),
        ("Escape", "p.pointerTools.mode", "points"),
        ("Shift+M", "p.mirrored", True),
        ("Shift+M", "p.mirrored", False),
        ("+", "[view.scale / view.fitScale()]", [1.4]),
        ("=", "[view.scale / view.fitScale()]", [1.96]),
        ("-", "[view.scale / view.fitScale()]", [1.4]),
        ("f", "view.scale === view.fitScale()", True),
        ("t", "c.scene.showNames", True),
        ("t", "c.scene.showNames", False),
        ("", "(p.form.file.click = () => (window.asked = true), p.select('1'), window.asked ?? null)", None),
        ("i", "window.asked", True),
        ("Enter", "document.activeElement.value", "eye_left"),
        ("", "(c.element.focus(), true)", True),
        ("h", "document.querySelector('dialog') !== null", True),
        ("Escape", "document.querySelector('dialog')", None),
        ("", "(c.element.focus(), true)", True),
        ("?", "document.querySelector('.help-overlay') !== null", True),
        ("?", "document.querySelector('.help-overlay')", None),
        ("Control+s", "document.querySelector('dialog') !== null", True),  # what saving would change
        ("Enter", "[p.dirty, p.archive.version]", [False, 2]),
    ]
    assert follow(page, "schema", steps) == commands(page, "schema")


#: A key as a browser reports it (what it writes, its place, what is held), and its name in the tables.
NAMES = [
    ("a", "KeyA", "", "A"),
    ("ф", "KeyA", "", "A"),  # Russian
    ("Ф", "KeyA", "shift", "Shift+A"),
    ("я", "KeyZ", "ctrl", "Ctrl+Z"),
    ("я", "KeyZ", "ctrl shift", "Ctrl+Shift+Z"),
    ("х", "BracketLeft", "", "["),
    ("ю", "Period", "", "."),
    (",", "Slash", "shift", ","),  # a sign is what it is
    ("ㅁ", "KeyA", "", "A"),  # Hangul
    ("ㄴ", "KeyS", "", "S"),
    ("Process", "KeyG", "", "G"),  # an input method is on
    ("Process", "KeyA", "shift", "Shift+A"),
    ("Process", "Digit0", "", "0"),
    ("Process", "Slash", "shift", "?"),
    ("Process", "Enter", "", "Enter"),
    ("Process", "Space", "", "Space"),
    ("Process", "ArrowLeft", "shift", "Shift+ArrowLeft"),
    ("١", "Digit1", "", "1"),  # Arabic
    ("q", "KeyA", "", "Q"),  # French: a Latin letter is what it writes
    (",", "KeyM", "", ","),
    ("ß", "Minus", "", "SS"),  # German, no shortcut
    ("ArrowUp", "ArrowUp", "alt", "Alt+ArrowUp"),
]


def test_where_a_key_writes_no_latin_letter_its_place_decides(page: Page, site: Site) -> None:
    page.goto(site.url)
    for key, code, held, name in NAMES:
        found = page.evaluate(
            """async ([key, code, held]) => {
              const { keyName } = await import("/ui/shell/shortcuts.js");
              const pressed = Object.fromEntries(held.split(" ").filter(Boolean).map((name) => [`${name}Key`, true]));
              return keyName(new KeyboardEvent("keydown", { key, code, ...pressed }));
            }""",
            [key, code, held],
        )
        assert found == name, (key, code, held)


def press_at(page: Page, key: str, code: str, modifiers: int = 0) -> None:
    """A key of another layout, by Chromium's own protocol; modifiers: 1 Alt, 2 Ctrl, 8 Shift."""
    cdp = page.context.new_cdp_session(page)
    for kind in ("rawKeyDown", "keyUp"):
        cdp.send("Input.dispatchKeyEvent", {"type": kind, "key": key, "code": code, "modifiers": modifiers})
    cdp.detach()


def test_a_face_is_labeled_with_a_russian_layout(page: Page, site: Site) -> None:
    project = site.project("cranes", pictures=2)
    first, second = (face.id for face in project.store.faces())
    open_canvas(page, site, "cranes", "label")
    until = f"{root('label')}?.editor.view?.face"
    wait_for(lambda: page.evaluate(until) == first)
    press_at(page, "0", "Digit0")  # absent
    press_at(page, "т", "KeyN")  # the next landmark
    press_at(page, "0", "Digit0")
    press_at(page, "я", "KeyZ", 2)  # undo
    press_at(page, "в", "KeyD")  # the next picture
    wait_for(lambda: page.evaluate(until) == second)
    saved(page)
    assert {key: point.v for key, point in project.store.points().get(first, {}).items()} == {1: 0}


def test_enter_belongs_to_the_input_method_while_it_puts_a_word_together(page: Page, site: Site) -> None:
    site.project("herons", pictures=2)
    open_canvas(page, site, "herons", "label")
    page.keyboard.press("/")
    search = page.locator(".mount-label .strip-head input")
    for composing in (True, False):
        expect(search).to_be_focused()
        search.evaluate(
            "(field, isComposing) => field.dispatchEvent("
            "new KeyboardEvent('keydown', { key: 'Enter', code: 'Enter', isComposing, bubbles: true }))",
            composing,
        )
    expect(search).not_to_be_focused()
