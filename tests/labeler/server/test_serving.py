"""A running server: what other users of the machine can see of it, and what it leaves behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from labeler.server.server_folder import launcher, server_folder
from tests.builders import make_project, wait_for

ROOT = Path(__file__).parents[3]


@contextmanager
def served(
    projects: Path, log: Path, *, python: str = sys.executable, env: Mapping[str, str] = os.environ, **options: Any
) -> Iterator[tuple[subprocess.Popen[bytes], str, int]]:
    """`labeler open` at a free port: its process, its address and its port."""
    environment = {"PYTHONPATH": str(ROOT), **env, "PYTHONUNBUFFERED": "1"}
    command = [python, "-m", "labeler", "--projects", str(projects), "open", "--port", "0"]
    with log.open("wb") as output:
        server = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, env=environment, **options)
    try:
        told = wait_for(lambda: re.search(r"open (http://127\.0\.0\.1:(\d+)/\S+)", log.read_text()) or server.poll())
        assert not isinstance(told, int), log.read_text()
        yield server, told[1], int(told[2])
    finally:
        server.terminate()
        server.wait()


@pytest.fixture
def browser(tmp_path: Path) -> Path:
    """A program that takes the place of the browser; it writes down what it was started with."""
    program = tmp_path / "browser"
    program.write_text(
        f'#!/bin/sh\nprintf "%s" "$*" > {tmp_path}/started.part; mv {tmp_path}/started.part {tmp_path}/started\n'
    )
    program.chmod(0o755)
    return program


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.skipif(os.name != "posix", reason="modes and signals of POSIX")
def test_the_browser_is_started_without_the_token_and_nothing_is_left(tmp_path: Path, browser: Path) -> None:
    make_project(tmp_path, pictures=1).store.close()
    projects = tmp_path / "projects"
    with served(projects, tmp_path / "log", env={**os.environ, "BROWSER": f"{browser} %s"}) as (server, address, port):
        wait_for((tmp_path / "started").exists)
        started = (tmp_path / "started").read_text()
        token = address.partition("token=")[2]
        folder = projects / f".server-{port}"
        page = folder / "open.html"
        assert started == page.resolve().as_uri()
        assert token in page.read_text()
        assert (mode(folder), mode(page)) == (0o700, 0o600)
        shown = [word for process in psutil.process_iter(["cmdline"]) for word in process.info["cmdline"] or ()]
        assert str(projects) in shown
        assert not [word for word in shown if token in word]
        assert (folder / "uploads" / "vibe_edit_history").is_dir()  # where Gradio keeps what it is sent
        server.send_signal(signal.SIGTERM)
        server.wait()
        assert not folder.exists()
    assert sorted(path.name for path in projects.iterdir() if path.name.startswith(".server")) == []


def test_what_a_killed_server_has_left_is_removed_by_the_next(tmp_path: Path) -> None:
    left = tmp_path / ".server-7860" / "uploads" / "a.png"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"x")
    other = tmp_path / "kept.png"
    other.write_bytes(b"x")
    (tmp_path / ".server-7861").symlink_to(tmp_path)
    with server_folder(tmp_path, 7860) as folder, server_folder(tmp_path, 7861) as beside:
        assert folder == tmp_path.resolve() / ".server-7860"
        assert list(folder.iterdir()) == list(beside.iterdir()) == []
        assert (mode(folder), mode(beside)) == (0o700, 0o700)
    assert [path.name for path in tmp_path.iterdir()] == ["kept.png"]


def test_a_projects_folder_that_cannot_be_written_does_not_keep_the_server_from_starting(tmp_path: Path) -> None:
    (tmp_path / "projects").write_text("a file")
    with server_folder(tmp_path / "projects", 7860) as folder:
        assert folder.is_dir()
        page = launcher(folder, "http://127.0.0.1:7860/?token=a&project=%22b%22")
        assert 'url=http://127.0.0.1:7860/?token=a&amp;project=%22b%22"' in page.read_text()
    assert not folder.exists()


def _python_for(user: int) -> str:
    """A Python that another user can start the tool with; skips the test where there is none."""
    if os.name != "posix" or os.geteuid() != 0:
        pytest.skip("only root can start a process as another user")
    named = f"python{sys.version_info.major}.{sys.version_info.minor}"
    for python in (sys.executable, f"/usr/bin/{named}", f"/usr/local/bin/{named}"):
        try:
            subprocess.run(
                [python, "-c", "import labeler.server.app"], check=True, capture_output=True, **_as(user, "/")
            )
        except (OSError, subprocess.CalledProcessError):
            continue
        return python
    pytest.skip("another user cannot run any Python here that has the packages")


def _as(user: int, home: Path | str, **environment: str) -> dict[str, Any]:
    """Options that start a process as `user` with a private umask and no secret of the tests in its environment."""
    packages = [str(ROOT), *(path for path in sys.path if path.endswith("site-packages"))]
    own = {"HOME": str(home), "PATH": os.environ["PATH"], "PYTHONPATH": os.pathsep.join(packages), **environment}
    return {"user": user, "group": user, "extra_groups": [], "umask": 0o077, "cwd": home, "env": own}


#: Prints the files below a folder that can be read, those with a secret in them, and how a server answers.
LOOK = """
import os, pathlib, sys, urllib.error, urllib.request
theirs, secret, address = sys.argv[1:]
files = [os.path.join(folder, name) for folder, _, names in os.walk(theirs) for name in names]
files += [str(path) for path in pathlib.Path("/proc").glob("[0-9]*/*") if path.name in ("cmdline", "environ")]
read = {}
for path in files:
    try:
        read[path] = open(path, "rb").read()
    except OSError:
        pass
print([path for path in read if path.startswith(theirs)])
# This program itself was started with the secret.
print([path for path in read if secret.encode() in read[path] and path.split("/")[2] != str(os.getpid())])
for path in ("", "api/projects/faces/pictures", "gradio_api/file=" + theirs):
    try:
        urllib.request.urlopen(address + path)
    except urllib.error.HTTPError as error:
        print(error.code)
"""


def test_a_second_user_works_beside_the_first_and_reads_nothing_of_theirs() -> None:
    """Both have a private umask, as on machines that are shared, and the system's temporary folder in common."""
    first, second = 54321, 54322
    python = _python_for(second)
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        place.chmod(0o755)
        shared = place / "tmp"
        shared.mkdir()
        shared.chmod(0o1777)
        users = {}
        for user in (first, second):
            home = place / str(user)
            home.mkdir()
            shutil.chown(home, user, user)
            users[user] = _as(user, home, TMPDIR=str(shared), BROWSER="true")
        theirs = place / str(first) / "projects"
        make = "from pathlib import Path; from tests.builders import make_project; make_project(Path('.'), labeled=2)"
        subprocess.run([python, "-c", make], check=True, **users[first])
        (place / "logs").mkdir(mode=0o700)
        with (
            served(theirs, place / "logs" / "1", python=python, **users[first]) as (_, address, _),
            served(place / str(second) / "projects", place / "logs" / "2", python=python, **users[second]) as (
                _,
                own,
                _,
            ),
        ):
            home, _, token = address.partition("?token=")
            assert own.partition("?token=")[2] != token
            look = [python, "-c", LOOK, str(theirs), token, home]
            seen = subprocess.run(look, capture_output=True, text=True, check=True, **users[second])
            assert seen.stdout.split("\n") == ["[]", "[]", "401", "401", "401", ""]
            assert "Traceback" not in (place / "logs" / "2").read_text()
