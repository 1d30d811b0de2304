"""The device of a computation and its precision."""

from __future__ import annotations

import torch


def compute_device() -> torch.device:
    """The first GPU if there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def autocast(device: torch.device) -> torch.autocast:
    """A context in bfloat16 where the hardware supports it, else in float32."""
    if device.type == "cuda":
        fast = torch.cuda.is_bf16_supported()
    else:
        # torch 2.10 has no get_capabilities; float32 is correct everywhere.
        able = getattr(torch.cpu, "get_capabilities", dict)()
        fast = any(able.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    return torch.autocast(device.type, torch.bfloat16, enabled=fast)
