"""The NVIDIA architectures that kernels are compiled for."""

import re
from collections.abc import Mapping

ARCHITECTURES: Mapping[str, str] = {
    "sm_75": "Turing: T4, RTX 20",
    "sm_80": "Ampere: A100, A30",
    "sm_86": "Ampere: A10, A40, RTX 30",
    "sm_89": "Ada: L4, L40S, RTX 40",
    "sm_90a": "Hopper: H100, H200, GH200",
    "sm_100a": "Blackwell: B200, GB200",
    "sm_103a": "Blackwell Ultra: B300, GB300",
    "sm_120": "Blackwell: RTX PRO 6000, RTX 50",
}
"""Architecture -> whose it is (CUDA C++ programming guide, compute capabilities). ``a``: code for it alone."""
DEFAULT_TARGETS = tuple(name for name in ARCHITECTURES if name != "sm_75")
OLDEST = 75
"""The oldest that CUDA 13 compiles for; Volta (70) and before ended with CUDA 12.9 (CUDA 13.0 release notes)."""


def capability(target: str) -> int | None:
    """The number of ``sm_90a`` and the like: 90; ``None`` for what is no such name."""
    found = re.fullmatch(r"sm_(\d{2,3})[af]?", target)
    return int(found[1]) if found else None


def lacks(target: str) -> str:
    """Why no kernel has code for ``target``; empty where kernels have."""
    if capability(target) is None:
        return f"there is no target `{target}`, as `sm_90a` is one"
    return retired(target)


def retired(target: str) -> str:
    """Why no compiler of CUDA 13 takes ``target``; empty where it does."""
    number = capability(target)
    if number is None or number >= OLDEST:
        return ""
    return f"CUDA 13 no longer compiles for {target}; CUDA 12.9 is the last that compiles this source for it"
