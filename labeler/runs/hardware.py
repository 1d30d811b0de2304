"""Facts about this machine. torch is not asked, because the tool does not load it."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import psutil

#: Bytes that a run of the default preset needs on a CPU. Memory: the resident peak with 189 landmarks and 300W.
#: Disk: the model, the kept state (two while one replaces the other) and the base.
DEFAULT_MEMORY, DEFAULT_DISK = 1_800_000_000, 500_000_000


def device_sentence(
    environment: Mapping[str, str] = os.environ, *, proc: Path = Path("/proc"), torch: str | None = None
) -> str:
    """What training will run on, in a sentence. `torch` is the version of PyTorch, by default the installed one."""
    cores = os.cpu_count() or 1
    cpu = f"the CPU, {cores} core{'' if cores == 1 else 's'}"
    driver = (proc / "driver" / "nvidia" / "version").exists() or shutil.which("nvidia-smi") is not None
    if not driver:
        return f"Runs on {cpu}: there is no NVIDIA driver here."
    if environment.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return f"Runs on {cpu}: CUDA_VISIBLE_DEVICES hides the GPU."
    if (torch or _torch_version()).endswith("+cpu"):
        return f"Runs on {cpu}: there is an NVIDIA driver, but the installed PyTorch is built for CPUs only."
    return "Runs on the NVIDIA GPU where PyTorch can use it; the run's log says which device it took."


def _torch_version() -> str:
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return ""


def free_memory() -> int:
    """Bytes that programs can still take without swapping."""
    return psutil.virtual_memory().available


def free_disk(folder: Path) -> int:
    """Free bytes on the disk of `folder`."""
    return shutil.disk_usage(folder).free
