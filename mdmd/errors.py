"""The error raised for input that cannot be used."""

from __future__ import annotations


class DataError(ValueError):
    """Input that cannot be used. The message is for the user: what was found, what was wanted, and where.

    `kind` classifies the error for programs ("data", "picture", "weights", "memory", "disk").
    """

    kind = "data"


class InUseError(DataError):
    """The folder of a run is in use by another process, so nothing was written to it."""
