"""Tensor kernels: where they come from. Built-ins by name, and NumPy-style Python files.

A kernel is a module with one ``func.func`` on tensors, in upstream dialects. The built-ins are kernel files of the same
kind as a user's (``library/``), read by the same frontend: there is one road.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdsl.dialects.builtin import ModuleOp

BUILTINS: Mapping[str, str] = {
    name: file
    for file, names in {
        "activations": ("relu", "gelu", "silu", "sigmoid", "swiglu"),
        "linear": ("matvec", "matmul", "linear", "weighted_sum", "attention_pool"),
        "normalization": ("rms_norm", "layer_norm", "l2_normalize", "mean_pool"),
        "quantization": (
            "quantize_int8",
            "dequantize_int8",
            "quantize_int8_groups",
            "dequantize_int8_groups",
            "quantize_int4",
            "dequantize_int4",
            "int4_matvec",
            "int4_matmul",
            "int8_matvec",
            "int8_matmul",
        ),
        "attention": ("rotary_embedding", "gqa_decode"),
        "audio": ("log_mel_spectrogram", "log_mel_spectrogram_128"),
        "retrieval": (
            "cosine_top_k",
            "cosine_softmax_top_k",
            "maximal_marginal_relevance",
            "bm25",
            "similarity_cache",
            "cosine_top_places",
            "cached_place",
        ),
        "sampling": ("sample_softmax", "sample_top_p", "sample_min_p"),
        "text": ("mask_pii",),
        "ranking": ("reciprocal_rank_fusion", "min_max_fusion"),
        "scores": (
            "cosine_scores",
            "cosine_softmax",
            "cosine_gate",
            "dot_scores",
            "euclidean_scores",
            "softmax",
            "softmax_rows",
            "log_softmax_rows",
        ),
    }.items()
    for name in names
}
"""Name -> file of ``library/`` that defines it."""


def builtin(name: str) -> "ModuleOp":
    """The built-in kernel ``name`` on tensors.

    Raises:
        Refused: ``kernel-not-found``, with the nearest name as help.
    """
    from agentc.frontends.kernels.python_ast import compile_source
    from agentc.frontends.kernels.source import parse
    from agentc.support.diagnostics import Diagnostic, Refused, did_you_mean

    if name not in BUILTINS:
        help = did_you_mean(name, BUILTINS)
        raise Refused(Diagnostic("kernel-not-found", f"there is no built-in kernel `{name}`", help=help))
    return compile_source(parse(library_text(name), f"{BUILTINS[name]}.py"), name)


def library_text(name: str) -> str:
    """The Python text of the library file that defines ``name``."""
    return (Path(__file__).parent / "library" / f"{BUILTINS[name]}.py").read_text(encoding="utf-8")


def from_python(path: str | Path, function: str) -> "ModuleOp":
    """The kernel ``function`` of the Python file ``path``; see ``python_ast.from_python``."""
    from agentc.frontends.kernels.python_ast import from_python

    return from_python(path, function)
