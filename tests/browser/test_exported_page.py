"""The page of an exported model in Chromium, with a graph whose landmarks are the middles of four colored dots."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw
from playwright.sync_api import Browser, Page, expect

import mdmd
from mdmd.data.images import picture_size
from mdmd.loading.crop import Crop
from mdmd.loading.crops import cut
from mdmd.portable.folder import add_page
from tests.browser.conftest import Complaints, watch
from tests.browser.test_accessibility import AXE, VIOLATIONS
from tests.builders import CATEGORY, PATIENCE
from tests.exported_page import local_runtime, static_server

onnx = pytest.importorskip("onnx", reason="onnx is optional")
pytest.importorskip("onnxruntime", reason="onnxruntime is optional")

SIZE = 64
#: The weight of the crop's middle, where a dot is then that no pixel shows.
FEW = 0.1
#: Where the dots lie in a face of one pixel, and their colors: red and green eyes, a blue nose, a white chin.
DOTS = {(0.3, 0.3): (230, 20, 20), (0.7, 0.3): (20, 230, 20), (0.5, 0.55): (20, 20, 230), (0.5, 0.85): (235, 235, 235)}
GROUND = (50, 50, 50)


def face(size: tuple[int, int], place: tuple[float, float, float]) -> Image.Image:
    """A picture with a face whose square begins at x and y and has a certain side."""
    image, (x, y, side) = Image.new("RGB", size, GROUND), place
    for (across, down), color in DOTS.items():
        left, top, r = x + across * side, y + down * side, 0.09 * side
        ImageDraw.Draw(image).ellipse((left - r, top - r, left + r, top + r), fill=color)
    return image


def dots_graph() -> bytes:
    """An ONNX graph like that of an export. The fewer pixels have a dot's color, the larger its covariance."""
    numpy_helper, make, kind = onnx.numpy_helper, onnx.helper.make_node, onnx.TensorProto
    y, x = (np.indices((SIZE, SIZE), dtype=np.float32) + 0.5)[:, None, None]
    constants = {
        "white": np.float32(255),
        "gray": np.float32(0.6),
        "few": np.float32(FEW),
        "middle": np.float32(FEW * SIZE / 2),
        "all": np.array([2, 3], dtype=np.int64),
        "x": x,
        "y": y,
        "spread": np.float32(4) * np.eye(2, dtype=np.float32),
        "last": np.array([3], dtype=np.int64),
    }
    nodes = [
        make("Cast", ["crops"], ["numbers"], to=kind.FLOAT),
        make("Div", ["numbers", "white"], ["shares"]),
        make("Split", ["shares"], ["r", "g", "b"], axis=1, num_outputs=3),
        *(make("Max", [a, b], [a + b]) for a, b in ("gb", "rb", "rg")),
        *(
            node
            for a, others in (("r", "gb"), ("g", "rb"), ("b", "rg"))
            for node in (make("Sub", [a, others], [f"more {a}"]), make("Relu", [f"more {a}"], [f"dot {a}"]))
        ),
        make("Min", ["r", "g", "b"], ["least"]),
        make("Sub", ["least", "gray"], ["bright"]),
        make("Relu", ["bright"], ["dot w"]),
        make("Concat", ["dot r", "dot g", "dot b", "dot w"], ["soft"], axis=1),
        make("Mul", ["soft", "soft"], ["dots"]),
        make("ReduceSum", ["dots", "all"], ["own"], keepdims=1),
        make("Add", ["own", "few"], ["total"]),
        *(
            node
            for axis in "xy"
            for node in (
                make("Mul", ["dots", axis], [f"weighed {axis}"]),
                make("ReduceSum", [f"weighed {axis}", "all"], [f"sum {axis}"], keepdims=1),
                make("Add", [f"sum {axis}", "middle"], [f"moment {axis}"]),
                make("Div", [f"moment {axis}", "total"], [f"mean {axis}"]),
            )
        ),
        make("Concat", ["mean x", "mean y"], ["means"], axis=2),
        make("Squeeze", ["means", "last"], ["points"]),
        make("Div", ["spread", "total"], ["covariances"]),
        make("Div", ["few", "total"], ["share off"]),
        make("Squeeze", ["share off", "all"], ["p_off"]),
    ]
    value = onnx.helper.make_tensor_value_info
    graph = onnx.helper.make_graph(
        nodes,
        "dots",
        [value("crops", kind.UINT8, ["faces", 3, SIZE, SIZE]), value("boxes", kind.FLOAT, ["faces", 2])],
        [
            value("points", kind.FLOAT, ["faces", 4, 2]),
            value("covariances", kind.FLOAT, ["faces", 4, 2, 2]),
            value("p_off", kind.FLOAT, ["faces", 4]),
        ],
        [numpy_helper.from_array(np.asarray(number), name) for name, number in constants.items()],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
    onnx.checker.check_model(model)
    return model.SerializeToString()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page of the graph of dots. Its name and a landmark's would be markup if they were not shown as text."""
    folder = tmp_path_factory.mktemp("page")
    graph = dots_graph()
    (folder / "model.onnx").write_bytes(graph)
    record = {
        "format": 1,
        "name": "<b>dots</b>",
        "sha256": hashlib.sha256(graph).hexdigest(),
        "crop": {"size": SIZE, "scale": 1.4},
        "box_scale": 1.6,
        "tolerance": 0.1,
        "calibration": {"power": 1.1, "radius90": 2.2},
        "category": {**CATEGORY, "keypoints": ["eye_left", "eye_right", "<img src=x>", "chin"]},
        "quality": ["Mean error on 30 faces."],
        "origin": ["Learned from dots."],
        "limits": "It knows only dots.",
    }
    (folder / "model.json").write_text(json.dumps(record))
    add_page(folder, local_runtime())
    return folder


@pytest.fixture(scope="module")
def address(folder: Path) -> Iterator[str]:
    with static_server(folder) as address:
        yield address


@pytest.fixture
def page(chromium: Browser, address: str, complaints: Complaints) -> Iterator[Page]:
    """The page, ready."""
    context = chromium.new_context(viewport={"width": 1280, "height": 800}, reduced_motion="reduce")
    context.set_default_timeout(1000 * PATIENCE)
    page = context.new_page()
    watch(page, complaints)
    page.goto(address)
    expect(page.locator("#status")).to_have_text("Ready.")
    yield page
    context.close()
    assert complaints == []


def opened(page: Page, file: Path) -> None:
    page.set_input_files("#file", file)
    expect(page.locator("#status")).to_have_text("Drag a box if it is not this face.")


def downloaded(page: Page) -> Any:
    with page.expect_download() as download:
        page.get_by_role("button", name="Download the points").click()
    return json.loads(download.value.path().read_text())


def points_of(coco: Any) -> np.ndarray:
    return np.array(coco["annotations"][0]["keypoints"]).reshape(-1, 3)[:, :2]


def place_on_screen(page: Page, width: float, x: float, y: float) -> tuple[float, float]:
    """Where a place on a picture of a certain width is on the screen."""
    frame = page.locator("#view").bounding_box()
    assert frame is not None
    scale = frame["width"] / width
    return frame["x"] + x * scale, frame["y"] + y * scale


def test_a_picture_has_the_points_that_python_finds(page: Page, folder: Path, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    clear = face((500, 400), (150, 60, 260)).convert("RGBA")
    clear.putalpha(Image.new("L", clear.size, 255))
    clear.paste((0, 0, 0, 0), (0, 0, 60, 400))
    pictures: dict[str, Callable[[Path], None]] = {
        "small.png": face((90, 80), (20, 10, 60)).save,
        "large.jpg": lambda file: face((1900, 1400), (500, 300, 900)).save(file, quality=95),
        "turned.jpg": lambda file: face((640, 480), (200, 100, 300)).save(file, exif=exif, quality=95),
        "at the edge.png": face((400, 300), (200, 60, 230)).save,
        "clear.png": clear.save,
    }
    model = mdmd.load(folder)
    for name, save in pictures.items():
        save(tmp_path / name)
        opened(page, tmp_path / name)
        found, wanted = downloaded(page), model.predict(tmp_path / name)
        assert np.linalg.norm(points_of(found) - wanted.means[0], axis=1).max() < 0.5, name
        assert np.abs(np.array(found["annotations"][0]["bbox"]) - wanted.boxes[0]).max() < 1, name
        width, height = picture_size(tmp_path / name)
        assert found["images"] == [{"id": 1, "file_name": name, "width": width, "height": height}]
        spread = np.array(found["annotations"][0]["attributes"]["covariance"])
        wanted_spread = wanted.covariances[0][:, (0, 0, 1), (0, 1, 1)]
        np.testing.assert_allclose(spread, wanted_spread, rtol=0.02, atol=0.01)


def test_a_face_is_cut_from_a_picture_as_in_training(page: Page) -> None:
    picture = face((150, 110), (30, 10, 90)).resize((150, 110), Image.Resampling.BILINEAR)
    pixels = list(picture.convert("RGBA").tobytes())
    for x, y, side, size in [
        (0, 0, 150, 150),
        (-40.5, -20.2, 190.3, 64),
        (60.1, 30.7, 30.4, 64),
        (-300, -200, 900, 40),
    ]:
        found = page.evaluate(
            """async ({ pixels, square }) => {
              const { cut } = await import("./crop.js");
              return [...cut({ width: 150, height: 110, data: new Uint8ClampedArray(pixels) }, square)];
            }""",
            {"pixels": pixels, "square": {"x": x, "y": y, "side": side, "size": size}},
        )
        wanted = cut(picture, Crop(x, y, side, size)).transpose(2, 0, 1).ravel().astype(int)
        assert np.abs(np.array(found) - wanted).max() <= 1, (x, y, side, size)  # Pillow computes in whole numbers


def test_the_page_is_kept_from_asking_elsewhere(page: Page, complaints: Complaints) -> None:
    for address in ("https://example.com/", "http://127.0.0.1:9/"):
        refused = page.evaluate("(address) => fetch(address).then(() => false, () => true)", address)
        assert refused, address
    assert all("Content Security Policy" in said for said in complaints), complaints
    assert len(complaints) >= 2
    complaints.clear()


def test_axe_finds_nothing_on_the_page(page: Page, tmp_path: Path) -> None:
    face((300, 200), (60, 20, 150)).save(tmp_path / "a.png")
    opened(page, tmp_path / "a.png")
    page.get_by_text("Box of the face").click()
    # As the browser's tools do: the page's own policy allows no script of others.
    session = page.context.new_cdp_session(page)
    session.send("Page.setBypassCSP", {"enabled": True})
    page.evaluate(AXE)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(VIOLATIONS) == []


def test_names_are_shown_as_text_and_the_model_says_what_it_is(page: Page, tmp_path: Path) -> None:
    expect(page.get_by_role("heading")).to_have_text("<b>dots</b>")
    assert page.title() == "<b>dots</b>"
    expect(page.get_by_text("A model of 4 landmarks on faces.")).to_be_visible()
    expect(page.locator("footer")).to_contain_text("Learned from dots.")
    expect(page.locator("footer")).to_contain_text("It knows only dots.")
    expect(page.locator("footer")).to_contain_text("by more than 10 %")
    face((300, 200), (60, 20, 150)).save(tmp_path / "a.png")
    opened(page, tmp_path / "a.png")
    expect(page.locator("#points tbody td:first-child")).to_have_text(["eye_left", "eye_right", "<img src=x>", "chin"])
    page.locator("#view").focus()
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#status")).to_contain_text("chin: ")
    page.keyboard.press("ArrowRight")
    expect(page.locator("#status")).to_contain_text("eye_left: ")


def test_a_dragged_or_written_box_says_where_the_face_is(page: Page, folder: Path, tmp_path: Path) -> None:
    both = face((600, 300), (20, 40, 220))
    both.paste(face((300, 300), (60, 40, 200)), (300, 0))
    both.save(tmp_path / "two.png")
    page.set_input_files("#file", tmp_path / "two.png")
    expect(page.get_by_role("button", name="Download the points")).to_be_enabled()
    page.mouse.move(*place_on_screen(page, 600, 360, 40))
    page.mouse.down()
    page.mouse.move(*place_on_screen(page, 600, 560, 240), steps=4)
    page.mouse.up()
    expect(page.locator("#status")).to_have_text("These are the points of the face in your box.")
    found = downloaded(page)
    box = found["annotations"][0]["bbox"]
    assert np.abs(np.array(box) - (360, 40, 200, 200)).max() < 3
    wanted = mdmd.load(folder).predict(tmp_path / "two.png", tuple(box))
    assert np.linalg.norm(points_of(found) - wanted.means[0], axis=1).max() < 0.5
    page.get_by_text("Box of the face").click()
    for label, number in {"Left": 20, "Top": 40, "Width": 220, "Height": 220}.items():
        page.get_by_label(label).fill(str(number))
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#status').textContent.startsWith('These')")
    found = downloaded(page)
    assert found["annotations"][0]["bbox"] == [20, 40, 220, 220]
    wanted = mdmd.load(folder).predict(tmp_path / "two.png", (20, 40, 220, 220))
    assert np.linalg.norm(points_of(found) - wanted.means[0], axis=1).max() < 0.5


def test_what_is_no_picture_or_shows_no_face_is_said(page: Page, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    page.set_input_files("#file", tmp_path / "notes.txt")
    expect(page.locator("#status")).to_have_text("notes.txt is no picture that this browser can open.")
    Image.new("RGB", (200, 200), GROUND).save(tmp_path / "empty.png")
    page.set_input_files("#file", tmp_path / "empty.png")
    expect(page.locator("#status")).to_have_text("No face was found for sure: drag a box around it.")


def test_the_camera_runs_until_it_is_stopped(page: Page) -> None:
    page.get_by_role("button", name="Use the camera").click()
    expect(page.locator("#rate")).to_contain_text("frames a second")
    expect(page.locator("#status")).to_have_text("Looking for a face. You can drag a box around it.")
    page.get_by_role("button", name="Stop the camera").click()
    expect(page.locator("#status")).to_have_text("The camera is off.")
    expect(page.locator("#rate")).to_be_hidden()
    expect(page.get_by_role("button", name="Use the camera")).to_be_enabled()


#: A camera that shows a face which moves a little from frame to frame, and where its square begins.
CAMERA = """(dots) => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
  const context = canvas.getContext("2d");
  let shown = true;
  let turn = 0;
  const paint = () => {
    context.fillStyle = "rgb(50 50 50)";
    context.fillRect(0, 0, 320, 240);
    if (shown) turn += 0.05;
    const [x, y] = [90 + 40 * Math.sin(turn), 60 + 20 * Math.cos(turn)];
    if (shown) for (const [across, down, color] of dots) {
      context.fillStyle = color;
      context.beginPath();
      context.arc(x + 120 * across, y + 120 * down, 11, 0, 2 * Math.PI);
      context.fill();
    }
    setTimeout(paint, 50);
  };
  paint();
  navigator.mediaDevices.getUserMedia = async () => canvas.captureStream();
  window.showFace = (yes) => { shown = yes; };
}"""


def test_a_face_is_followed_found_again_and_lost(page: Page) -> None:
    dots = [[*place, f"rgb{color}"] for place, color in DOTS.items()]
    page.evaluate(CAMERA, dots)
    status = page.locator("#status")
    page.get_by_role("button", name="Use the camera").click()
    expect(status).to_have_text("Following the face. Drag a box to follow another one.")
    places = []
    for _ in range(3):
        coco = downloaded(page)
        points = points_of(coco)
        side = (points[1, 0] - points[0, 0]) / 0.4
        assert abs(side - 120) < 6, "the eyes are where they were drawn"
        assert abs(points[3, 1] - points[0, 1] - 0.55 * 120) < 4
        places.append(coco["annotations"][0]["bbox"][:2])
        before = page.locator("#box-x").input_value()
        page.wait_for_function("(before) => document.getElementById('box-x').value !== before", arg=before)
    assert len({tuple(place) for place in places}) == 3, "the box follows the points"
    page.evaluate("window.showFace(false)")
    expect(status).to_have_text("Looking for a face. You can drag a box around it.")
    expect(page.locator("#points")).to_be_hidden()
    page.evaluate("window.showFace(true)")
    expect(status).to_have_text("Following the face. Drag a box to follow another one.")


def test_a_page_that_is_opened_as_a_file_says_how_to_serve_it(chromium: Browser, folder: Path) -> None:
    page = chromium.new_page()
    page.goto((folder / "index.html").as_uri())
    expect(page.get_by_role("heading")).to_have_text("This page needs a server on this machine")
    expect(page.get_by_text("python -m http.server --bind 127.0.0.1")).to_be_visible()
    page.close()


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("model.json", b"{", "model.json is not JSON: export the model again."),
        ("model.json", b'{"format": 7}', "model.json does not describe a model of format 1."),
        (
            "model.json",
            b'{"format": 1, "category": {"keypoints": ["a"]}}',
            "size is undefined, wanted a number above 0",
        ),
        (
            "model.onnx",
            b"no graph",
            "model.onnx is not the file that model.json describes: copy the whole folder again.",
        ),
        ("onnxruntime-web/ort.js", None, "onnxruntime-web/ort.js cannot be loaded: copy the whole folder again."),
    ],
    ids=["no JSON", "another format", "no size", "another graph", "no runtime"],
)
def test_a_folder_that_is_not_whole_says_what_is_missing(
    chromium: Browser, address: str, name: str, content: bytes | None, said: str
) -> None:
    context = chromium.new_context()
    page = context.new_page()
    context.route(
        f"**/{name}", lambda route: route.fulfill(status=404) if content is None else route.fulfill(body=content)
    )
    page.goto(address)
    expect(page.locator("#status")).to_contain_text(said)
    expect(page.get_by_role("button", name="Use the camera")).to_be_disabled()
    context.close()
