"""Errors as HTTP responses with a status and a message."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse

from labeler.errors import ConflictError, NoProjectError, NotFoundError, StorageError
from labeler.project.definition import DefinitionError
from mdmd.errors import DataError


class EditConflictError(Exception):
    """An edit was refused because of a conflict; `view` is the current face."""

    def __init__(self, sentence: str, view: dict[str, Any]) -> None:
        super().__init__(sentence)
        self.view = view


def install_errors(app: FastAPI) -> None:
    """Convert errors of the routes to a status code and {"error": message}.

    If the project itself is not there, `missing` is "project": a page keeps its edits for when it comes back.
    """

    def data_error(_: Request, error: Exception) -> JSONResponse:
        if isinstance(error, DefinitionError):
            return JSONResponse({"error": str(error), "problems": error.problems}, status_code=422)
        kinds = {NotFoundError: 404, ConflictError: 409, StorageError: 500}
        status = next((code for kind, code in kinds.items() if isinstance(error, kind)), 400)
        missing = {"missing": "project"} if isinstance(error, NoProjectError) else {}
        return JSONResponse({"error": str(error), **missing}, status_code=status)

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
