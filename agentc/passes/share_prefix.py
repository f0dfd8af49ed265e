"""`share-prefix`: calls that start with the same system prompt read it once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from xdsl.context import Context
from xdsl.dialects.builtin import ModuleOp, StringAttr
from xdsl.ir import Block, Operation
from xdsl.passes import ModulePass
from xdsl.rewriter import InsertPoint, Rewriter

from agentc.analyses.visits import visits
from agentc.dialects import llm
from agentc.dialects.agent import GraphOp
from agentc.dialects.agent_values import quantities
from agentc.dialects.provenance import carried, made_by
from agentc.plan.quantity import Quantity

CHARACTERS_PER_TOKEN = 4.0
"""English text under a byte-pair vocabulary of 32k to 200k entries: about 4 characters a token (assumed)."""


def prefix_tokens(system: str, users: Iterable[llm.PrefillOp]) -> float:
    """Tokens of ``system``, of which each call keeps at least one token of its own to read."""
    stated = [shape["input_tokens"].mean for op in users if "input_tokens" in (shape := quantities(op.shape))]
    return max(0.0, min([float(round(len(system) / CHARACTERS_PER_TOKEN)), *(tokens - 1 for tokens in stated)]))


def candidates(graph: GraphOp) -> dict[tuple[str, str, str], list[llm.PrefillOp]]:
    """Prefills that start alike: by model, system prompt and options, in program order."""
    alike: dict[tuple[str, str, str], list[llm.PrefillOp]] = {}
    for op in graph.body.walk():
        if isinstance(op, llm.PrefillOp) and op.prefix is None and op.system is not None and op.system.data:
            key = (op.model.root_reference.data, op.system.data, str(op.options))
            alike.setdefault(key, []).append(op)
    return alike


def common_block(ops: Sequence[Operation]) -> tuple[Block, Operation]:
    """The innermost block around all of ``ops``, and its first op that holds one of them."""
    rows = [_around(op) for op in ops]
    block, first = next((b, o) for b, o in rows[0] if all(any(b is other for other, _ in row) for row in rows))
    holders = {o for row in rows for b, o in row if b is block}
    return block, next((op for op in block.ops if op in holders), first)


def _around(op: Operation) -> list[tuple[Block, Operation]]:
    """The blocks around ``op``, innermost first, each with its op that holds ``op``."""
    rows: list[tuple[Block, Operation]] = []
    at: Operation | None = op
    while at is not None and at.parent is not None and not isinstance(at, GraphOp):
        rows.append((at.parent, at))
        at = at.parent_op()
    return rows


def share(users: Sequence[llm.PrefillOp], tokens: float) -> None:
    """Put a prefill of the system prompt before ``users`` and let them start from its cache."""
    block, first = common_block(users)
    model, lead = users[0].model.root_reference.data, users[0]
    length = Quantity(tokens, assumed=True)
    attributes = carried(lead, SharePrefixPass.name, without=("agent.async", "agent.placement"))
    attributes["agent.node"] = StringAttr(f"{model}.prefix")
    prefix = llm.PrefillOp(
        model,
        [],
        {"input_tokens": length},
        system=lead.system.data if lead.system is not None else None,
        options=lead.options,
        attributes=attributes,
    )
    Rewriter.insert_op(prefix, InsertPoint(block, first))
    for op in users:
        fresh = llm.PrefillOp(
            model,
            op.inputs,
            quantities(op.shape) | {"cached_tokens": length},
            prefix=prefix.result,
            prompt=op.prompt.data if op.prompt is not None else None,
            system=op.system.data if op.system is not None else None,
            options=op.options,
            attributes=dict(op.attributes) | {"agent.made_by": made_by([op], SharePrefixPass.name)},
        )
        Rewriter.replace_op(op, fresh)


def pays(users: Sequence[llm.PrefillOp]) -> bool:
    """Whether the calls are expected to run more than once for each time that the prefix would be read."""
    block, _ = common_block(users)
    return sum(visits(op, block).count for op in users) > 1.0


@dataclass(frozen=True)
class SharePrefixPass(ModulePass):
    """
    Gives calls of one model that start with the same system prompt one prefill of it, from whose cache they go on
    (`from`); `cached_tokens` of each says what it need not read again. Prompts that are shorter than `min_tokens`, or
    whose calls are not expected to run more than once, are left alone. The prompts are still stated whole.

    Before:

    ```mlir
    %a = llm.prefill @mind(%x) system "You are…" shape {input_tokens = #agent.quantity<512.0>} : (!agent.text) -> !kv.cache<@mind>
    %b = llm.prefill @mind(%y) system "You are…" shape {input_tokens = #agent.quantity<300.0>} : (!agent.text) -> !kv.cache<@mind>
    ```

    After:

    ```mlir
    %p = llm.prefill @mind() system "You are…" shape {input_tokens = #agent.quantity<80.0, assumed>} : () -> !kv.cache<@mind>
    %a = llm.prefill @mind(%x) from %p : !kv.cache<@mind> system "You are…" shape {input_tokens = #agent.quantity<512.0>, cached_tokens = #agent.quantity<80.0, assumed>} : (!agent.text) -> !kv.cache<@mind>
    %b = llm.prefill @mind(%y) from %p : !kv.cache<@mind> system "You are…" shape {input_tokens = #agent.quantity<300.0>, cached_tokens = #agent.quantity<80.0, assumed>} : (!agent.text) -> !kv.cache<@mind>
    ```
    """

    name = "share-prefix"

    min_tokens: int = 64
    """Shortest prompt worth a task of its own: four blocks of vLLM's prefix cache (16 tokens each)."""

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for graph in (graph for graph in op.ops if isinstance(graph, GraphOp)):
            for (_, system, _), users in candidates(graph).items():
                tokens = prefix_tokens(system, users)
                if len(users) > 1 and tokens >= self.min_tokens and pays(users):
                    share(users, tokens)
