"""General-purpose work: the `compute` dialect."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

from agentc.dialects.compute import BuiltinOp, FusedOp, KernelOp, PythonOp
from agentc.dialects.provenance import node_path
from agentc.runtime import opaque
from agentc.runtime.attributes import plain_attributes
from agentc.runtime.builtins import call as call_builtin
from agentc.runtime.effects import Order
from agentc.runtime.executor import Call, Handler
from agentc.runtime.tools.toolbox import TIMEOUT_SECONDS


async def builtin(call: Call) -> Sequence[Any]:
    """A function that every runtime knows. Quick, so that it needs no thread."""
    op = cast(BuiltinOp, call.op)
    if op.function.data == opaque.NAME and (body := call.resources.steps.get(node_path(op) or opaque.NAME)):
        files = call.resources.tools.bound_files
        return [await call.blocking(lambda: files.bind(body, [], call.args)(), TIMEOUT_SECONDS)]
    return [call_builtin(op.function.data, call.args, plain_attributes(op.options))]


async def python(call: Call) -> Sequence[Any]:
    """A user's function."""
    target, files = cast(PythonOp, call.op).function.data, call.resources.tools.files
    return [await call.blocking(lambda: files.bind(target, [], call.args)(), TIMEOUT_SECONDS)]


async def kernel(call: Call) -> Sequence[Any]:
    """A tensor kernel, as machine code."""
    name = cast(KernelOp, call.op).kernel.string_value()
    return [await call.blocking(lambda: call.resources.kernels.call(name, call.args))]


async def fused(call: Call) -> Sequence[Any]:
    """Several steps as one."""
    return await call.body(cast(FusedOp, call.op).body.block, call.args, Order())


HANDLERS: Final[Mapping[str, Handler]] = {
    "compute.builtin": builtin,
    "compute.python": python,
    "compute.kernel": kernel,
    "compute.fused": fused,
}
