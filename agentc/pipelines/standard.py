"""The whole compiler on one page: each phase, its passes in order, and why they stand in this order."""

from collections.abc import Iterator, Mapping

from xdsl.passes import ModulePass

from agentc.passes import PASSES
from agentc.support.record import record
from agentc.support.registry import load

UPSTREAM_PASSES: dict[str, str] = {
    "canonicalize": "xdsl.transforms.canonicalize:CanonicalizePass",
    "cse": "xdsl.transforms.common_subexpression_elimination:CommonSubexpressionElimination",
}
"""xDSL's own passes that the pipeline takes as they are."""


@record
class Step:
    """A pass of the pipeline. ``options`` names the settings of a compilation that it takes, as in ``Settings``."""

    name: str
    why: str
    options: tuple[str, ...] = ()


STANDARD: Mapping[str, tuple[Step, ...]] = {
    "agent": (),
    "task": (
        Step("inline-agents", "first, so that everything after sees one graph and whole paths"),
        Step("canonicalize", "decided branches and single trips go before their steps are taken apart"),
        Step("remove-dead-nodes", "while a call is one op: what nobody reads is not worth splitting"),
        Step("split-llm", "prefill and decode want different hardware"),
        Step("share-prefix", "after the split, as it is prefills that have a prefix; before experts hide them"),
        Step("split-experts", "after the split into phases, which its parts take over"),
        Step("split-tools", "before fusion, so that a tool's run can join its consumer"),
        Step("canonicalize", "what the splits made constant"),
        Step("cse", "equal projections and constants become one, which lengthens the chains for fusion"),
        Step("unfuse-compute", "what was fused elsewhere and may not share a place falls apart before chains are made"),
        Step("fuse-compute", "last of the changes: it hides ops from all others"),
        Step("annotate-work", "when nothing changes any more, as demand and names hold for these ops only"),
    ),
    "placed": (
        Step(
            "attach-fleet",
            "the fleet becomes part of the module: what is decided can be read from it alone",
            ("fleet",),
        ),
        Step(
            "check-kernel-code", "asks about the fleet's devices; before options, of which there are none without code"
        ),
        Step("search-parallelism", "all options that a best placement could need", ("objective", "then")),
        Step("place", "chooses among them, with proof and reasons", ("objective", "then", "time_limit")),
        Step("insert-transfers", "after the choice, which says what has to travel"),
    ),
}
"""Phase -> the passes that make it out of the phase before."""


@record
class Settings:
    """What a compilation may choose."""

    fleet: str = "mixed-2026"
    """A fleet file, or the name of a shipped fleet."""
    objective: str = "cost"
    time_limit: float = 60.0
    """Seconds for the solver."""
    choose: bool = False
    """Whether a call with alternatives (``any_of``) gets the model that makes the best plan, or the one it names."""
    then: tuple[str, ...] = ()
    """What decides among placements that are as good, one after the other."""


def passes(phase: str, settings: Settings) -> Iterator[ModulePass]:
    """The passes that make ``phase``, ready to run."""
    for step in STANDARD[phase]:
        kind = load(PASSES.get(step.name) or UPSTREAM_PASSES[step.name])
        yield kind(**{name: getattr(settings, name) for name in step.options})
