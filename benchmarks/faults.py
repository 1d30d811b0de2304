"""What becomes of a project when a process is killed, the disk is full, or the file of its labels is damaged.

    python benchmarks/faults.py [--kills 200] [--full 50] [--damages 200] [--circumstances 1] [--folder FOLDER]

Each trial works on a fresh copy of a small project. A child process does one thing (`DOINGS`) and tells each edit that
was acknowledged; it is killed at a random moment of the time that the thing takes. Then the project is opened as the
tool opens it, and checked, and the thing is done once more. "lost" counts acknowledged edits that are not there;
"damaged" trials after which the check of the labels or a copy finds damage; "unfinished" those after which doing it
once more does not give what an undisturbed process gives; "left over" those after which a partial file stays.

For a full disk the project lies on a file system of its own (this needs root) with a random number of bytes left: the
thing must end well or with one sentence, and be done when there is room again. For damage, a part of one page of
labels.db is overwritten: "told" counts what opening or the check names, "harmless" what leaves all of a person's words
as they were, "silent" the rest. After each the newest copy is put back and compared.

Each thing is also done on a read-only medium, while another program has locked labels.db, and after the clock was set
back by a day. "refused" is one sentence and nothing changed. What is wrong when the circumstance has passed stands
after it, as above.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tarfile
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from labeler.project.project import Project, open_project
from labeler.project.safekeeping import restore
from labeler.project.workspace import Workspace
from labeler.runs.collect import collect_predictions
from labeler.storage.records import Point
from mdmd.data.definition import Definition
from mdmd.errors import DataError
from mdmd.files import PARTIAL_NAME, read_json, write_json

OLD = Path(__file__).parent.parent / "tests" / "old_project" / "project.tar.xz"
PICTURES, EDITS = 12, 40
DEFINITION = Definition("small", ("eye_left", "eye_right", "nose", "chin"), groups=(5, 6, 9, 2), mirror=(1, 0, 2, 3))
#: Tells that an edit was acknowledged.
Say = Callable[[], object]


@dataclass(frozen=True)
class Doing:
    """Something that is done to a project, and what must be there when it was done.

    `begin` prepares the fresh copy. `acknowledged` says how many edits are there of those that were told.
    """

    do: Callable[[Project, Say], None]
    result: Callable[[Project], object]
    begin: Callable[[Path], None] = lambda folder: None
    acknowledged: Callable[[Project], int] = lambda project: 0


def words(project: Project) -> object:
    """Labels and boxes by the names of the pictures, which do not depend on the order in which things came in."""
    names = {picture.id: picture.name for picture in project.store.images()}
    points = project.store.points()
    return sorted((names[face.image_id], str(points.get(face.id, {})), str(face.box)) for face in project.store.faces())


def label(project: Project, say: Say) -> None:
    faces = project.store.faces()
    for k in range(EDITS):
        project.store.edit_points(faces[k % len(faces)].id, {1 + k // PICTURES: Point(float(k), 1.0 + k, 2)})
        say()
        if k % 10 == 0:
            project.safekeeping.step()


def edits_of(project: Project) -> int:
    points = project.store.points()
    return sum(point.y == 1.0 + (point.x or 0) for labels in points.values() for point in labels.values())


def bring_in(project: Project, say: Say) -> None:
    project.import_labels(project.folder.parent / "in" / "in.json")


def write_out(project: Project, say: Say) -> None:
    project.export(project.folder / "exports" / "out.json")


def written_out(project: Project) -> object:
    file = project.folder / "exports" / "out.json"
    return [record["keypoints"] for record in read_json(file)["annotations"]] if file.exists() else None


def copy(project: Project, say: Say) -> None:
    for k in range(5):
        project.store.edit_points(1, {1: Point(float(k), 3.0, 2)})
        project.safekeeping.backups.make("edits")


def go_back(project: Project, say: Say) -> None:
    restore(project.folder, 1)


def make_old(folder: Path) -> None:
    """Put the database of version 0.1.0 in the place of that of the project."""
    with tarfile.open(OLD) as archive, (folder / "labels.db").open("wb") as target:
        member = next(name for name in archive.getnames() if name.endswith("/labels.db"))
        source = archive.extractfile(member)
        assert source is not None
        shutil.copyfileobj(source, target)
    (folder / "labels.mark").unlink(missing_ok=True)


def leave_run(folder: Path) -> None:
    """A finished run whose predictions are not collected yet."""
    run = folder / "runs" / "001"
    run.mkdir(parents=True)
    record = {"id": "001", "kind": "prelabel", "created_at": 1.0, "pid": 1, "process_started": "", "images": 1}
    write_json(run / "run.json", {**record, "faces": 1, "source": None, "preset": None, "minutes": None})
    attributes = {
        "source": "predicted",
        "covariance": [[4.0, 1.0, 9.0]] * 4,
        "p_off": [0.1] * 4,
        "flagged": [False] * 4,
    }
    faces = [
        {"id": face, "keypoints": [5.0 + face, 6.0, 2] * 4, "attributes": attributes} for face in range(1, PICTURES + 1)
    ]
    write_json(run / "predictions.json", {"categories": [DEFINITION.to_category()], "annotations": faces})
    write_json(run / "exit.json", {"code": 0, "ended_at": 60.0})


def collect(project: Project, say: Say) -> None:
    collect_predictions(project)


DOINGS = {
    "labeling": Doing(label, words, acknowledged=edits_of),
    "import": Doing(bring_in, words),
    "export": Doing(write_out, written_out),
    "backup": Doing(copy, words),
    "going back": Doing(go_back, words),
    "migration": Doing(lambda project, say: None, words, begin=make_old),
    "collecting a run": Doing(
        collect,
        lambda project: str(project.store.predictions.current()),
        begin=leave_run,
    ),
}


def make_base(folder: Path) -> Path:
    """The project that each trial copies: half labeled, with one copy of its labels, and a file to import."""
    pictures = folder / "pictures"
    pictures.mkdir(parents=True)
    for k in range(PICTURES):
        Image.effect_noise((96, 72), 10 + 5 * k).convert("RGB").save(pictures / f"{k}.png")
    workspace = Workspace(folder / "projects")
    project = workspace.create("base", definition=DEFINITION)
    project.add_pictures([pictures])
    for face in project.store.faces()[: PICTURES // 2]:
        project.store.edit_points(face.id, {key: Point(10.0 + key, 2.0, 2) for key in (1, 2, 3, 4)})
    project.safekeeping.before("asked")
    other = workspace.create("other", definition=DEFINITION)
    for k in range(PICTURES):
        Image.effect_noise((90, 80), 10 + 5 * k).convert("RGB").save(pictures / f"more-{k}.png")
    other.add_pictures(sorted(pictures.glob("more-*.png")))
    for face in other.store.faces():
        other.store.edit_points(face.id, {key: Point(10.0 + key, 5.0, 2) for key in (1, 2, 3, 4)})
    other.export(folder / "projects" / "in" / "in.json")
    for path in other.images.iterdir():
        shutil.copyfile(path, folder / "projects" / "in" / path.name)
    workspace.close()
    return folder / "projects"


def fresh(base: Path, trial: Path, doing: Doing) -> Path:
    """A copy of the base's projects in `trial`, made ready; returns the folder of the project."""
    shutil.rmtree(trial, ignore_errors=True)
    trial.mkdir(parents=True)
    shutil.copytree(base / "base", trial / "base")
    shutil.copytree(base / "in", trial / "in")
    doing.begin(trial / "base")
    return trial / "base"


