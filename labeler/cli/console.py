"""What the commands do with a terminal: follow a run line by line, and serve the pages until Ctrl-C."""

from __future__ import annotations

import secrets
import socket
import time
import webbrowser
from collections.abc import Callable
from urllib.parse import urlencode

import uvicorn

from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.runs.collect import collect_predictions
from labeler.runs.control import cancel_run, list_runs
from labeler.runs.run import COMPLETE, Run
from mdmd.errors import DataError

LOCAL = ("127.0.0.1", "localhost")
FIRST_PORT = 7860
PORTS_TRIED = 20
STAGES = {"source": "drawing the source's faces", "base": "learning the source", "adapt": "learning the project"}
WAITING = "waiting for another run to end"


def follow(
    project: Project, run: Run, *, say: Callable[[str], None] = print, every: float = 5.0, cancels: bool = True
) -> int:
    """Print what a run does until it ends, then bring in its predictions; returns an exit code.

    Ctrl-C cancels the run, or, where it `cancels` nothing, only ends the watching.
    """
    told: list[str] = []
    next_line = 0.0
    try:
        while True:
            run = next(r for r in list_runs(project) if r.id == run.id)
            stage = WAITING if run.state == "waiting" else _stage(run)
            for line in [f"warning: {text}" for text in run.warnings] + [stage]:
                if line and line not in told:
                    told.append(line)
                    say(line)
            if run.series and run.active and time.monotonic() >= next_line:
                next_line = time.monotonic() + every
                say(_progress_line(run))
            if not run.active:
                break
            time.sleep(0.2)
    except KeyboardInterrupt:
        if not cancels:
            say(f"run {run.id} goes on; `labeler runs {project.name}` tells how far it is")
            return 130
        say("stopping ...")
        run = cancel_run(project, run.id, patience=15)
    if run.state in COMPLETE:
        collect_predictions(project)
        say(_result_line(project, run))
        return 0
    say(f"run {run.id} was {run.state}" if run.error is None else f"run {run.id} {run.state}: {run.error}")
    if run.trained:
        say(f"its model is complete: `labeler prelabel {project.name}` goes on with it")
    if run.can_resume:
        say(f"`labeler resume {project.name}` goes on with it")
    return 130 if run.state == "cancelled" else 2 if run.exit_code == 2 else 1


def _stage(run: Run) -> str:
    if run.begun and run.stage != "base":
        return f"learning from {run.parts[run.begun - 1]} % of the faces, part {run.begun} of {len(run.parts)}"
    return STAGES.get(run.stage or "", "")


def _progress_line(run: Run) -> str:
    step = run.series[-1]
    parts = [f"  step {step['step']}" + (f" of {step['steps']}" if step.get("steps") else "")]
    parts.append(f"loss {step['loss']:.3f}")
    if run.evals:
        parts.append(f"held-out NME {run.evals[-1]['nme']:.2f} %")
    if run.eta_seconds is not None:
        parts.append(f"{run.eta_seconds:.0f} s left")
    return ", ".join(parts)


def _result_line(project: Project, run: Run) -> str:
    if run.kind == "curve":
        return f"done in {run.seconds:.0f} s: {run.what}"
    progress = project.progress()
    step = f"stopped at step {run.stopped[0]} of {run.stopped[1]}" if run.stopped else "done"
    text = f"{step} in {run.seconds:.0f} s"
    if run.metrics and run.metrics.get("nme") is not None:
        text += f"; NME {run.metrics['nme']:.2f} % on {run.metrics['n']} held-out faces"
    if progress.predicted_faces:
        text += f"; {progress.predicted_faces} faces pre-labeled, {progress.flagged_points} points flagged"
    return text


def serve(workspace: Workspace, name: str | None, *, host: str, port: int | None, browser: bool) -> int:
    """Serve the pages on this machine until Ctrl-C. Raises DataError for another host or a port that is taken."""
    if host not in LOCAL:
        raise DataError(f"found --host {host}; the tool serves only this machine, wanted 127.0.0.1")
    listener = listen(port)
    # Imported here because Gradio takes three seconds, which no other command should wait for.
    from labeler.server.app import build_app

    token = secrets.token_urlsafe(24)
    query = urlencode({"token": token, **({"project": name} if name else {})})
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/?{query}"
    app = build_app(workspace, token=token)
    print(f"open {address}\nCtrl-C ends it; a training that runs goes on", flush=True)
    if browser:
        webbrowser.open(address)
    # The access log would print the token.
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    server.run(sockets=[listener])
    return 0


def listen(port: int | None) -> socket.socket:
    """A socket of this machine alone on `port` (0: any), or on the first free one of ours; raises DataError."""
    ports = range(FIRST_PORT, FIRST_PORT + PORTS_TRIED) if port is None else [port]
    for candidate in ports:
        if not 0 <= candidate <= 65535:
            raise DataError(f"found --port {candidate}, wanted a number from 0 (any free one) to 65535")
        # Named as TCP, or asyncio leaves Nagle's algorithm on, and a body can wait 40 ms behind its headers.
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", candidate))
            listener.listen()
        except OSError as error:
            listener.close()
            if port is not None:
                raise DataError(f"port {port} cannot be used ({error.strerror}); choose another with --port") from None
        else:
            return listener
    raise DataError(f"the ports {ports[0]} to {ports[-1]} are all taken; name a free one with --port")
