"""Read values out of Python files without running them: literals and `dict(...)`, as configurations hold them."""

from __future__ import annotations

import ast
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from mdmd.data.text import shown
from mdmd.errors import DataError

#: Levels of nesting, and items of one list, that are read.
DEEPEST, MOST_ITEMS = 50, 100_000
LARGEST = 10**100


def assigned(text: str, names: tuple[str, ...], where: str) -> ast.expr | None:
    """What the last assignment to one of `names` assigns, at the top or in a class; None without one.

    Raises DataError, which begins with `where`, for text that is not Python.
    """
    try:
        with warnings.catch_warnings():  # about odd escapes in strings, which are not ours
            warnings.simplefilter("ignore")
            module = ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        raise DataError(f"{where} is not Python{f' (line {line})' if line else ''}") from None
    found = None
    for statement in _statements(module):
        targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
        if statement.value is not None and any(isinstance(t, ast.Name) and t.id in names for t in targets):
            found = statement.value
    return found


def _statements(module: ast.Module) -> Iterator[ast.Assign | ast.AnnAssign]:
    for statement in module.body:
        for inner in statement.body if isinstance(statement, ast.ClassDef) else [statement]:
            if isinstance(inner, ast.Assign | ast.AnnAssign):
                yield inner


def items_of(node: ast.expr, where: str) -> Mapping[Any, ast.expr]:
    """The keys of a dictionary, written as `{...}` or `dict(...)`, with what stands for their values."""
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args:
        pairs = [(keyword.arg, keyword.value) for keyword in node.keywords]
    elif isinstance(node, ast.Dict):
        keys = [None if key is None else _key(key, where) for key in node.keys]
        pairs = list(zip(keys, node.values, strict=True))
    else:
        raise _odd(node, where, "a dictionary")
    if any(key is None for key, _ in pairs):
        raise _odd(node, where, "keys, not another dictionary")
    return dict(pairs)


def value_of(node: ast.expr, where: str, *, depth: int = 0) -> Any:
    """The value of literals, lists, dictionaries and `dict(...)`. Raises DataError for all that would be computed."""
    if depth > DEEPEST:
        raise DataError(f"{where}, line {node.lineno}: it nests more than {DEEPEST} deep")
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float | None):
        return _constant(node, where)
    if isinstance(node, ast.List | ast.Tuple):
        return [value_of(item, where, depth=depth + 1) for item in node.elts]
    if isinstance(node, ast.Dict | ast.Call):
        return {key: value_of(item, where, depth=depth + 1) for key, item in items_of(node, where).items()}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        number = value_of(node.operand, where, depth=depth + 1)
        if isinstance(number, int | float):
            return -number
    raise _odd(node, where, "text, numbers, lists and dictionaries")


def _key(node: ast.expr, where: str) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int):
        return _constant(node, where)
    raise _odd(node, where, "a name or a number as a key")


def _constant(node: ast.Constant, where: str) -> Any:
    """The value of a constant. Raises DataError for a whole number that Python refuses to write out."""
    if isinstance(node.value, int) and node.value >= LARGEST:
        raise DataError(f"{where}, line {node.lineno}: found a whole number of more than 100 digits")
    return node.value


def _odd(node: ast.expr, where: str, wanted: str) -> DataError:
    found = shown(ast.unparse(node)) if isinstance(node, ast.Name | ast.Constant) else type(node).__name__
    return DataError(f"{where}, line {node.lineno}: found {found}, wanted {wanted}; nothing in it is run")
