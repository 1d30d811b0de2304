"""How near the points of an exported model's page are to those of Python, and how many frames a second it follows.

    OMP_NUM_THREADS=1 python benchmarks/exported_page.py RUN --data FILE.json [--onnxruntime-web PATH]

RUN is exported as a page, which Chromium opens. Pictures go in as a person gives them, with each face's box and without
one, and what the page downloads is compared with what `mdmd.load` of the same folder predicts, in pixels of the
pictures. Then the first face moves in front of Chromium's fake camera, and the frames a second are compared with the
time that ONNX Runtime takes in Python, on one thread. `--isolated` serves the page with the headers that let it use
several threads. The doubts are the mean predicted deviations of faces and of corners of the same pictures, as shares of
the box of the points: up to 0.06 the page takes points for a face, and above 0.09 for none any longer.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import http.server
import io
import json
import math
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from PIL import Image
from playwright.sync_api import Page, sync_playwright

import mdmd
from mdmd.data.boxes import box_of_points
from mdmd.data.coco import read_coco
from mdmd.data.images import read_picture
from mdmd.data.records import Sample
from mdmd.inference.images import Predictions
from mdmd.portable.exported import ExportedModel

#: Seconds that the camera and ONNX Runtime in Python are timed, in turns.
TIMED, TURNS = 6.0, 3


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True, metavar="FILE.json")
    parser.add_argument("--faces", type=int, default=20, help="how many of its faces, evenly spread (default 20)")
    parser.add_argument("--onnxruntime-web", type=Path, metavar="PATH", help="a local copy of the package")
    parser.add_argument("--chromium", default="/usr/bin/chromium", metavar="PATH")
    parser.add_argument("--isolated", action="store_true", help="let the page use several threads")
    options = parser.parse_args()
    samples = read_coco(options.data).samples
    samples = samples[:: max(1, len(samples) // options.faces)][: options.faces]
    with tempfile.TemporaryDirectory() as temporary:
        out, video = Path(temporary) / "page", Path(temporary) / "face.mjpeg"
        mdmd.export(options.run, out, format="web", onnxruntime_web=options.onnxruntime_web)
        video.write_bytes(moving_face(samples[0]))
        with serving(out, options.isolated) as address, sync_playwright() as playwright:
            arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"]
            camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
            browser = playwright.chromium.launch(
                executable_path=options.chromium,
                args=[*arguments, *camera, f"--use-file-for-fake-video-capture={video}"],
            )
            page = browser.new_page()
            page.set_default_timeout(120_000)
            page.goto(address)
            page.get_by_text("Ready.").wait_for()
            model = mdmd.load(out)
            assert isinstance(model, ExportedModel)
            compare(page, model, samples)
            time_frames(page, out)
            browser.close()
        tell_doubts(model, samples)


@contextlib.contextmanager
def serving(folder: Path, isolated: bool) -> Iterator[str]:
    """The address of a static server of a folder, with the headers of an isolated page if asked for."""

    class Handler(http.server.SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            if isolated:
                self.send_header("Cross-Origin-Opener-Policy", "same-origin")
                self.send_header("Cross-Origin-Embedder-Policy", "require-corp")
            super().end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


def compare(page: Page, model: ExportedModel, samples: Sequence[Sample]) -> None:
    print(
        "| box | faces within 0.5 px | largest, picture px | median of the faces' largest |\n| --- | --- | --- | --- |"
    )
    for given in (True, False):
        apart = []
        for sample in samples:
            page.set_input_files("#file", sample.path)
            box = (sample.box.x, sample.box.y, sample.box.w, sample.box.h) if given else None
            if box is None:
                page.locator("#status").filter(has_text="rag a box").wait_for()
            else:
                page.locator("#boxes").evaluate("(details) => { details.open = true; }")
                for label, number in zip(("Left", "Top", "Width", "Height"), box, strict=True):
                    page.get_by_label(label).fill(str(number))
                page.get_by_role("button", name="Use this box").click()
                page.get_by_text("These are the points of the face in your box.").wait_for()
            with page.expect_download() as download:
                page.get_by_role("button", name="Download the points").click()
            [face] = json.loads(download.value.path().read_text())["annotations"]
            found = np.array(face["keypoints"]).reshape(-1, 3)[:, :2]
            apart.append(np.linalg.norm(found - model.predict(sample.path, box).means[0], axis=1).max())
        name, near = "given" if given else "found", int(np.sum(np.array(apart) < 0.5))
        print(f"| {name} | {near} of {len(samples)} | {np.max(apart):.3f} | {np.median(apart):.3f} |")


def moving_face(sample: Sample) -> bytes:
    """A video of 640 x 480 pixels in which a picture moves and changes its size: JPEGs one after the other."""
    picture, frames = read_picture(sample.path), []
    for k in range(90):
        turn = 2 * math.pi * k / 90
        frame = Image.new("RGB", (640, 480), (90, 90, 90))
        height = round(380 + 10 * math.cos(turn))
        shown = picture.resize((round(height * picture.width / picture.height), height))
        frame.paste(shown, (round(320 - shown.width / 2 + 20 * math.sin(turn)), round(40 + 10 * math.cos(turn))))
        content = io.BytesIO()
        frame.save(content, "JPEG", quality=92)
        frames.append(content.getvalue())
    return b"".join(frames)


def time_frames(page: Page, out: Path) -> None:
    """Camera and Python in turns, so that what else this machine does meets both."""
    about = onnxruntime.SessionOptions()
    about.intra_op_num_threads = about.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(out / "model.onnx", about, providers=["CPUExecutionProvider"])
    size = session.get_inputs()[0].shape[-1]
    crop = {
        "crops": np.random.default_rng(1).integers(0, 256, (1, 3, size, size), dtype=np.uint8),
        "boxes": np.full((1, 2), size / 2, dtype=np.float32),
    }
    frames, looks = [], []
    for _ in range(TURNS):
        page.get_by_role("button", name="Use the camera").click()
        page.get_by_text("Following the face.").wait_for()
        page.wait_for_timeout(1000 * TIMED)
        frames.append(float(page.locator("#rate").inner_text().split()[0]))
        page.get_by_role("button", name="Stop the camera").click()
        start, count = time.perf_counter(), 0
        while time.perf_counter() - start < TIMED:
            session.run(None, crop)
            count += 1
        looks.append(1000 * TIMED / count)
    rate, look = float(np.median(frames)), float(np.median(looks))
    threads = page.evaluate("crossOriginIsolated ? Math.min(4, navigator.hardwareConcurrency) : 1")
    print(
        f"\ncamera: {rate:.1f} frames a second with {threads} thread{'s' if threads > 1 else ''}, "
        f"{1000 / rate:.0f} ms a frame; ONNX Runtime in Python with one thread: {look:.0f} ms a face; "
        f"ratio {1000 / rate / look:.1f}\n"
    )


def tell_doubts(model: ExportedModel, samples: Sequence[Sample]) -> None:
    boxes = [(s.box.x, s.box.y, s.box.w, s.box.h) for s in samples]
    corners = [(0.0, 0.0, s.width / 4, s.height / 4) for s in samples]
    faces, others = (doubts(model.predict([s.path for s in samples], given)) for given in (boxes, corners))
    for name, found in (("faces", faces), ("corners", others)):
        print(f"doubt of {name}: {found.min():.3f} to {found.max():.3f}, half of them below {np.median(found):.3f}")


def doubts(found: Predictions) -> np.ndarray:
    sides = [max(box.w, box.h) for box in map(box_of_points, found.means)]
    return np.mean(np.linalg.det(found.covariances) ** 0.25, axis=1) / sides


if __name__ == "__main__":
    main()
