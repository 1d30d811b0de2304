"""A `CropGraph` as an ONNX file, with any number of crops in a batch."""

from __future__ import annotations

import contextlib
import importlib
import logging
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from mdmd.errors import DataError
from mdmd.files import replace_file
from mdmd.portable.graph import CropGraph

#: Of 2023: ONNX Runtime from 1.16, also in a browser.
OPSET = 18
INPUTS = ("crops", "boxes")
OUTPUTS = ("points", "covariances", "p_off")
#: Tensors with at least this many numbers are stored in float16, if that is asked for. The others hardly take space.
LARGE = 1024


def write_onnx(graph: CropGraph, path: Path, *, half: bool = False) -> None:
    """Write `graph` to `path`. With `half` its weights are stored in float16; it computes in float32 all the same.

    Raises DataError if the packages onnx and onnxscript are not installed, or the network cannot be written as ONNX.
    """
    onnx, optimizer = package("onnx"), package("onnxscript.optimizer")
    onnx_passes = package("onnx_ir.passes.common")
    graph = graph.eval().cpu()
    size = graph.size
    example = (torch.zeros(2, 3, size, size, dtype=torch.uint8), torch.full((2, 2), float(size)))
    many = {0: torch.export.Dim("faces", min=1, max=4096)}
    with quiet():
        try:
            program = torch.onnx.export(
                graph,
                example,
                dynamo=True,
                dynamic_shapes=(many, many),
                input_names=INPUTS,
                output_names=OUTPUTS,
                opset_version=OPSET,
                optimize=False,
                verbose=False,
            )
        except torch.onnx.errors.OnnxExporterError as error:
            reason = str(error).strip().splitlines()[0]
            raise DataError(f"the encoder {graph.model.config.encoder} cannot be written as ONNX: {reason}") from None
        assert program is not None
        # All that a runtime wants. The exporter's own optimizer also tries thousands of rewrites, which takes minutes
        # and which runtimes do again when they load the file.
        onnx_passes.InlinePass()(program.model)
        optimizer.fold_constants(program.model)
        optimizer.remove_unused_nodes(program.model)
    made = program.model_proto
    without_origin(made)
    if half:
        store_in_float16(onnx, made)
    replace_file(path, lambda partial: partial.write_bytes(made.SerializeToString(deterministic=True)))


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Without what the exporter says of its own code."""
    level = logging.getLogger("onnxscript").level
    logging.getLogger("onnxscript").setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger("onnxscript").setLevel(level)


def without_origin(model: Any) -> None:
    """Remove what the exporter tells of the code that each node of an ONNX `model` comes from, with paths of files."""
    graph = model.graph
    for record in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del record.metadata_props[:]
        record.doc_string = ""
    del graph.value_info[:]


def store_in_float16(onnx: Any, model: Any) -> None:
    """Replace large float32 weights of an ONNX `model` by float16 ones, which it casts when it is loaded."""
    graph, kinds = model.graph, onnx.TensorProto
    casts = []
    for tensor in graph.initializer:
        values = onnx.numpy_helper.to_array(tensor) if tensor.data_type == kinds.FLOAT else None
        if values is None or values.size < LARGE or np.abs(values).max() > np.finfo(np.float16).max:
            continue
        name = tensor.name
        tensor.CopyFrom(onnx.numpy_helper.from_array(values.astype(np.float16), f"{name}.float16"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}.float16"], [name], to=kinds.FLOAT))
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def package(name: str) -> ModuleType:
    """The optional package `name`. Raises DataError if it is not installed."""
    try:
        return importlib.import_module(name)
    except ImportError:
        needed = name.split(".")[0].replace("_", "-")
        raise DataError(
            f"an ONNX export needs {needed}: pip install {needed}, or, with this package, pip install '.[onnx]'"
        ) from None
