"""`check-kernel-code`: what no backend has code for is known before anything is placed."""

from collections.abc import Iterator, Sequence

from xdsl.context import Context
from xdsl.dialects.builtin import ArrayAttr, ModuleOp
from xdsl.ir import Operation
from xdsl.passes import ModulePass

from agentc.analyses.context import AgentcContext, Coverage
from agentc.analyses.fleet import fleet
from agentc.analyses.kernels import calls, kernel_functions
from agentc.dialects.agent_values import placement_rule
from agentc.dialects.compute import KernelOp
from agentc.dialects.place import NoCodeAttr, no_code
from agentc.dialects.provenance import node_path, span
from agentc.plan.fleet import Fleet, Stock
from agentc.plan.graph import NoCode, PlacementRule
from agentc.support.diagnostics import Diagnostic, Label, Refused, Span


def tell(module: ModuleOp, devices: Fleet, coverage: Coverage) -> None:
    """Write on each call of a kernel for which devices of the fleet ``coverage`` has no code of it.

    Raises:
        Refused: as ``coverage`` does.
    """
    functions, known = kernel_functions(module), dict[str, tuple[NoCode, ...]]()
    for op in calls(module):
        name = op.kernel.root_reference.data
        if name not in known and name in functions:
            known[name] = coverage(functions[name], [stock.device for stock in devices.stocks])
        op.attributes.pop("place.no_code", None)
        if known.get(name):
            op.attributes["place.no_code"] = ArrayAttr([NoCodeAttr(each) for each in known[name]])


def homeless(module: ModuleOp, devices: Fleet) -> Iterator[Diagnostic]:
    """The calls of kernels that may go only where there is no code for them."""
    functions = kernel_functions(module)
    for op in calls(module):
        lacking = {each.device: each for each in no_code(op)}
        open_ = [stock.device.name for stock in devices.stocks if _may(placement_rule(op), stock)]
        if open_ and lacking.keys() >= set(open_):
            origin = functions.get(op.kernel.root_reference.data)
            first = span(origin) if origin is not None else None
            yield _refusal(op, [lacking[name] for name in open_], devices, first)


def _may(rule: PlacementRule, stock: Stock) -> bool:
    """Whether ``rule`` lets a task on a class that the fleet holds some of."""
    names = stock.device.names
    if stock.count == 0 or (rule.pin and rule.pin not in names) or any(name in rule.forbid for name in names):
        return False
    if rule.allow and not any(name in rule.allow for name in names):
        return False
    return (not rule.sites or stock.site in rule.sites) and (not rule.zones or stock.zone in rule.zones)


def _refusal(op: KernelOp, lacking: Sequence[NoCode], devices: Fleet, first: Span | None) -> Diagnostic:
    kernel, node, rule = op.kernel.root_reference.data, node_path(op) or op.name, placement_rule(op)
    what = f"is pinned to `{rule.pin}`" if rule.pin else f"may run only on {_listed(lacking)}"
    told = [Label(first, f"`{kernel}`")] if first is not None else []
    told += [Label(Span.parse(each.source), each.why) for each in lacking if each.source]
    return Diagnostic(
        "kernel-without-code",
        f"`{node}` {what}, and there is no code of kernel `{kernel}` for that",
        Span.parse(rule.source) if rule.source else span(op),
        labels=tuple(dict.fromkeys(told)),
        notes=tuple(f"{each.device}: {each.sentence}" for each in lacking),
        help=_cure(op, devices),
    )


def _listed(lacking: Sequence[NoCode]) -> str:
    return ", ".join(f"`{each.device}`" for each in lacking)


def _cure(op: Operation, devices: Fleet) -> str:
    """What a user could do: devices of the fleet that there is code for, or a processor, for which there always is."""
    lacking = {each.device for each in no_code(op)}
    able = [f"`{stock.device.name}`" for stock in devices.stocks if stock.device.name not in lacking and stock.count]
    if able:
        return f"let the node run on {' or '.join(able[:3])}, for which there is code"
    return "add a CPU class to the fleet: for processors there is code of every kernel"


class CheckKernelCodePass(ModulePass):
    """
    Asks the backends, which the context knows, what they have code of: for which devices of the module's fleet there is
    none of a kernel, and why (`place.no_code`). `search-parallelism` makes no options there. A kernel that may go
    nowhere else is refused (`kernel-without-code`). What is written already stands where the context knows no backends.

    Before:

    ```mlir
    %1 = compute.kernel @softmax(%0) {agent.node = "weigh"} : (tensor<?xf32>) -> tensor<?xf32>
    ```

    After:

    ```mlir
    %1 = compute.kernel @softmax(%0) {agent.node = "weigh", place.no_code = [#place.no_code<{device = "gaudi3", why = "its target is `gaudi3`"}>]} : (tensor<?xf32>) -> tensor<?xf32>
    ```
    """

    name = "check-kernel-code"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        devices = fleet(op)
        if devices is None:
            return
        if isinstance(ctx, AgentcContext) and ctx.coverage is not None:
            tell(op, devices, ctx.coverage)
        if problems := list(homeless(op, devices)):
            raise Refused(*problems)
