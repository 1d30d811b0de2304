"""Locks between processes: one holder at a time, and a dead one holds none."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from mdmd import locks
from mdmd.locks import lock

HOLDER = """
import sys, time
from pathlib import Path
from mdmd.locks import lock
with lock(Path(sys.argv[1]), wait=False) as held:
    print(held, flush=True)
    time.sleep(1000)
"""


def test_a_lock_has_one_holder_until_it_ends_even_when_it_is_killed(tmp_path: Path):
    file = tmp_path / "lock"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(file)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "True\n"
    with lock(file, wait=False) as held:
        assert not held
    holder.kill()
    holder.communicate()
    with lock(file, wait=False) as held:
        assert held


def test_one_who_waits_gets_the_lock_when_it_is_free(tmp_path: Path):
    order = []

    def wait() -> None:
        with lock(tmp_path / "lock"):
            order.append("second")

    waiting = threading.Thread(target=wait)
    with lock(tmp_path / "lock") as held:
        assert held
        waiting.start()
        order.append("first")
    waiting.join()
    assert order == ["first", "second"]


@pytest.mark.skipif(sys.platform == "win32", reason="the POSIX call")
def test_a_file_system_without_locks_is_free_and_another_error_is_raised(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def refuse(number: int) -> None:
        def fail(*args: object) -> None:
            raise OSError(number, "no")

        monkeypatch.setattr(locks.fcntl, "flock", fail)

    refuse(locks.NO_LOCKS[0])
    with lock(tmp_path / "lock") as held:
        assert held
    refuse(5)
    with pytest.raises(OSError, match="no"), lock(tmp_path / "lock"):
        pass
