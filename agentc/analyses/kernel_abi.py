"""Reads off a lowered kernel how it is called."""

from collections.abc import Iterator

from xdsl.dialects import func, memref
from xdsl.dialects.builtin import ArrayAttr, IndexType, IntegerAttr, ModuleOp, StringAttr
from xdsl.ir import Attribute, SSAValue

from agentc.analyses.kernel_dims import (
    OUTPUTS,
    PHASE,
    REQUIRES,
    ROWS,
    UNSIGNED,
    argument_names,
    as_list,
    element_of,
    function_dims,
    name_of,
    read_dims,
    shape_of,
    symbols,
    temporary_names,
    value_dims,
)
from agentc.plan.kernels import Dim, KernelAbi, Parameter, Phase
from agentc.support.diagnostics import Diagnostic, Refused


def dtype_of(type_: Attribute) -> str:
    """``f32`` and the like: the element type of memory, or the type of a scalar."""
    element = element_of(type_)
    return "index" if isinstance(element, IndexType) else name_of(element)


def kernels(module: ModuleOp) -> list[func.FuncOp]:
    """The kernels of a lowered module, without their phases."""
    functions = (op for op in module.body.block.ops if isinstance(op, func.FuncOp))
    return [f for f in functions if OUTPUTS in f.attributes]


def parameters(function: func.FuncOp) -> list[Parameter]:
    """The arguments of a lowered function, in order."""
    names = argument_names(function)
    arguments = function.body.block.args
    shaped = [a for a in arguments if shape_of(a.type) is not None]
    dims = dict(zip(shaped, function_dims(function), strict=False))
    unsigned = {n.data for n in as_list(function.attributes.get(UNSIGNED)) or () if isinstance(n, StringAttr)}
    return [
        Parameter(n, dtype_of(a.type).replace("i", "u") if n in unsigned else dtype_of(a.type), dims.get(a))
        for n, a in zip(names, arguments, strict=False)
    ]


def sizes(function: func.FuncOp) -> list[str]:
    """The names of the unknown sizes that a lowered function is passed after its arguments."""
    return symbols(p.dims for p in parameters(function) if p.dims is not None)


def kernel_abi(module: ModuleOp) -> KernelAbi:
    """How the one kernel of ``module`` is called. The module is lowered as far as phases.

    Raises:
        Refused: ``kernel-unsupported`` if there is not exactly one kernel.
    """
    found = kernels(module)
    if len(found) != 1:
        message = f"a kernel module holds one kernel, lowered; this one has {len(found)}"
        raise Refused(Diagnostic("kernel-unsupported", message))
    function = found[0]
    outputs = function.attributes[OUTPUTS]
    assert isinstance(outputs, IntegerAttr)
    every = parameters(function)
    split = len(every) - outputs.value.data
    dims = value_dims(function)
    made = _made(function)
    names = temporary_names(function, len(made))
    temporaries = [Parameter(n, dtype_of(value.type), dims[value]) for n, value in zip(names, made, strict=True)]
    buffers: list[SSAValue] = [*function.body.block.args, *made]
    return KernelAbi(
        function.sym_name.data,
        tuple(every[:split]),
        tuple(every[split:]),
        tuple(temporaries),
        tuple(sizes(function)),
        tuple(_phases(module, function, buffers)),
        tuple((read_dims(ArrayAttr([function.attributes[REQUIRES]])) or [()])[0])
        if REQUIRES in function.attributes
        else (),
    )


def _made(function: func.FuncOp) -> list[SSAValue]:
    """The temporaries of a lowered kernel, in the order in which they are placed: an arena is none itself."""
    made = [op for op in function.body.block.ops if isinstance(op, memref.AllocOp | memref.ViewOp)]
    arenas = {op.source for op in made if isinstance(op, memref.ViewOp)}
    return [op.results[0] for op in made if op.results[0] not in arenas]


def _phases(module: ModuleOp, function: func.FuncOp, buffers: list[SSAValue]) -> Iterator[Phase]:
    by_name = {f.sym_name.data: f for f in module.body.block.ops if isinstance(f, func.FuncOp)}
    for op in function.body.block.ops:
        if isinstance(op, func.CallOp) and PHASE in by_name[op.callee.string_value()].attributes:
            phase = by_name[op.callee.string_value()]
            arguments = tuple(buffers.index(o) for o in op.operands if o in buffers)
            yield Phase(phase.sym_name.data, arguments, tuple(sizes(phase)), rows_of(phase), tuple(_own(phase)))


def _own(phase: func.FuncOp) -> Iterator[Parameter]:
    """What ``phase`` allocates in its loops."""
    dims = value_dims(phase)
    made = [op.memref for op in phase.walk() if isinstance(op, memref.AllocOp)]
    for name, value in zip(temporary_names(phase, len(made)), made, strict=True):
        yield Parameter(name, dtype_of(value.type), dims[value])


def rows_of(phase: func.FuncOp) -> Dim | None:
    """The size of the range that a ``rows`` phase works on."""
    attribute = phase.attributes.get(ROWS)
    if attribute is None:
        return None
    rows = read_dims(ArrayAttr([attribute]))
    return rows[0][0] if rows else None
