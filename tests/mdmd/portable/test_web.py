"""The page of an exported model: where onnxruntime-web comes from, what is refused, and what the page may load."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from mdmd.cli.main import main
from mdmd.errors import DataError
from mdmd.portable import onnxruntime_web
from mdmd.portable.folder import FILES
from mdmd.portable.onnxruntime_web import PACKAGE, VERSION, read_runtime, registry
from tests.builders import portable_run
from tests.exported_page import static_server

CONTENT = {
    "dist/ort.wasm.bundle.min.mjs": b"export const env = {};",
    "dist/ort-wasm-simd-threaded.wasm": b"\0asm",
    "dist/ort.js": b"not needed",
}
READ = {"ort.js": b"export const env = {};", "ort-wasm-simd-threaded.wasm": b"\0asm"}


def archive(members: Mapping[str, bytes | str]) -> bytes:
    """A .tgz of files by their names; text is the target of a link."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w:gz") as file:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = tarfile.SYMTYPE, content
                file.addfile(member)
            else:
                member.size = len(content)
                file.addfile(member, io.BytesIO(content))
    return made.getvalue()


PACKED = archive({f"package/{name}": content for name, content in CONTENT.items()})
CHECKSUM = base64.b64encode(hashlib.sha512(PACKED).digest()).decode()


@pytest.fixture(scope="module")
def packed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("npm") / "onnxruntime-web.tgz"
    file.write_bytes(PACKED)
    return file


