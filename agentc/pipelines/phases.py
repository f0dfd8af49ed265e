"""The phases of the road: what the IR holds at each, and where the compiler can stop and dump."""

from agentc.support.record import record


@record(slots=True)
class Phase:
    """A stage of the IR with its one sentence."""

    name: str
    sentence: str


PHASES: tuple[Phase, ...] = (
    Phase("source", "What the user wrote: YAML, Python or an imported format; there is no IR yet."),
    Phase("agent", "What the user wrote as IR: steps, branches, loops and sub-agents, each op with its source line."),
    Phase("task", "Fine operators with their demand: prefill, KV transfer, decode, experts, lookups, kernels."),
    Phase("placed", "The same operators, each with device class, parallelism, batch and replicas; transfers explicit."),
    Phase("kernel", "The compute operators' tensor code on upstream dialects."),
    Phase("artifacts", "Files: LLVM IR and objects, ONNX, CUDA sources, deployment files and the manifest."),
)
"""In order."""