def done_in_child(folder: Path, doing: Doing, kill_after: float | None) -> tuple[int, float, bool]:
    """Do it in a child process that is killed after some seconds.

    Returns how many edits it told, its seconds, and whether it ended by itself.
    """
    read, write = os.pipe()
    began = time.monotonic()
    child = os.fork()
    if not child:
        os.close(read)
        code = 1
        try:
            project = open_project(folder)
            doing.do(project, lambda: os.write(write, b"."))
            project.close()
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    if kill_after is not None:
        time.sleep(kill_after)
        with suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    told = b""
    while part := os.read(read, 4096):
        told += part
    os.close(read)
    return len(told), time.monotonic() - began, os.waitstatus_to_exitcode(status) == 0


def once_more(folder: Path, doing: Doing) -> object:
    project = open_project(folder)
    try:
        project.clear_leftovers()
        doing.do(project, lambda: None)
        return doing.result(project)
    finally:
        project.close()


def outcome(folder: Path, doing: Doing, told: int, wanted: object) -> list[str]:
    """What is wrong after a fault."""
    found = []
    try:
        project = open_project(folder)
    except DataError as error:
        return [f"not opened: {error}"]
    lost = told - doing.acknowledged(project) if told else 0
    found += ["lost"] * max(lost, 0)
    backups = project.safekeeping.backups
    if project.safekeeping.check() or any(backups.problems(made) for made in backups.all()):
        found.append("damaged")
    if project.safekeeping.missing is not None:
        found.append("missing")
    project.close()
    if once_more(folder, doing) != wanted:
        found.append("unfinished")
    if any(PARTIAL_NAME.fullmatch(path.name) for path in folder.rglob("*")):
        found.append("left over")
    return found


