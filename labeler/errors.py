"""What the tool refuses beyond bad input: a missing thing, a conflict, a disk that does not take or give."""

from __future__ import annotations

from mdmd.errors import DataError


class NotFoundError(DataError):
    """What was asked for does not exist."""


class ConflictError(DataError):
    """The request was sound but what it builds on has changed."""


class StorageError(DataError):
    """The file system refused a write, and nothing was changed; or what it gave back cannot be read."""