@pytest.fixture(autouse=True)
def no_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty home, so that this machine's settings of npm play no part."""
    for name in ("npm_config_registry", "NPM_CONFIG_REGISTRY", "npm_config_userconfig", "NPM_CONFIG_USERCONFIG"):
        monkeypatch.delenv(name, raising=False)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An npm registry on this machine, and the file that it has of the package."""
    file = tmp_path / "npm" / PACKAGE / "-" / f"{PACKAGE}-{VERSION}.tgz"
    file.parent.mkdir(parents=True)
    file.write_bytes(PACKED)

    with static_server(tmp_path) as address:
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        monkeypatch.setenv("npm_config_registry", f"{address}npm")
        yield file


def test_a_copy_that_npm_has_unpacked_is_taken(packed: Path, tmp_path: Path) -> None:
    for name, content in CONTENT.items():
        file = tmp_path / "onnxruntime-web" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    assert read_runtime(tmp_path / "onnxruntime-web") == READ
    assert read_runtime(tmp_path / "onnxruntime-web" / "dist") == READ
    assert read_runtime(packed) == READ
    (tmp_path / "secret").write_text("secret")
    linked = tmp_path / "onnxruntime-web" / "dist" / "ort-wasm-simd-threaded.wasm"
    linked.unlink()
    linked.symlink_to(tmp_path / "secret")
    with pytest.raises(DataError, match=r"ort-wasm-simd-threaded\.wasm is a link out of"):
        read_runtime(tmp_path / "onnxruntime-web")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"<html>", "is not a .tgz of onnxruntime-web"),
        (PACKED[: len(PACKED) // 2], "is not a .tgz of onnxruntime-web"),
        (b"", "is not a .tgz of onnxruntime-web"),
        (archive({"package/README.md": b"hello"}), "has no dist/ort.wasm.bundle.min.mjs and no dist/ort-wasm"),
        (
            archive({"package/dist/ort.wasm.bundle.min.mjs": b"1", "package/dist/ort-wasm-simd-threaded.wasm": "/etc"}),
            "has no dist/ort-wasm-simd-threaded.wasm: wanted the npm package onnxruntime-web",
        ),
        (archive({f"../package/{name}": content for name, content in CONTENT.items()}), "has no dist/ort.wasm"),
        (archive({f"/package/{name}": content for name, content in CONTENT.items()}), "has no dist/ort.wasm"),
    ],
    ids=["a page", "cut short", "empty", "another package", "a link", "a way out", "an absolute path"],
)
def test_what_is_no_package_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "x.tgz").write_bytes(content)
    with pytest.raises(DataError, match=re.escape(said)):
        read_runtime(tmp_path / "x.tgz")


def test_of_an_archive_only_the_wanted_files_are_read(tmp_path: Path) -> None:
    others = {"../../evil.js": b"x", "/tmp/evil.js": b"x", "package/dist/../../evil": b"x", "package/link": "/etc"}
    wanted = {f"package/{name}": content for name, content in CONTENT.items()}
    (tmp_path / "x.tgz").write_bytes(archive({**others, **wanted}))
    assert read_runtime(tmp_path / "x.tgz") == READ


def test_it_is_downloaded_from_the_registry_that_npm_uses(npm: Path) -> None:
    assert read_runtime(integrity=CHECKSUM) == READ


@pytest.mark.parametrize(
    ("kept", "said"),
    [
        (PACKED + b"\0", rf"/npm/{PACKAGE}/-/{PACKAGE}-{VERSION}.tgz sends is not {PACKAGE} {VERSION}: its sha512 is "),
        (None, "cannot be downloaded from http://127.0.0.1:"),
    ],
    ids=["other bytes", "not found"],
)
def test_a_download_that_fails_says_how_to_do_without(npm: Path, kept: bytes | None, said: str) -> None:
    npm.unlink() if kept is None else npm.write_bytes(kept)
    with pytest.raises(DataError, match=re.escape(said)) as caught:
        read_runtime(integrity=CHECKSUM)
    assert f"get it with 'npm pack {PACKAGE}@{VERSION}', and name the file with --onnxruntime-web" in str(caught.value)


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://127.0.0.1:9/", "cannot be downloaded from http://127.0.0.1:9/onnxruntime-web/-/"),
        ("file:///etc/", "is no web address"),
        ("https://[x/", "is no web address"),
    ],
)
def test_a_registry_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch, address: str, said: str) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("npm_config_registry", address)
    with pytest.raises(DataError, match=re.escape(said)):
        read_runtime()


def test_the_registry_is_that_of_the_user(no_settings: Path) -> None:
    assert registry({}) == "https://registry.npmjs.org/"
    (no_settings / ".npmrc").write_text(
        "# registry=https://no.example/\n@own:registry=https://scope.example/\nregistry = https://${HOST}/npm\n"
    )
    assert registry({"HOST": "file.example"}) == "https://file.example/npm/"
    assert registry({"NPM_CONFIG_REGISTRY": "https://named.example"}) == "https://named.example/"
    other = no_settings / "other"
    other.write_text('registry="https://other.example/"\n')
    assert registry({"npm_config_userconfig": str(other)}) == "https://other.example/"


def test_the_version_is_that_of_the_lock_file() -> None:
    """The page is tested with the package that is installed from it."""
    locked = json.loads((Path(__file__).parents[3] / "package-lock.json").read_text())["packages"]
    package = locked[f"node_modules/{PACKAGE}"]
    assert (package["version"], package["integrity"]) == (VERSION, f"sha512-{onnxruntime_web.INTEGRITY}")


def test_what_cannot_be_exported_is_said(packed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = portable_run(tmp_path / "monkeys")
    local = ["--onnxruntime-web", str(packed)]
    assert main(["export", str(run), "--out", str(tmp_path / "x"), *local]) == 2
    assert "--onnxruntime-web goes with --format web" in capsys.readouterr().err
    web = ["export", str(run), "--format", "web", "--out"]
    assert main([*web, str(tmp_path / "x"), "--onnxruntime-web", str(tmp_path / "nowhere")]) == 2
    assert f"no such file or folder: {tmp_path / 'nowhere'}" in capsys.readouterr().err
    assert main([*web, str(run), *local]) == 2
    assert "is there already: name a new folder" in capsys.readouterr().err
    assert not (tmp_path / "x").exists()


def test_the_page_loads_nothing_from_elsewhere_and_shows_names_as_text() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in sorted((FILES / "web").iterdir())}
    policy = re.search(r'content="(default-src [^"]+)"', texts["index.html"])
    assert policy is not None
    sources = {word for part in policy[1].split("; ") for word in part.split()[1:]}
    assert sources == {"'none'", "'self'", "'wasm-unsafe-eval'"}
    assert re.findall(r"<script(?![^>]*\bsrc=)|\bstyle=|\son\w+=", texts["index.html"]) == []
    for name, text in texts.items():
        if name.endswith(".js"):
            assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(", text), name
            assert set(re.findall(r"""from "\./([^"]+)";""", text)) <= texts.keys(), name
    named = {address for text in texts.values() for address in re.findall(r"https?://[^\s\"'<)]+", text)}
    assert named == {"http://127.0.0.1:8000/", "http://www.w3.org/2000/svg"}


def test_the_colors_of_the_page_are_tokens_with_a_light_and_a_dark_value() -> None:
    text = (FILES / "web" / "page.css").read_text(encoding="utf-8")
    light, dark = (text.split(mark, 1) for mark in (":root {", "@media (prefers-color-scheme: dark)"))
    named = set(re.findall(r"--([\w-]+): #[0-9a-f]{6};", light[1]))
    assert set(re.findall(r"var\(--([\w-]+)\)", text)) <= named
    assert set(re.findall(r"color\([^)]*\"--([\w-]+)\"", (FILES / "web" / "drawing.js").read_text())) <= named
    assert set(re.findall(r"--([\w-]+): #", dark[1])) <= named
    assert re.findall(r"^ +(?!--)[\w-]+: .*#[0-9a-f]{3}.*", text, re.MULTILINE) == []
