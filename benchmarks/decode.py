"""How fast a language model decodes on ONNX Runtime against transformers: ``python -m benchmarks.decode``.

A Llama of eight layers, 512 wide, with random weights, one sequence. Contenders take turns within a round, so that the
ratios hold on a loaded machine; a figure is the median over rounds. transformers runs eagerly in float32 with its own
cache. Both run on one thread and on as many as the machine has (two at most); the last table takes each at its best.

What is the least that a token takes is measured in turn with it: its products alone, in a graph of nothing else, and
reading as many bytes as the weights have in float32.
"""

import os
import platform
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import date
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np

from agentc.backends.onnx import emit_model
from agentc.plan.models import ModelShape
from agentc.runtime.models.llm import Decoder
from agentc.runtime.models.session import Session

PROMPT, STEPS, PREFILL, ROUNDS = 128, 16, 512, 5
THREADS = sorted({1, min(2, os.cpu_count() or 1)})
STORED = {"f32": "bf16", "int8": "int8", "int4": "int4"}
"""Name in the table -> the precision that a definition states for it."""
EAGER, READING, ALONE = "transformers", "reading", " alone"
CONFIG: Mapping[str, Any] = {
    "vocab_size": 8192,
    "hidden_size": 512,
    "intermediate_size": 1376,
    "num_hidden_layers": 8,
    "num_attention_heads": 8,
    "num_key_value_heads": 4,
    "max_position_embeddings": 2048,
    "bos_token_id": 1,
    "eos_token_id": 2,
}
Milliseconds = dict[tuple[str, int], list[float]]


def checkpoint(folder: Path) -> Any:
    """The model, written as transformers writes it, with a tokenizer that nobody asks."""
    import torch
    from tokenizers import Tokenizer, models
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    config = LlamaConfig(**CONFIG)
    config._attn_implementation = "eager"
    model = LlamaForCausalLM(config).eval()
    model.save_pretrained(folder)
    Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]")).save(str(folder / "tokenizer.json"))
    return model


def eager_decode(model: Any, prompt: list[int], tokens: list[int]) -> tuple[float, np.ndarray]:
    """Milliseconds a token, and the last logits."""
    import torch

    with torch.inference_mode():
        past = model(torch.tensor([prompt]), use_cache=True).past_key_values
        answer = model(torch.tensor([tokens[:1]]), past_key_values=past, use_cache=True)
        start = time.perf_counter()
        for token in tokens[1:]:
            answer = model(torch.tensor([[token]]), past_key_values=past, use_cache=True)
        spent = time.perf_counter() - start
    return spent * 1e3 / (len(tokens) - 1), answer.logits[0, -1].numpy()


def own_decode(decoder: Decoder, prompt: list[int], tokens: list[int]) -> tuple[float, np.ndarray]:
    """The same on ONNX Runtime, over a cache that grows in place."""
    stepper = decoder.stepper(decoder.prefill(prompt))
    assert stepper is not None
    logits = stepper.step(tokens[0])
    start = time.perf_counter()
    for token in tokens[1:]:
        logits = stepper.step(token)
    return (time.perf_counter() - start) * 1e3 / (len(tokens) - 1), logits.copy()


def eager_prefill(model: Any, prompt: list[int]) -> float:
    """Milliseconds of a whole prompt, to the logits of its last token."""
    import torch

    start = time.perf_counter()
    with torch.inference_mode():
        model(torch.tensor([prompt]), use_cache=True, logits_to_keep=1)
    return (time.perf_counter() - start) * 1e3


def products(folder: Path, threads: int) -> Callable[[], None]:
    """All products of a decode step and nothing else, of numbers that are there: the least that a step takes."""
    import onnx
    from onnx import TensorProto, helper

    step = onnx.load(folder / "step.onnx", load_external_data=False)
    weights = {i.name: list(i.dims) for i in step.graph.initializer}
    made = {name: node for node in step.graph.node for name in node.output}
    kept: list[Any] = []
    arrays: dict[str, np.ndarray] = {}
    for node in step.graph.node:
        before = made.get(node.input[1]) if len(node.input) > 1 else None
        stored = before.input[0] if before is not None and before.op_type == "DequantizeLinear" else node.input[-1]
        if node.op_type not in ("MatMul", "Gemm") or stored not in weights:
            continue
        turned = any(a.name == "transB" and a.i for a in node.attribute)
        outputs, inputs = weights[stored] if turned else reversed(weights[stored])
        arrays |= {f"x{inputs}": np.ones((1, inputs), np.float32), node.output[0]: np.zeros((1, outputs), np.float32)}
        node.input[0] = f"x{inputs}"
        kept += [node] if before is None else [before, node]
    given = [(name, array) for name, array in arrays.items() if name.startswith("x")]
    values = {name: helper.make_tensor_value_info(name, TensorProto.FLOAT, a.shape) for name, a in arrays.items()}
    named = [values[name] for name, _ in given]
    results = [value for name, value in values.items() if name not in dict(given)]
    used = {name for node in kept for name in node.input}
    graph = helper.make_graph(kept, "products", named, results, [i for i in step.graph.initializer if i.name in used])
    path = folder / "products.onnx"
    onnx.save(helper.make_model(graph, opset_imports=step.opset_import, ir_version=step.ir_version), path)
    return Session(path, threads).bound(arrays).run


