"""What the columns of published measurements say, in the words of their files."""

import re

from agentc.cost.accuracy.measurement import Metric, Mode, Pool
from agentc.support.record import record

_ENGINES = (
    ("tensorrt-llm", "trtllm"),
    ("trtllm", "trtllm"),
    ("sglang", "sglang"),
    ("vllm", "vllm"),
    ("deepspeed", "deepspeed"),
    ("habana", "habana"),
    ("llama.cpp", "llama.cpp"),
    ("sambaflow", "sambaflow"),
)
_PRECISIONS = {
    "fp16/bf16": "bf16",
    "bfloat16": "bf16",
    "bf16": "bf16",
    "fp16": "bf16",
    "float16": "bf16",
    "fp8": "fp8",
    "float8": "fp8",
    "fp4": "fp4",
    "nvfp4": "fp4",
    "mxfp4": "fp4",
    "int4": "int4",
    "int8": "int8",
}
_UNITS = {"ms": 1e-3, "s": 1.0, "us": 1e-6, "tok/s": 1.0, "tokens/s": 1.0, "tok/s/gpu": 1.0}
_POOL = re.compile(r"(\d+)x\(tp(\d+),dp(\d+),ep(\d+)\)")


@record(slots=True)
class Meaning:
    """What a ``metric`` cell stands for."""

    metric: Metric
    mode: Mode
    per_device: bool = False
    """The value is of one device."""
    with_input: bool = False
    """The value counts input tokens too."""
    whole_batch: bool = False


_METRICS: tuple[tuple[str, Meaning], ...] = (
    ("total_throughput(in+out)", Meaning("throughput", "static", with_input=True)),
    ("output_throughput_per_gpu", Meaning("throughput", "offline", per_device=True)),
    ("output_throughput_total", Meaning("throughput", "offline")),
    ("output_throughput", Meaning("throughput", "offline")),
    ("request_batch_latency", Meaning("latency", "static")),
    ("first_token_latency", Meaning("ttft", "static")),
    ("low_latency", Meaning("ttft", "static")),
    ("prompt_time", Meaning("ttft", "static")),
    ("ttft_or_itl:latency", Meaning("ttft", "static")),
    ("token_time", Meaning("tpot", "static")),
    ("throughput", Meaning("throughput", "offline")),
)
_EXACT = {
    "ttft": Meaning("ttft", "closed"),
    "tpot": Meaning("tpot", "closed"),
    "tbt": Meaning("tpot", "closed"),
    "itl": Meaning("tpot", "closed"),
}


def engine_of(text: str) -> tuple[str, str]:
    """The engine's name and its version; ("", text) for one that is not known."""
    lowered = text.lower()
    for pattern, name in _ENGINES:
        if pattern in lowered:
            rest = lowered.split(pattern, 1)[1].strip(" :-")
            return name, rest
    return "", lowered


def precision_of(text: str) -> str | None:
    """The precision of the weights; None for a cell that names none."""
    word = text.lower().split(" ")[0].strip("(),")
    return _PRECISIONS.get(word)


def meaning_of(text: str) -> Meaning | None:
    """What a metric cell stands for; None where it is not one of time or throughput."""
    lowered = text.strip().lower()
    if lowered in _EXACT:
        return _EXACT[lowered]
    return next((meaning for start, meaning in _METRICS if lowered.startswith(start)), None)


def unit_of(text: str) -> float | None:
    """The factor to SI; None for a unit that is not known."""
    return _UNITS.get(text.strip().lower())


def pool_of(text: str) -> Pool | None:
    """``4x(tp8,dp1,ep8)``; None where a count is lost (``?x(…)``)."""
    match = _POOL.fullmatch(text.strip())
    return Pool(*(int(part) for part in match.groups())) if match else None


def untangled(devices: int, tp: int, ep: int, dp: int) -> tuple[int, int, int, int]:
    """Parallelism of a row whose label multiplied a way by itself: (devices, tp, ep, dp).

    The dump of InferenceX rows prints tp x ep, dp x ep or tp x tp for tp, dp or ep where expert parallelism spans the
    same devices: the same figures occur again under the plain label. 64 devices at tp 64, ep 8 are 8 devices at tp 8,
    ep 8.
    """
    side = max(ep if devices != ep else 1, tp if devices == ep else 1)
    if side > 1 and devices == side * side:
        if tp == devices:
            return side, side, side, 1
        if tp == 1 and dp == devices:
            return side, 1, side, side
        if tp == dp == side:
            return side, side, side, 1
    if tp == 1 and dp > 1 and ep > 1 and devices == dp == ep * ep:
        return ep, 1, ep, ep
    return devices, tp, ep, dp
