"""Where tensors are computed and in which precision."""

from __future__ import annotations

import torch


def compute_device() -> torch.device:
    """The first GPU, or the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast(device: torch.device) -> torch.autocast:
    """bfloat16 where the hardware has it, else float32 throughout."""
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported()
    else:
        # torch 2.10 cannot be asked what the CPU has; float32 is right everywhere.
        able = getattr(torch.cpu, "get_capabilities", dict)()
        fast = any(able.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)
