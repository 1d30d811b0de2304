"""What can be known of this machine without asking torch, which the tool never loads."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

#: Peak memory and room on the disk of a run of the default preset on a CPU, in bytes: its resident memory with 189
#: landmarks and 300W as the source, and weights, kept state (twice while it is replaced) and the base's.
DEFAULT_MEMORY, DEFAULT_DISK = 1_800_000_000, 500_000_000


def device_sentence(
    environment: Mapping[str, str] = os.environ, *, proc: Path = Path("/proc"), torch: str | None = None
) -> str:
    """What training will run on, as far as the system says. `torch` is its version (default: the installed one)."""
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


def free_memory(*, proc: Path = Path("/proc")) -> int | None:
    """Bytes that programs can still take; None where the system does not say."""
    try:
        lines = (proc / "meminfo").read_text(encoding="utf-8").splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def free_disk(folder: Path) -> int:
    """Bytes left where `folder` is."""
    return shutil.disk_usage(folder).free
