"""Errors beyond bad input: something is missing, an edit conflicts, or the disk cannot be read or written."""

from __future__ import annotations

from mdmd.errors import DataError


class NotFoundError(DataError):
    """The requested project, picture, face or run does not exist."""


class NoProjectError(NotFoundError):
    """The requested project does not exist, or not under this name."""


class ConflictError(DataError):
    """The request was valid, but the state that it is based on has changed."""


class StorageError(DataError):
    """The file system refused a write and nothing was changed, or stored data cannot be read."""


class LockedError(StorageError):
    """Another program keeps the labels locked, and nothing was changed."""


class DamagedError(DataError):
    """A stored file is not what was written: a copy of it can be put back."""
