"""IR from text, and passes by name, for tests."""

from xdsl.dialects.builtin import ModuleOp
from xdsl.dialects.test import Test
from xdsl.parser import Parser

from agentc.passes import PASSES
from agentc.pipelines.runner import context
from agentc.pipelines.standard import UPSTREAM_PASSES
from agentc.support.registry import load

TINY = (
    '<{name = "tiny", kind = "decoder", layers = 2 : i64, hidden = 64 : i64, heads = 4 : i64, kv_heads = 2 : i64, '
    'head_dim = 16 : i64, intermediate = 128 : i64, vocab = 1000 : i64}> precision "bf16"'
)
"""A model's shape and precision, as they stand behind its name."""

ROUTED = (
    '<{name = "routed", kind = "decoder", layers = 2 : i64, hidden = 64 : i64, heads = 4 : i64, kv_heads = 2 : i64, '
    "head_dim = 16 : i64, vocab = 1000 : i64, experts = 8 : i64, experts_per_token = 2 : i64, "
    'expert_intermediate = 128 : i64}> precision "bf16"'
)
"""A mixture of experts."""


def parse(text: str) -> ModuleOp:
    """A verified module."""
    ctx = context()
    if "test" in ctx.registered_dialect_names:
        ctx.load_registered_dialect("test")
    else:
        ctx.load_dialect(Test)
    module = Parser(ctx, text).parse_module()
    module.verify()
    return module


def run(module: ModuleOp, *names: str, **options: object) -> ModuleOp:
    """Run passes by name, in place; ``options`` go to the last. The module verifies afterwards."""
    ctx = context()
    for index, name in enumerate(names):
        kind = load(PASSES.get(name) or UPSTREAM_PASSES[name])
        kind(**(options if index == len(names) - 1 else {})).apply(ctx, module)
    module.verify()
    return module