def own_prefill(decoder: Decoder, prompt: list[int]) -> float:
    """The same on ONNX Runtime."""
    start = time.perf_counter()
    decoder.prefill(prompt)
    return (time.perf_counter() - start) * 1e3


def reading(weights: Any) -> float:
    """Milliseconds of adding up ``weights``."""
    start = time.perf_counter()
    weights.sum()
    return (time.perf_counter() - start) * 1e3


def own_products(run: Callable[[], None]) -> float:
    """Milliseconds of the products of a token."""
    run()  # threads are awake, and what fits into caches is there, as within a step
    start = time.perf_counter()
    for _ in range(STEPS):
        run()
    return (time.perf_counter() - start) * 1e3 / STEPS


def measure(
    model: Any, decoders: Mapping[tuple[str, int], Decoder], alone: Mapping[tuple[str, int], Callable[[], None]]
) -> tuple[Milliseconds, Milliseconds, dict[str, float]]:
    """Times of decode and of prefill, and the largest error of the logits."""
    import torch

    random = np.random.default_rng(0)
    used = sum(p.numel() for p in model.parameters()) - model.get_input_embeddings().weight.numel()
    weights = torch.ones(used)
    prompt, tokens, long = (random.integers(3, 8192, count).tolist() for count in (PROMPT, STEPS, PREFILL))
    decode: Milliseconds = {}
    prefill: Milliseconds = {}
    errors: dict[str, float] = {}
    for round_ in range(ROUNDS + 1):  # the first warms up
        for threads in THREADS:
            torch.set_num_threads(threads)
            spent, expected = eager_decode(model, prompt, tokens)
            whole = eager_prefill(model, long)
            if round_:
                decode.setdefault((EAGER, threads), []).append(spent)
                prefill.setdefault((EAGER, threads), []).append(whole)
                decode.setdefault((READING, threads), []).append(min(reading(weights) for _ in range(3)))
            for name in STORED:
                spent, logits = own_decode(decoders[name, threads], prompt, tokens)
                errors[name] = float(np.abs(logits - expected).max())
                whole = own_prefill(decoders[name, threads], long)
                if round_:
                    decode.setdefault((name, threads), []).append(spent)
                    decode.setdefault((name + ALONE, threads), []).append(own_products(alone[name, threads]))
                    prefill.setdefault((name, threads), []).append(whole)
    return decode, prefill, errors


def table(title: str, times: Milliseconds, say: Callable[[str], None], suffix: str = "") -> None:
    """Medians, and the median of the ratios within rounds; ``suffix``: of the names of ours in ``times``."""
    names = (EAGER, *(name + suffix for name in STORED))
    say(f"\n{title} | threads | transformers | " + " | ".join(STORED))
    rows: dict[str, list[list[float]]] = {
        **{str(t): [times[name, t] for name in names] for t in THREADS},
        "best": [[min(pair) for pair in zip(*(times[n, t] for t in THREADS), strict=True)] for n in names],
    }
    for threads, (eager, *own) in rows.items():
        cells = (
            f"{median(mine):.2f} ms, {median(e / m for e, m in zip(eager, mine, strict=True)):.1f}x" for mine in own
        )
        say(f"{title} | {threads} | {median(eager):.2f} ms | " + " | ".join(cells))


def main() -> int:
    """Print the tables."""
    try:
        import torch
        import transformers
    except ImportError:
        print("torch and transformers are not installed: nothing to compare with")
        return 0
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        model = checkpoint(root / "in")
        for stored, precision in STORED.items():
            shape = ModelShape(stored, "decoder")
            emit_model(shape, root / stored, role="decoder", weights=root / "in", precision=precision)
        decoders = {(stored, t): Decoder(root / stored, t) for stored in STORED for t in THREADS}
        alone = {(stored, t): products(root / stored, t) for stored in STORED for t in THREADS}
        decode, prefill, errors = measure(model, decoders, alone)
    machine = platform.processor() or platform.machine()
    print(f"{date.today()}, {machine}, {os.cpu_count()} cores, torch {torch.__version__}")
    print(f"load before: {os.getloadavg()[1]:.1f}; medians of {ROUNDS} rounds")
    table("decode, a token", decode, print)
    table("products alone", decode, print, ALONE)
    for threads in THREADS:
        read, eager = decode[READING, threads], decode[EAGER, threads]
        most = median(e / r for e, r in zip(eager, read, strict=True))
        print(f"reading float32 weights | {threads} | {median(read):.2f} ms, {most:.1f}x")
    table(f"prefill of {PREFILL}", prefill, print)
    print("\nlargest error of a logit: " + ", ".join(f"{name} {error:.1e}" for name, error in errors.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
