"""The error that every refused input raises."""

from __future__ import annotations


class DataError(ValueError):
    """Input that cannot be used. The message is for the user: what was found, what was wanted, where.

    `kind` tells a program what it is about.
    """

    kind = "data"
