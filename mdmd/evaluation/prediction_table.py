"""Predictions as a table, for spreadsheets, pandas and DuckDB; `mdmd.formats.table` reads it back as predictions.

A row is a face: `image`, `face` (its number on the image, from 1), `width` and `height` of the image, `box_x`, `box_y`,
`box_w` and `box_h`, `predicted` (always 1), and for each landmark NAME_x, NAME_y, the covariance NAME_xx, NAME_xy and
NAME_yy in square pixels, NAME_score (the probability that the point is not off by more than the tolerance) and, where
a threshold is given, NAME_flagged (1 or 0). An image that cannot be used has a row with its `image` and a `problem`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mdmd.data.definition import Definition
from mdmd.data.records import Prediction, Sample
from mdmd.data.text import shown
from mdmd.errors import DataError
from mdmd.evaluation.error_law import RadialLaw
from mdmd.evaluation.evaluate import FlagRule, probabilities_off
from mdmd.files import replace_file
from mdmd.importing import pyarrow

#: The endings of the files that `write_table` writes.
CSV, PARQUET = ".csv", ".parquet"
ENDINGS = (CSV, PARQUET)
#: Decimals that numbers are rounded to: of pixels and of probabilities.
DECIMALS = 4


def predicted_table(
    definition: Definition,
    predictions: Sequence[Prediction],
    samples: Sequence[Sample],
    rule: FlagRule,
    law: RadialLaw,
    left_out: Sequence[tuple[str, str]],
) -> dict[str, list[Any]]:
    """The columns of the table by name, None where there is nothing.

    `predictions` are those of `samples`, one each; their covariances are read by `law`. `left_out` has the
    name of each image that cannot be used, and why: these rows come last. Without a threshold in `rule` there are no
    columns of flags.
    """
    p_off = [
        probabilities_off(definition, p, s.box, rule.tolerance, law) for p, s in zip(predictions, samples, strict=True)
    ]
    names = definition.landmarks
    box = box_prefix(names)
    empty: list[None] = [None] * len(left_out)
    counted = Counter[str]()
    numbers: list[int] = []
    for sample in samples:
        counted[sample.file_name] += 1
        numbers.append(counted[sample.file_name])
    table: dict[str, list[Any]] = {
        "image": [*(s.file_name for s in samples), *(name for name, _ in left_out)],
        "face": numbers + empty,
        "width": [s.width for s in samples] + empty,
        "height": [s.height for s in samples] + empty,
        "predicted": [1] * len(samples) + empty,
        "problem": [*([None] * len(samples)), *(problem for _, problem in left_out)],
    }
    for side in ("x", "y", "w", "h"):
        table[f"{box}_{side}"] = [round(float(getattr(s.box, side)), DECIMALS) for s in samples] + empty
    for k, name in enumerate(names):
        values = {
            "x": [p.points[k, 0] for p in predictions],
            "y": [p.points[k, 1] for p in predictions],
            "xx": [p.covariance[k, 0, 0] for p in predictions],
            "xy": [p.covariance[k, 0, 1] for p in predictions],
            "yy": [p.covariance[k, 1, 1] for p in predictions],
            "score": [1 - off[k] for off in p_off],
        }
        for key, numbers_of_faces in values.items():
            table[f"{name}_{key}"] = [round(float(value), DECIMALS) for value in numbers_of_faces] + empty
        if rule.threshold is not None:
            table[f"{name}_flagged"] = [int(off[k] > rule.threshold) for off in p_off] + empty
    return table


def box_prefix(landmarks: Sequence[str]) -> str:
    """What the names of the box's columns begin with: "box", or a longer word if a landmark is called so."""
    prefix = "box"
    while prefix in landmarks:
        prefix = f"face_{prefix}"
    return prefix


def write_table(table: Mapping[str, Sequence[Any]], path: Path) -> None:
    """Write the table to `path`, which ends in .csv or .parquet. Raises DataError for Parquet without pyarrow."""
    if path.suffix.lower() == PARQUET:
        arrow, parquet = pyarrow(), pyarrow("parquet")
        types = {
            **dict.fromkeys(("image", "problem"), arrow.string()),
            **dict.fromkeys(("face", "width", "height"), arrow.int32()),
            "row": arrow.int64(),
            "predicted": arrow.int8(),
        }

        def kind(name: str) -> Any:
            return types.get(name) or (arrow.int8() if name.endswith("_flagged") else arrow.float64())

        made = arrow.table({name: arrow.array(column, kind(name)) for name, column in table.items()})
        replace_file(path, lambda partial: parquet.write_table(made, partial, compression="zstd"))
        return
    import pandas

    frame = pandas.DataFrame(dict(table)).convert_dtypes()  # whole numbers stay whole where others are missing
    replace_file(path, lambda partial: frame.to_csv(partial, index=False, encoding="utf-8"))


def must_be_writable(path: Path) -> None:
    """Raise DataError, before any work, if `write_table` could not write this kind of file here."""
    if path.suffix.lower() == PARQUET:
        pyarrow()
    elif path.suffix.lower() != CSV:
        raise DataError(f"{shown(path.name)}: wanted a name that ends in .csv or .parquet")