def kills(base: Path, folder: Path, number: int, rng: random.Random) -> None:
    print("| killed while | trials | killed | lost edits | damaged | unfinished | left over | other |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for name, doing in DOINGS.items():
        _, _, ended = done_in_child(fresh(base, folder / "trial", doing), doing, None)
        assert ended, f"{name} fails undisturbed"
        wanted = once_more(folder / "trial" / "base", doing)
        seconds = max(done_in_child(fresh(base, folder / "trial", doing), doing, None)[1] for _ in range(3))
        found, killed = Counter[str](), 0
        for _ in range(number):
            project = fresh(base, folder / "trial", doing)
            told, _, ended = done_in_child(project, doing, rng.uniform(0, seconds))
            killed += not ended
            found.update(outcome(project, doing, told, wanted))
        row(name, number, killed, found, ("lost", "damaged", "unfinished", "left over"))


def row(name: str, number: int, of: int, found: Counter[str], columns: Sequence[str]) -> None:
    others = "; ".join(f"{what}: {count}" for what, count in found.items() if what not in columns)
    counts = " | ".join(str(found[column]) for column in columns)
    print(f"| {name} | {number} | {of} | {counts} | {others or 0} |", flush=True)


def full_disks(base: Path, folder: Path, number: int, rng: random.Random) -> None:
    with disk(folder) as (place, _):
        print("\n| full disk while | trials | refused in one sentence | damaged | unfinished | left over | other |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
        for name, doing in DOINGS.items():
            done_in_child(fresh(base, place / "trial", doing), doing, None)
            before = usage(fresh(base, place / "empty", doing))
            needed = max(usage(place / "trial" / "base") - before, 0) + 400_000
            wanted = once_more(place / "trial" / "base", doing)
            shutil.rmtree(place / "empty")
            found, refused = Counter[str](), 0
            for _ in range(number):
                project, filler = fresh(base, place / "trial", doing), place / "filler"
                fill(filler, leave=rng.randrange(needed))
                how, told = tried(project, doing)
                filler.unlink()
                refused += how == "refused"
                found.update([how] * (how not in ("done", "refused")))
                found.update(outcome(project, doing, told, wanted))
            row(name, number, refused, found, ("damaged", "unfinished", "left over"))


@contextmanager
def disk(folder: Path) -> Iterator[tuple[Path, Callable[[str], object]]]:
    """A folder on a small file system of its own, and what mounts it anew with an option ("ro" or "rw")."""
    place = folder / "disk"
    place.mkdir(exist_ok=True)

    def mount(*words: str) -> None:
        done = subprocess.run(["mount", *words, str(place)], capture_output=True)
        if done.returncode:
            raise SystemExit(f"no file system of its own (--full 0 --circumstances 0): {done.stderr.decode().strip()}")

    mount("-t", "tmpfs", "-o", "size=16m", "tmpfs")
    try:
        yield place, lambda option: mount("-o", f"remount,{option}")
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def tried(folder: Path, doing: Doing, clock: Callable[[], float] = time.time) -> tuple[str, int]:
    """Do it in this process. Returns "done", "refused" or an error that a user must never see, and the edits told."""
    told = 0

    def say() -> None:
        nonlocal told
        told += 1

    try:
        project = open_project(folder, clock=clock)
        try:
            doing.do(project, say)
        finally:
            project.close()
    except DataError:
        return "refused", told
    except Exception as error:
        return f"{type(error).__name__}: {error}", told
    return "done", told


def circumstances(base: Path, folder: Path) -> None:
    """A table of things and circumstances."""

    def yesterday() -> float:
        return time.time() - 86_400

    with disk(folder) as (place, mount):

        @contextmanager
        def read_only(project: Path) -> Iterator[None]:
            mount("ro")
            try:
                yield
            finally:
                mount("rw")

        @contextmanager
        def locked(project: Path) -> Iterator[None]:
            with closing(sqlite3.connect(project / "labels.db")) as other:
                other.execute("BEGIN EXCLUSIVE")
                yield

        @contextmanager
        def clock_back(project: Path) -> Iterator[None]:
            yield

        hows: dict[str, tuple[Callable[[Path], AbstractContextManager[None]], Callable[[], float]]] = {
            "read-only medium": (read_only, time.time),
            "labels.db locked": (locked, time.time),
            "clock set back": (clock_back, yesterday),
        }
        print(f"\n| while | {' | '.join(hows)} |")
        print(f"| --- |{' --- |' * len(hows)}")
        for name, doing in DOINGS.items():
            done_in_child(fresh(base, place / "trial", doing), doing, None)
            wanted = once_more(place / "trial" / "base", doing)
            cells = []
            for circumstance, clock in hows.values():
                project = fresh(base, place / "trial", doing)
                with circumstance(project):
                    how, told = tried(project, doing, clock)
                cells.append(", ".join([how, *outcome(project, doing, told, wanted)]))
            print(f"| {name} | {' | '.join(cells)} |", flush=True)


def usage(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def fill(filler: Path, *, leave: int) -> None:
    free = shutil.disk_usage(filler.parent).free
    with filler.open("wb") as file, suppress(OSError):
        file.write(bytes(max(free - leave, 0)))


def damages(base: Path, folder: Path, number: int, rng: random.Random) -> None:
    found, back = Counter[str](), 0
    for _ in range(number):
        project = fresh(base, folder / "trial", DOINGS["labeling"])
        wanted = once_more(project, Doing(lambda project, say: None, words))
        file = project / "labels.db"
        content = bytearray(file.read_bytes())
        page = rng.randrange(len(content) // 4096)
        begin = 4096 * page + rng.randrange(4096)
        end = min(begin + rng.choice([1, 8, 64, 4096]), 4096 * (page + 1))
        content[begin:end] = rng.randbytes(end - begin)
        file.write_bytes(content)
        found[after_damage(project, wanted)] += 1
        restore(project, 1)
        back += once_more(project, Doing(lambda project, say: None, words)) == wanted
    print("\n| damaged pages | told | harmless | silent | other | the copy put back |")
    print("| --- | --- | --- | --- | --- | --- |")
    others = "; ".join(f"{what}: {n}" for what, n in found.items() if what not in ("told", "harmless", "silent"))
    print(f"| {number} | {found['told']} | {found['harmless']} | {found['silent']} | {others or 0} | {back} |")


def after_damage(folder: Path, wanted: object) -> str:
    try:
        project = open_project(folder)
    except DataError:
        return "told"
    except Exception as error:  # what a user must never see
        return f"{type(error).__name__}: {error}"
    try:
        if project.safekeeping.check():
            return "told"
        return "harmless" if words(project) == wanted else "silent"
    except DataError:
        return "told"
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    finally:
        project.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200, help="kills of each thing")
    parser.add_argument("--full", type=int, default=50, help="full disks for each thing")
    parser.add_argument("--damages", type=int, default=200, help="damaged pages")
    parser.add_argument("--circumstances", type=int, choices=(0, 1), default=1, help="whether these are tried")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where to work (default: a temporary folder)")
    options = parser.parse_args()
    rng = random.Random(options.seed)
    with tempfile.TemporaryDirectory(dir=options.folder) as place:
        folder = Path(place)
        base = make_base(folder)
        if options.kills:
            kills(base, folder, options.kills, rng)
        if os.geteuid() != 0:
            print("\nFull disks, and circumstances such as a read-only medium, were not tried: they need root.")
        else:
            if options.full:
                full_disks(base, folder, options.full, rng)
            if options.circumstances:
                circumstances(base, folder)
        if options.damages:
            damages(base, folder, options.damages, rng)


if __name__ == "__main__":
    main()
