"""The HTTP routes of the canvas: pictures and labels of a project, JSON in and JSON out.

Routes are plain functions, so that the framework runs their blocking work in its threads.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from pydantic import Field, FiniteFloat

from labeler.errors import ConflictError, NotFoundError
from labeler.guidance.progress import Measure
from labeler.pictures.thumbnails import WIDTHS
from labeler.project import definition as schema
from labeler.project.workspace import Workspace
from labeler.report.reports import report_of
from labeler.server.bodies import (
    AcceptBody,
    Annotator,
    BatchBody,
    BoxBody,
    CheckBody,
    DefinitionBody,
    IdsBody,
    Index,
    Key,
    PointsBody,
    ProposalBody,
    RightBody,
    SeenBody,
    Signed,
    SkipBody,
    UnseenBody,
)
from labeler.server.errors import EditConflictError
from labeler.server.face_actions import Workbench
from labeler.storage.history import Seen
from mdmd.errors import DataError


def build_api(workspace: Workspace) -> APIRouter:
    """All routes, under /api/projects/{project}. The app that includes them calls `install_errors` too."""

    async def provide(request: Request) -> None:
        request.state.workspace = workspace

    router = APIRouter(dependencies=[Depends(provide)])
    router.include_router(routes)
    return router


def _bench(project: str, request: Request) -> Workbench:
    return Workbench(request.state.workspace.open(project))


Bench = Annotated[Workbench, Depends(_bench)]
routes = APIRouter(prefix="/api/projects/{project}")


@routes.get("")
def overview(bench: Bench) -> dict[str, Any]:
    return bench.overview()


@routes.get("/pictures")
def pictures(bench: Bench) -> list[dict[str, Any]]:
    project = bench.project
    project.copies.prepare(project.images / picture.file_name for picture in project.store.images())
    return bench.pictures()


@routes.get("/review")
def review(bench: Bench) -> list[dict[str, Any]]:
    return bench.review_queue()


@routes.get("/review/pace")
def review_pace(bench: Bench, annotator: Annotator = None) -> dict[str, Any]:
    return bench.review_pace(annotator)


@routes.get("/review/unseen")
def preview_unseen(
    bench: Bench,
    measure: Measure,
    limit: Annotated[FiniteFloat, Field(ge=0)],
    seed: Index = 0,
    sample: Annotated[int, Field(ge=0, le=60)] = 12,
) -> dict[str, Any]:
    return bench.preview_unseen(measure, limit, seed=seed, sample=sample)


@routes.post("/review/unseen")
def accept_unseen(bench: Bench, body: UnseenBody) -> dict[str, Any]:
    revisions = {seen.face: seen.revision for seen in body.faces}
    return bench.accept_unseen(revisions, body.basis, annotator=body.annotator)


@routes.post("/review/unseen/undo")
def take_back(bench: Bench, body: BatchBody) -> dict[str, Any]:
    return bench.take_back(body.batch, annotator=body.annotator)


@routes.get("/duplicates")
def duplicates(bench: Bench) -> dict[str, Any]:
    return bench.duplicates()


@routes.get("/pictures/{picture_id}/image")
def image(
    bench: Bench, picture_id: Key, width: int | None = None, if_none_match: Annotated[str | None, Header()] = None
) -> Response:
    if width is not None and width not in WIDTHS:
        raise DataError(f"found width={width}, wanted one of {', '.join(map(str, WIDTHS))} or none")
    picture = bench.store.image(picture_id)
    headers = {
        "Cache-Control": "private, max-age=3600, immutable",
        "ETag": f'"{picture.sha256[:32]}-{width or "full"}"',
        "X-Content-Type-Options": "nosniff",
    }
    if if_none_match == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    path = bench.project.originals.path(picture)
    if width is not None:
        path = bench.project.copies.get(path, width)
    return FileResponse(path, media_type=_media_type(path), headers=headers)


@routes.post("/pictures/{picture_id}/faces")
def add_face(bench: Bench, picture_id: Key, body: BoxBody) -> dict[str, Any]:
    return bench.add_face(picture_id, body.box, annotator=body.annotator)


@routes.get("/faces/{face_id}")
def view(bench: Bench, face_id: Key) -> dict[str, Any]:
    return bench.view(face_id)


@routes.post("/faces/{face_id}/points")
def set_points(bench: Bench, face_id: Key, body: PointsBody) -> dict[str, Any]:
    points = [point.model_dump() for point in body.points]
    with _with_the_face(bench, face_id):
        return bench.set_points(face_id, points, source=body.source, seen=body.seen, annotator=body.annotator)


@routes.post("/faces/{face_id}/clear")
def clear(bench: Bench, face_id: Key, body: IdsBody) -> dict[str, Any]:
    with _with_the_face(bench, face_id):
        return bench.clear_points(face_id, body.ids, seen=body.seen, annotator=body.annotator)


@routes.post("/faces/{face_id}/box")
def set_box(bench: Bench, face_id: Key, body: BoxBody) -> dict[str, Any]:
    with _with_the_face(bench, face_id):
        return bench.set_box(face_id, body.box, seen=body.seen, annotator=body.annotator)


@routes.post("/faces/{face_id}/accept")
def accept(bench: Bench, face_id: Key, body: AcceptBody) -> dict[str, Any]:
    with _with_the_face(bench, face_id):
        return bench.accept(face_id, body.ids, run=body.run, seen=body.seen, annotator=body.annotator)


@routes.post("/faces/{face_id}/undo")
def undo(bench: Bench, face_id: Key, body: SeenBody | None = None) -> dict[str, Any]:
    body = body or SeenBody()
    with _with_the_face(bench, face_id):
        return bench.undo(face_id, seen=body.seen, annotator=body.annotator)


@routes.post("/faces/{face_id}/redo")
def redo(bench: Bench, face_id: Key, body: Signed | None = None) -> dict[str, Any]:
    return bench.redo(face_id, annotator=body.annotator if body else None)


@routes.post("/faces/{face_id}/proposal")
def proposal(bench: Bench, face_id: Key, body: ProposalBody) -> dict[str, Any]:
    return bench.proposal(face_id, body.start, body.known)


@routes.get("/open")
def open_landmarks(bench: Bench) -> dict[str, list[int]]:
    return bench.open_landmarks()


@routes.post("/faces/{face_id}/skip")
def skip(bench: Bench, face_id: Key, body: SkipBody) -> dict[str, Any]:
    with _with_the_face(bench, face_id):
        return bench.set_skip(face_id, body.reason, seen=body.seen, annotator=body.annotator)


@routes.get("/repeats")
def repeats(bench: Bench, annotator: Annotator = None) -> dict[str, Any]:
    return bench.repeats(annotator)


@routes.post("/repeats")
def begin_repeat(bench: Bench, body: Signed) -> dict[str, Any]:
    return bench.begin_repeat(body.annotator)


@routes.get("/faces/{face_id}/history")
def history(bench: Bench, face_id: Key) -> list[dict[str, Any]]:
    return bench.history(face_id)


@routes.delete("/faces/{face_id}")
def delete(bench: Bench, face_id: Key, revision: int | None = None) -> dict[str, Any]:
    with _with_the_face(bench, face_id):
        return bench.delete_face(face_id, seen=Seen(revision))


@routes.get("/checks")
def all_checks(bench: Bench) -> dict[str, Any]:
    return bench.checks()


@routes.get("/faces/{face_id}/checks")
def checks(bench: Bench, face_id: Key) -> dict[str, Any]:
    return bench.checks(face_id)


@routes.post("/faces/{face_id}/checks")
def say_right(bench: Bench, face_id: Key, body: RightBody) -> dict[str, Any]:
    return bench.say_right(face_id, body.kind, body.landmarks, right=body.right, annotator=body.annotator)


@routes.get("/runs/{run_id}/report")
def report(bench: Bench, run_id: str, against: str | None = None) -> HTMLResponse:
    return HTMLResponse(report_of(bench.project, run_id, against=against, linked=True))


@routes.get("/definition")
def definition(bench: Bench) -> dict[str, Any]:
    return bench.definition()


@routes.get("/definition/templates/{name}")
def template(bench: Bench, name: str) -> dict[str, Any]:
    if name not in {known["name"] for known in schema.templates()}:
        raise NotFoundError(f"there is no template named {name!r}")
    return schema.template(name)


@routes.post("/definition/check")
def check(bench: Bench, body: CheckBody) -> dict[str, Any]:
    return bench.check_definition(body.category.model_dump())


@routes.post("/definition/effect")
def effect(bench: Bench, body: CheckBody) -> dict[str, Any]:
    return bench.definition_effect(body.category.model_dump())


@routes.get("/definition/versions")
def versions(bench: Bench) -> list[dict[str, Any]]:
    return bench.definition_versions()


@routes.put("/definition")
def save(bench: Bench, body: DefinitionBody) -> dict[str, Any]:
    reference = body.reference.model_dump() if body.reference else None
    return bench.save_definition(body.category.model_dump(), reference, version=body.version)


@contextmanager
def _with_the_face(bench: Workbench, face_id: int) -> Iterator[None]:
    """Makes a conflict's answer carry the face as it is now."""
    try:
        yield
    except ConflictError as error:
        raise EditConflictError(str(error), bench.view(face_id)) from None


def _media_type(path: Path) -> str:
    return "image/png" if path.suffix == ".png" else "image/jpeg"
