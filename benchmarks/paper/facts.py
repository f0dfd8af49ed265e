"""What arXiv 2507.19635v1 states, as printed; ``NOT_GIVEN`` is what it leaves open or what we did not read."""

from collections.abc import Mapping
from dataclasses import dataclass

DEVICES: Mapping[str, str] = {
    "a40": "A40",
    "a100-80gb": "A100",
    "gaudi3": "Gaudi3",
    "mi300x": "MI300x",
    "h100-sxm": "H100",
    "b200": "B200",
}
"""The catalog's name -> the paper's, in the order of table 5."""

MODELS: Mapping[str, str] = {"llama-3-8b": "8B", "llama-3-70b": "70B"}
PRECISIONS: Mapping[str, str] = {"bf16": "FP16", "fp8": "FP8"}
"""Ours -> the paper's. Its 16 bit are taken as BF16, which Gaudi3 runs at full rate; FP16 it runs at a quarter."""

SHAPES = ((512, 4096), (4096, 512))
"""(input tokens, output tokens)."""


@dataclass(frozen=True)
class Sla:
    """Limits on latency; none: as many tokens a second and dollar as there can be."""

    name: str
    ttft_seconds: float = float("inf")
    tbt_seconds: float = float("inf")


SLAS = (Sla("interactive", 0.250, 0.020), Sla("offline"))

BASELINE = ("H100", "H100")
COMPARED = (
    BASELINE,
    ("B200", "B200"),
    ("B200", "Gaudi3"),
    ("H100", "Gaudi3"),
    ("Gaudi3", "Gaudi3"),
    ("Gaudi3", "B200"),
)
"""The pairs that the claims compare, and both orders of what claim 3 weighs: (prefill, decode)."""

LINK_GBPS = (200.0, 400.0)
LONGEST_INPUT = 32_768
"""Tokens up to which claim 5 holds such a link for enough."""

TABLE_3 = (
    ("prefill", "HP", 0.080, 0.00008),
    ("prefill", "CO", 0.130, 0.00005),
    ("decode", "HP", 0.025, 0.00006),
    ("decode", "CO", 0.030, 0.00002),
)
"""Task, device, latency in seconds, dollars a token."""
TABLE_3_TOKENS = {"prefill": 1000, "decode": 500}
TABLE_3_TRANSFER = (0.010, 0.000005)
"""HP -> CO: seconds, dollars a prefill token."""
TABLE_3_SLA_SECONDS = 0.120
TABLE_3_PRINTED: Mapping[str, tuple[str, str, float, float]] = {
    "A": ("HP", "HP", 0.105, 0.11),
    "B": ("HP", "CO", 0.120, 0.095),
    "C": ("CO", "CO", 0.160, 0.07),
}
"""Option -> (device of the prefill, of the decode, seconds, dollars a request) as the paper prints them."""

SETUP = (
    ("models", "Llama 3 8B and 70B, FP16 and FP8; what is no LLM runs on CPUs"),
    ("interactive", "TTFT <= 250 ms and TBT <= 20 ms"),
    ("offline", "as many tokens/s/$ as there can be"),
    ("shapes", "(input, output) = (512, 4096) and (4096, 512) tokens"),
    ("pairs", "A::B is prefill on A, decode on B; H100::H100 is 1.0"),
    ("money", "prices financed over 4 years at 8 %; no colocation, no NRE"),
    ("power", "thermal design power, $0.40/kWh"),
    ("links", "scale-up in a chassis of up to 8, RoCE beyond"),
    ("search", "tensor parallelism, pipeline parallelism, batch"),
)
NOT_GIVEN = (
    "the cells of table 4 (its place is taken by what section 5 states of the set-up)",
    "the bars of the two figures as numbers, and the list of pairs that they draw",
    "FP8 rates, power and link rates of the devices, and the share of peak that kernels reach",
    "what the operating column of table 5 holds, and whether it is power and more",
)

CLAIMS: Mapping[int, str] = {
    1: "B200::Gaudi3 has the best TCO benefit, above all at FP8, for both SLAs; it beats B200::B200",
    2: "H100::Gaudi3 is often comparable with or slightly better than B200::B200",
    3: "Long inputs: Gaudi3 for prefill, B200 at FP8 or for latency; long outputs: Gaudi3 for decode",
    4: "More tensor parallelism first cuts latency, then communication eats the gain",
    5: "A link of 200-400 Gbps suffices for KV caches of up to 32K input tokens",
}
ARTICLE: Mapping[str, float] = {
    "B200::Gaudi3 at (4096, 512)": 3.0,
    "B200::Gaudi3 at (512, 4096)": 4.0,
    "B200::B200 at (512, 4096)": 2.5,
}
"""The authors' later article: about 3, up to 4, near 2.5 times the baseline."""
