"""The code blocks of the README and the docs run as printed, in a folder with a few pictures and labels.

Blocks of one page run in order and share the folder. Before a block, `<!-- not run: REASON -->` skips it with that
reason, and `<!-- slow: REASON -->` marks it slow. Only trainings are changed: they take four steps of preset `tiny`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mdmd.data.coco import from_coco, to_coco
from mdmd.data.definition import load_definition
from mdmd.data.records import Annotation, Box, Sample

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md")))
#: Languages of blocks: run, parsed, and shown.
RUN, PARSED, SHOWN = ("sh", "python"), ("json",), ("text",)
FENCE = re.compile(r"(?:^<!-- (not run|slow): (.+?) -->\n)?^```([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
#: What makes a training short. Its own budget is taken out.
BUDGET = re.compile(r"\s--(minutes|steps) \S+")
SHORT = " --steps 4 --preset tiny --weights none"
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+\S*")


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, the line of its fence, its language, and what stands before it."""

    page: Path
    line: int
    language: str
    code: str
    mark: str
    reason: str

    def __str__(self) -> str:
        return f"{self.page.relative_to(ROOT).as_posix()}:{self.line}"


def blocks(page: Path, text: str) -> Iterator[Block]:
    """The fenced blocks of `text`, in order; directives of the documentation, as in ```{toctree}, are none."""
    for found in FENCE.finditer(text):
        mark, reason, language, code = (part or "" for part in found.groups())
        if not language.startswith("{"):
            yield Block(page, text.count("\n", 0, found.start(3)) + 1, language, code, mark, reason)


ALL = [block for page in PAGES for block in blocks(page, page.read_text(encoding="utf-8"))]


def marks(block: Block) -> list[pytest.MarkDecorator]:
    """What pytest is told of a block."""
    known = {"not run": [pytest.mark.skip(reason=f"{block}: {block.reason}")], "slow": [pytest.mark.slow], "": []}
    return known[block.mark]


def commands(code: str) -> Iterator[str]:
    """The commands of a shell block: continued lines joined, comments dropped."""
    for line in re.sub(r"\\\n\s*", " ", code).splitlines():
        command = shlex.join(shlex.split(line, comments=True))
        if command:
            yield command


def shortened(command: str) -> str:
    """The command; a training takes four steps of the tiny preset from random numbers."""
    trains = re.match(r"(labeler train|mdmd (train|adapt))\b", command) and "--steps 0" not in command
    return BUDGET.sub("", command) + SHORT if trains else command


# Running them


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[Path, Path]:
    """A folder for each page, made when its first block runs."""
    return {}


def prepare(folder: Path) -> Path:
    """Eight pictures in `photos`, and their labels in labels.json."""
    (folder / "photos").mkdir(parents=True)
    definition = load_definition("animweb")
    n = len(definition.landmarks)
    rng = np.random.default_rng(0)
    shape = rng.uniform(20, 100, (n, 2))
    samples = []
    for k in range(8):
        path = folder / "photos" / f"{k}.png"
        Image.fromarray(rng.integers(0, 255, (128, 128, 3), dtype=np.uint8)).save(path)
        labels = Annotation(shape + rng.normal(0, 2, (n, 2)), np.full(n, 2))
        face = {"split": "train", "group": f"{k}", "image_id": k + 1, "face_id": k + 1}
        samples.append(Sample(path, path.name, 128, 128, Box(10, 10, 108, 108), labels, **face))
    coco = to_coco(samples, definition, info={"image_folder": "photos"})
    (folder / "labels.json").write_text(json.dumps(coco), encoding="utf-8")
    return folder


def environment(folder: Path) -> Mapping[str, str]:
    """The commands of this environment, this tree's code, and settings of their own."""
    bin_folder = Path(sys.executable).parent
    return {
        **os.environ,
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "MDMD_HOME": str(folder / "home"),
    }


def run(words: list[str], folder: Path) -> None:
    done = subprocess.run(
        words, cwd=folder, env=environment(folder), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, f"{shlex.join(words)} ended with {done.returncode}:\n{done.stdout}"


def open_and_label(words: list[str], folder: Path) -> None:
    """Run `labeler open`, ask for its page, end it, and label as a person would have: by labels.json."""
    with subprocess.Popen(
        [*words, "--no-browser"],
        cwd=folder,
        env=environment(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as server:
        assert server.stdout is not None
        try:
            said = []
            for line in server.stdout:
                said.append(line)
                if found := ADDRESS.search(line):
                    break
            else:
                raise AssertionError(f"{shlex.join(words)} printed no address:\n{''.join(said)}")
            browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())  # the address trades its token
            with browser.open(found.group()) as answer:
                assert answer.status == 200
        finally:
            server.send_signal(signal.SIGINT)
            rest, _ = server.communicate()
    assert server.returncode in (0, 130), rest
    run(["labeler", "import", words[2], "labels.json"], folder)


@pytest.mark.timeout(900)  # several commands, each a new process that imports Gradio or PyTorch
@pytest.mark.parametrize("block", [pytest.param(b, id=str(b), marks=marks(b)) for b in ALL if b.language in RUN])
def test_a_block_runs_as_printed(block: Block, folders: dict[Path, Path], tmp_path_factory: pytest.TempPathFactory):
    if block.page not in folders:
        folders[block.page] = prepare(tmp_path_factory.mktemp("page") / "work")
    folder = folders[block.page]
    if block.language == "python":
        run([sys.executable, "-c", block.code], folder)
        return
    for command in commands(block.code):
        words = shlex.split(shortened(command))
        (open_and_label if words[:2] == ["labeler", "open"] else run)(words, folder)


# What they are


def test_every_block_says_its_language():
    assert {str(block): block.language for block in ALL if block.language not in RUN + PARSED + SHOWN} == {}


@pytest.mark.parametrize("block", [pytest.param(b, id=str(b)) for b in ALL if b.language == "json"])
def test_a_json_block_is_a_coco_file(block: Block, tmp_path: Path):
    dataset = from_coco(json.loads(block.code), folder=tmp_path, name="printed")
    assert dataset.samples
    assert dataset.samples[0].annotation is not None


def test_blocks_are_found_with_their_marks():
    text = "# T\n```sh\na\n```\n<!-- not run: needs data -->\n```sh\nb  # c\n```\n```{toctree}\nx\n```\n"
    page = ROOT / "x.md"
    assert list(blocks(page, text)) == [
        Block(page, 2, "sh", "a\n", "", ""),
        Block(page, 6, "sh", "b  # c\n", "not run", "needs data"),
    ]
    assert list(commands("b  # c\n\nlabeler new 'a b' \\\n  --x y\n")) == ["b", "labeler new 'a b' --x y"]
    assert (
        shortened("labeler train monkeys --minutes 5") == "labeler train monkeys --steps 4 --preset tiny --weights none"
    )
    assert shortened("labeler open monkeys") == "labeler open monkeys"
