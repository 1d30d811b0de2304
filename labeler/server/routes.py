"""The HTTP routes of the canvas: pictures and labels of a project, JSON in and JSON out.

Routes are plain functions, so that the framework runs their blocking work in its threads.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Header, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, HTMLResponse, JSONResponse
from pydantic import BaseModel, Field, FiniteFloat

from labeler.guidance.progress import Measure
from labeler.guidance.proposals import Start
from labeler.pictures.thumbnails import WIDTHS
from labeler.project import definition as schema
from labeler.project.definition import DefinitionError
from labeler.project.workspace import Workspace
from labeler.report.reports import report_of
from labeler.server.face_actions import Workbench
from labeler.storage.history import Seen
from labeler.storage.store import ConflictError, NotFoundError, StorageError
from mdmd.data.records import DataError

#: More landmarks than any definition has; bodies with longer lists are refused before they cost anything.
MANY = 1000
#: More faces than a project holds.
MANY_FACES = 100_000

Name = Annotated[str, Field(max_length=500)]
Annotator = Annotated[str, Field(min_length=1, max_length=100)] | None
Key = Annotated[int, Field(ge=1, lt=2**53)]
Index = Annotated[int, Field(ge=-(2**31), lt=2**31)]
Pixel = Annotated[FiniteFloat, Field(ge=-1e6, le=1e6)]
Ids = Annotated[list[Key], Field(max_length=MANY)]
Indices = Annotated[list[Index], Field(max_length=MANY)]


class PointBody(BaseModel):
    id: Key
    x: Pixel | None = None
    y: Pixel | None = None
    v: Literal[0, 1, 2]


class Signed(BaseModel):
    annotator: Annotator = None


class SeenBody(Signed):
    """What an edit builds on: the `revision` of the face that was seen, and the sender's `own` actions since."""

    revision: Annotated[int, Field(ge=0, lt=2**53)] | None = None
    own: Ids = Field(default_factory=list)

    @property
    def seen(self) -> Seen:
        return Seen(self.revision, self.own)


class PointsBody(SeenBody):
    points: Annotated[list[PointBody], Field(min_length=1, max_length=MANY)]
    source: Literal["placed", "dragged", "nudged", "corrected", "moved", "started"] = "placed"


class IdsBody(SeenBody):
    ids: Ids


class AcceptBody(SeenBody):
    """`run` is the one whose predictions were on the screen."""

    ids: Ids | None = None
    run: Annotated[int, Field(ge=0, lt=2**53)] | None = None


class BoxBody(SeenBody):
    box: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat]


class ProposalBody(BaseModel):
    start: Start
    known: Annotated[dict[Key, tuple[Pixel, Pixel]], Field(max_length=MANY)] = Field(default_factory=dict)


class SkipBody(SeenBody):
    reason: Annotated[str, Field(max_length=200)] | None


class SeenFace(BaseModel):
    face: Key
    revision: Annotated[int, Field(ge=0, lt=2**53)]


class UnseenBody(Signed):
    """Faces to accept unseen, as the preview has listed them."""

    faces: Annotated[list[SeenFace], Field(min_length=1, max_length=MANY_FACES)]
    basis: tuple[int, int]


class BatchBody(Signed):
    batch: Key


class RightBody(Signed):
    """A finding of the label checks that is right (or, with `right` false, not after all)."""

    kind: Literal["mirrored", "order", "outside", "duplicate", "shape", "model"]
    landmarks: Annotated[list[Key], Field(min_length=1, max_length=MANY)]
    right: bool = True


class CategoryBody(BaseModel):
    """A COCO category; keys that a definition does not have are ignored, what is wrong with it is for `schema`."""

    name: Name = "face"
    keypoints: Annotated[list[Name], Field(max_length=MANY)] = Field(default_factory=list)
    flsg: dict[Name, Indices] = Field(default_factory=dict)
    flip_pairs: Annotated[list[Indices], Field(max_length=MANY)] = Field(default_factory=list)
    skeleton: Annotated[list[Indices], Field(max_length=MANY)] = Field(default_factory=list)
    normalizer: Literal["box"] | Annotated[list[Index | Indices], Field(max_length=2)] | None = None
    landmark_ids: Annotated[list[Key | None], Field(max_length=MANY)] | None = None


class ReferenceBody(BaseModel):
    picture: Key
    points: Annotated[dict[Name, tuple[Pixel, Pixel]], Field(max_length=MANY)]


class CheckBody(BaseModel):
    category: CategoryBody


class DefinitionBody(CheckBody):
    reference: ReferenceBody | None = None
    version: int


class EditConflictError(Exception):
    """A refused edit, with the face as it is now."""

    def __init__(self, sentence: str, view: dict[str, Any]) -> None:
        super().__init__(sentence)
        self.view = view


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


@routes.get("/suggestions")
def suggestions(bench: Bench) -> dict[str, Any]:
    return bench.suggestions()


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


def install_errors(app: FastAPI) -> None:
    """Make every refusal of the routes a status code and {"error": one sentence}."""

    def data_error(_: Request, error: Exception) -> JSONResponse:
        if isinstance(error, DefinitionError):
            return JSONResponse({"error": str(error), "problems": error.problems}, status_code=422)
        kinds = {NotFoundError: 404, ConflictError: 409, StorageError: 500}
        status = next((code for kind, code in kinds.items() if isinstance(error, kind)), 400)
        return JSONResponse({"error": str(error)}, status_code=status)

    def edit_conflict(_: Request, error: Exception) -> JSONResponse:
        view = error.view if isinstance(error, EditConflictError) else None
        return JSONResponse({"error": str(error), "view": view}, status_code=409)

    def invalid(_: Request, error: Exception) -> JSONResponse:
        first = error.errors()[0] if isinstance(error, RequestValidationError) else {"loc": (), "msg": str(error)}
        place = ".".join(str(part) for part in first["loc"][1:]) or "the request"
        return JSONResponse({"error": f"{place}: {first['msg']}"}, status_code=422)

    app.add_exception_handler(DataError, data_error)
    app.add_exception_handler(EditConflictError, edit_conflict)
    app.add_exception_handler(RequestValidationError, invalid)
