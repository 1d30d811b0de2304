"""The command line of the method: parser, errors and exit codes. Each command has a module in this folder."""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib.metadata
import logging
import signal
import sys
import time
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn

from mdmd import run_folder
from mdmd.cli import adapt, evaluate, experiment, export, predict, pretrain, sources, train
from mdmd.errors import DataError, InUseError
from mdmd.files import writes_files
from mdmd.threads import one_for_numpy

#: The errors of a full disk.
DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code: 0 done, 1 failed or not all done, 2 unusable input, 130 interrupted."""
    began = time.time()
    options = parser().parse_args(arguments, argparse.Namespace(asked_at=began))
    signal.signal(signal.SIGTERM, _interrupt)
    one_for_numpy()
    try:
        with _warnings_on_stderr():
            code = options.run(options)
    except InUseError as error:
        print(f"mdmd: error: {error}", file=sys.stderr)  # nothing is written where another training is
        return 2
    except DataError as error:
        return _refuse(options, str(error), error.kind, code=2)
    except KeyboardInterrupt:
        print("mdmd: interrupted", file=sys.stderr)
        return 130
    except OSError as error:
        kind = "disk" if error.errno in DISK_FULL else "system"
        return _refuse(options, f"{error.filename or 'the system'}: {error.strerror or error}", kind, code=1)
    except (MemoryError, RuntimeError) as error:
        from mdmd.training.step import out_of_memory

        if not out_of_memory(error):
            raise
        return _refuse(options, "out of memory", "memory", code=1)
    return code or 0


def parser() -> argparse.ArgumentParser:
    """All commands and their options."""
    top = argparse.ArgumentParser(
        prog="mdmd",
        description="Multi-domain multi-definition facial landmarks (Ferman and Bharaj, ECCV 2022): train a model for "
        "your own landmark definition with about 100 faces, together with a large set of another definition.",
        epilog="example: mdmd adapt --target monkeys.json --source 300w/annotations.json --minutes 5 --out monkeys-run",
    )
    top.add_argument("--version", action="version", version=f"mdmd {importlib.metadata.version('mdmd')}")
    commands = top.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for command in (train, adapt, evaluate, predict, export, sources, experiment, pretrain):
        command.add_to(commands)
    return top


def _interrupt(signum: int, frame: Any) -> NoReturn:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _warnings_on_stderr() -> Iterator[None]:
    """Print the warnings of the logger "mdmd" on stderr."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("mdmd: warning: %(message)s"))
    logger = logging.getLogger("mdmd")
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)


def _refuse(options: argparse.Namespace, message: str, kind: str, *, code: int) -> int:
    print(f"mdmd: error: {message}", file=sys.stderr)
    out = getattr(options, "out", None)
    if isinstance(out, list):  # with --faces, predictions are written to the run's folder
        out = out[0].parent if options.faces else None
    if out is not None and out.is_dir() and writes_files():
        with contextlib.suppress(OSError):  # the disk may be full
            if not run_folder.in_use(out):
                run_folder.Failure(message, kind).write(out)
    return code


if __name__ == "__main__":
    sys.exit(main())
