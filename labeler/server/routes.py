"""The HTTP routes of the canvas: pictures and labels of a project as JSON.

Routes are not async, so that the framework runs their blocking work in threads.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request, Response
from fastapi.responses import FileResponse, HTMLResponse
from pydantic import Field, FiniteFloat

from labeler.errors import ConflictError, NoProjectError, NotFoundError
from labeler.guidance.progress import Measure
from labeler.pages.learning import learning_state
from labeler.pictures.thumbnails import WIDTHS
from labeler.project import definition as definitions
from labeler.project.project import Project
from labeler.project.workspace import Workspace
from labeler.report.reports import report_of
from labeler.runs.model_exports import exported_model
from labeler.server.bodies import (
    AcceptBody,
    Annotator,
    BatchBody,
    BoxBody,
    CheckBody,
    DefinitionBody,
    DefinitionTextBody,
    IdsBody,
    Index,
    Key,
    LearningBody,
    PointsBody,
    ProposalBody,
    ProposerBody,
    RightBody,
    SeenBody,
    Signed,
    SkipBody,
    UnseenBody,
)
from labeler.server.errors import EditConflictError
from labeler.server.face_actions import FaceActions
from labeler.server.project_actions import ProjectActions
from labeler.server.review_actions import ReviewActions
from labeler.storage.history import Seen
from mdmd.errors import DataError
from mdmd.formats.definition_files import category_to_complete


def build_api(workspace: Workspace) -> APIRouter:
    """All routes, under /api/projects/{project}. The app must also call `install_errors`."""

    async def provide(request: Request) -> None:
        request.state.workspace = workspace

    router = APIRouter(dependencies=[Depends(provide)])
    router.include_router(routes)
    return router


def _project(project: str, request: Request, x_project: Annotated[str | None, Header()] = None) -> Project:
    """The project of that name. A page says with X-Project which one it means: another one may have the name by now."""
    opened = request.state.workspace.open(project)
    if x_project is not None and x_project != opened.store.identity:
        raise NoProjectError(f"the project that was named {project!r} was renamed or deleted")
    return opened


Opened = Annotated[Project, Depends(_project)]


def _faces(project: Opened) -> FaceActions:
    return FaceActions(project)


def _review(project: Opened) -> ReviewActions:
    return ReviewActions(project)


def _whole(project: Opened) -> ProjectActions:
    return ProjectActions(project)


Faces = Annotated[FaceActions, Depends(_faces)]
Review = Annotated[ReviewActions, Depends(_review)]
Whole = Annotated[ProjectActions, Depends(_whole)]
routes = APIRouter(prefix="/api/projects/{project}")


@routes.get("")
def overview(actions: Whole) -> dict[str, Any]:
    return actions.overview()


@routes.get("/learning")
def learning(project: Opened) -> dict[str, Any]:
    return learning_state(project)


@routes.put("/learning")
def switch_learning(project: Opened, body: LearningBody) -> dict[str, Any]:
    project.change_settings(learns=body.on)
    return learning_state(project)


@routes.get("/pictures")
def pictures(actions: Whole) -> list[dict[str, Any]]:
    project = actions.project
    project.thumbnails.prepare(project.images / picture.file_name for picture in project.store.images())
    return actions.pictures()


@routes.get("/review")
def review(actions: Review) -> list[dict[str, Any]]:
    return actions.review_queue()


@routes.get("/proposers")
def proposers(actions: Review) -> dict[str, Any]:
    return actions.proposers()


@routes.post("/proposers")
def put_in_charge(actions: Review, body: ProposerBody) -> dict[str, Any]:
    return actions.put_in_charge(body.proposer)


@routes.get("/review/pace")
def review_pace(actions: Review, annotator: Annotator = None) -> dict[str, Any]:
    return actions.review_pace(annotator)


@routes.get("/review/unseen")
def preview_unseen(
    actions: Review,
    measure: Measure,
    limit: Annotated[FiniteFloat, Field(ge=0)],
    seed: Index = 0,
    sample: Annotated[int, Field(ge=0, le=60)] = 12,
) -> dict[str, Any]:
    return actions.preview_unseen(measure, limit, seed=seed, sample=sample)


@routes.post("/review/unseen")
def accept_unseen(actions: Review, body: UnseenBody) -> dict[str, Any]:
    revisions = {seen.face: seen.revision for seen in body.faces}
    return actions.accept_unseen(revisions, body.basis, annotator=body.annotator)


@routes.post("/review/unseen/undo")
def take_back(actions: Review, body: BatchBody) -> dict[str, Any]:
    return actions.take_back(body.batch, annotator=body.annotator)


@routes.get("/duplicates")
def duplicates(actions: Review) -> dict[str, Any]:
    return actions.duplicates()


@routes.get("/pictures/{picture_id}/image")
def image(
    project: Opened,
    picture_id: Key,
    width: int | None = None,
    of: str | None = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """A picture, which the browser may keep if the address says `of` which project it is by its identity."""
    if width is not None and width not in WIDTHS:
        raise DataError(f"found width={width}, wanted one of {', '.join(map(str, WIDTHS))} or none")
    picture = project.store.image(picture_id)
    # By its name alone it is asked for again each time: another project may have got this one's name.
    keeps = "max-age=3600, immutable" if of == project.store.identity else "no-cache"
    headers = {
        "Cache-Control": f"private, {keeps}",
        "ETag": f'"{picture.sha256[:32]}-{width or "full"}"',
        "X-Content-Type-Options": "nosniff",
    }
    if if_none_match == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    path = project.originals.path(picture)
    if width is not None:
        path = project.thumbnails.get(path, width)
    return FileResponse(path, media_type=_media_type(path), headers=headers)


@routes.get("/pictures/{picture_id}/removal")
def removal(actions: Whole, picture_id: Key) -> dict[str, Any]:
    return actions.removal(picture_id)


@routes.delete("/pictures/{picture_id}")
def remove_picture(actions: Whole, picture_id: Key) -> dict[str, Any]:
    return actions.remove_picture(picture_id)


@routes.post("/pictures/{picture_id}/faces")
def add_face(actions: Faces, picture_id: Key, body: BoxBody) -> dict[str, Any]:
    return actions.add_face(picture_id, body.box, annotator=body.annotator)


@routes.get("/faces/{face_id}")
def view(actions: Faces, face_id: Key) -> dict[str, Any]:
    return actions.open(face_id)


@routes.post("/faces/{face_id}/points")
def set_points(actions: Faces, face_id: Key, body: PointsBody) -> dict[str, Any]:
    points = [point.model_dump() for point in body.points]
    with _with_the_face(actions, face_id):
        return actions.set_points(face_id, points, source=body.source, seen=body.seen, annotator=body.annotator)


@routes.post("/faces/{face_id}/clear")
def clear(actions: Faces, face_id: Key, body: IdsBody) -> dict[str, Any]:
    with _with_the_face(actions, face_id):
        return actions.clear_points(face_id, body.ids, seen=body.seen, annotator=body.annotator)


@routes.post("/faces/{face_id}/box")
def set_box(actions: Faces, face_id: Key, body: BoxBody) -> dict[str, Any]:
    with _with_the_face(actions, face_id):
        return actions.set_box(face_id, body.box, seen=body.seen, annotator=body.annotator)


@routes.post("/faces/{face_id}/accept")
def accept(actions: Faces, face_id: Key, body: AcceptBody) -> dict[str, Any]:
    with _with_the_face(actions, face_id):
        return actions.accept(face_id, body.ids, places=body.places, seen=body.seen, annotator=body.annotator)


@routes.post("/faces/{face_id}/undo")
def undo(actions: Faces, face_id: Key, body: SeenBody | None = None) -> dict[str, Any]:
    body = body or SeenBody()
    with _with_the_face(actions, face_id):
        return actions.undo(face_id, seen=body.seen, annotator=body.annotator)


@routes.post("/faces/{face_id}/redo")
def redo(actions: Faces, face_id: Key, body: SeenBody | None = None) -> dict[str, Any]:
    body = body or SeenBody()
    return actions.redo(face_id, seen=body.seen, annotator=body.annotator)


@routes.post("/faces/{face_id}/proposal")
def proposal(actions: Faces, face_id: Key, body: ProposalBody) -> dict[str, Any]:
    return actions.proposal(face_id, body.start, body.known)


@routes.get("/open")
def open_landmarks(actions: Whole) -> dict[str, list[int]]:
    return actions.open_landmarks()


@routes.post("/faces/{face_id}/skip")
def skip(actions: Faces, face_id: Key, body: SkipBody) -> dict[str, Any]:
    with _with_the_face(actions, face_id):
        return actions.set_skip(face_id, body.reason, seen=body.seen, annotator=body.annotator)


@routes.get("/repeats")
def repeats(actions: Faces, annotator: Annotator = None) -> dict[str, Any]:
    return actions.repeats(annotator)


@routes.post("/repeats")
def begin_repeat(actions: Faces, body: Signed) -> dict[str, Any]:
    return actions.begin_repeat(body.annotator)


@routes.get("/faces/{face_id}/history")
def history(actions: Faces, face_id: Key) -> list[dict[str, Any]]:
    return actions.history(face_id)


@routes.delete("/faces/{face_id}")
def delete(actions: Faces, face_id: Key, revision: int | None = None) -> dict[str, Any]:
    with _with_the_face(actions, face_id):
        return actions.delete_face(face_id, seen=Seen(revision))


@routes.get("/checks")
def all_checks(actions: Review) -> dict[str, Any]:
    return actions.checks()


@routes.get("/faces/{face_id}/checks")
def checks(actions: Review, face_id: Key) -> dict[str, Any]:
    return actions.checks(face_id)


@routes.post("/faces/{face_id}/checks")
def say_right(actions: Review, face_id: Key, body: RightBody) -> dict[str, Any]:
    return actions.say_right(face_id, body.kind, body.landmarks, right=body.right, annotator=body.annotator)


@routes.get("/runs/{run_id}/report")
def report(project: Opened, run_id: str, against: str | None = None) -> HTMLResponse:
    return HTMLResponse(report_of(project, run_id, against=against, linked=True))


@routes.get("/runs/{run_id}/exported/{form}")
def exported(project: Opened, run_id: str, form: str) -> FileResponse:
    archive = exported_model(project, run_id, form).archive
    return FileResponse(archive, media_type="application/zip", filename=archive.name)


@routes.get("/definition")
def definition(actions: Whole) -> dict[str, Any]:
    return actions.definition()


@routes.get("/definition/templates/{name}")
def template(project: Opened, name: str) -> dict[str, Any]:
    if name not in {known["name"] for known in definitions.templates()}:
        raise NotFoundError(f"there is no template named {name!r}")
    return definitions.template(name)


@routes.post("/definition/check")
def check(actions: Whole, body: CheckBody) -> dict[str, Any]:
    return actions.check_definition(body.category.model_dump())


@routes.post("/definition/read")
def read_definition(project: Opened, body: DefinitionTextBody) -> dict[str, Any]:
    return category_to_complete(body.text, body.file)


@routes.post("/definition/effect")
def effect(actions: Whole, body: CheckBody) -> dict[str, Any]:
    return actions.definition_effect(body.category.model_dump())


@routes.get("/definition/versions")
def versions(actions: Whole) -> list[dict[str, Any]]:
    return actions.definition_versions()


@routes.put("/definition")
def save(actions: Whole, body: DefinitionBody) -> dict[str, Any]:
    reference = body.reference.model_dump() if body.reference else None
    category = body.category.model_dump()
    return actions.save_definition(category, reference, version=body.version, annotator=body.annotator)


@contextmanager
def _with_the_face(actions: FaceActions, face_id: int) -> Iterator[None]:
    """Add the current face to the response of a conflict."""
    try:
        yield
    except ConflictError as error:
        raise EditConflictError(str(error), actions.view(face_id)) from None


def _media_type(path: Path) -> str:
    return "image/png" if path.suffix == ".png" else "image/jpeg"
