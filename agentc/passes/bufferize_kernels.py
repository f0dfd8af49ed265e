"""Turns kernels on tensors into kernels on memory."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from xdsl.builder import Builder
from xdsl.context import Context
from xdsl.dialects import arith, func, memref, tensor
from xdsl.dialects.builtin import (
    AffineMapAttr,
    FunctionType,
    IntegerAttr,
    MemRefType,
    ModuleOp,
    StringAttr,
    TensorType,
    UnitAttr,
    i64,
)
from xdsl.dialects.linalg.attrs import IteratorTypeAttr
from xdsl.dialects.linalg.ops import FillOp, GenericOp, YieldOp
from xdsl.ir import Attribute, Block, BlockArgument, Operation, OpResult, Region, SSAValue
from xdsl.ir.affine import AffineMap
from xdsl.passes import ModulePass
from xdsl.rewriter import Rewriter

from agentc.analyses.kernel_builders import Preceding
from agentc.analyses.kernel_dims import (
    DIMS,
    OUTPUTS,
    SIZE_CASTS,
    SIZE_OPS,
    dims_attr,
    element_of,
    function_dims,
    is_tensor,
    shape_of,
    size_of,
)
from agentc.analyses.kernel_maps import is_identity
from agentc.analyses.kernel_ops import (
    alloc,
    dealloc,
    every,
    fill,
    functions,
    generic,
    index_constant,
    inputs_of,
    load,
    made,
    memory_type,
    size_along,
    walked,
)
from agentc.analyses.kernel_sources import hand_on, replacing_here
from agentc.analyses.kernel_walks import operands_of, ops_of
from agentc.dialects.linalg_ext import ExtOp
from agentc.passes.fuse_kernels import is_elementwise
from agentc.plan.kernels import Dim
from agentc.support.diagnostics import Diagnostic, Refused

KEPT = frozenset((tensor.EmptyOp, *SIZE_OPS.values(), *SIZE_CASTS))
"""What a kernel on memory has as well, or what nobody asks for any more."""


def to_memref(type_: Attribute) -> MemRefType[Attribute]:
    """The contiguous memory of a tensor."""
    return memory_type(element_of(type_), tuple(shape_of(type_) or ()))


def _refuse(op: Operation) -> Refused:
    return Refused(Diagnostic("kernel-unsupported", f"`{op.name}` has no meaning in a tensor kernel"))


@dataclass
class Bufferizer:
    """State of the conversion of one function."""

    function: func.FuncOp
    buffers: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    """Tensor -> the memory that holds it."""
    homes: dict[SSAValue, SSAValue] = field(default_factory=dict[SSAValue, SSAValue])
    """Tensor that is computed here -> the first tensor, or the argument, whose memory it shares."""

    def run(self) -> None:
        """Convert the function in place."""
        block = self.function.body.block
        stated = self._stated()
        _retype(block)
        shaped = [a for a in block.args if shape_of(a.type) is not None]
        self.dims: dict[SSAValue, tuple[Dim, ...]] = dict(zip(shaped, stated, strict=False))
        outputs = self._add_outputs(block)
        self.share(block, outputs)
        for op in ops_of(block):
            if type(op) in KEPT:
                continue
            with replacing_here(op):
                self._convert(op, Preceding(op))
        for op in reversed(ops_of(block)):
            if op.results and is_tensor(op.results[0].type):
                op.detach()
                op.erase(safe_erase=False)
        _set_types(self.function, len(outputs))

    def _stated(self) -> list[tuple[Dim, ...]]:
        dims = function_dims(self.function)
        self.function.attributes[DIMS] = dims_attr(dims)
        return dims

    def _add_outputs(self, block: Block) -> list[BlockArgument]:
        added: list[BlockArgument] = []
        for i, type_ in enumerate(self.function.function_type.outputs.data):
            if not is_tensor(type_):
                message = f"result {i} of kernel `{self.function.sym_name.data}` is `{type_}`, not a tensor"
                raise Refused(Diagnostic("kernel-unsupported", message))
            added.append(block.insert_arg(to_memref(type_), len(block.args)))
            added[-1].name_hint = "out" if len(self.function.function_type.outputs.data) == 1 else f"out{i}"
        return added

    def share(self, block: Block, outputs: Sequence[BlockArgument]) -> None:
        """Decide from the end who shares memory: a result is the caller's memory, and an elementwise op writes over an
        operand that nobody reads afterwards.
        """
        order = {op: i for i, op in enumerate(ops_of(block))}
        last = block.last_op
        assert isinstance(last, func.ReturnOp)
        for value, argument in zip(operands_of(last), outputs, strict=True):
            if isinstance(value.owner, GenericOp | ExtOp):
                self.homes.setdefault(value, argument)
        for op in reversed(list(order)):
            if isinstance(op, GenericOp):
                home = self.homes.setdefault(op.results[0], op.results[0])
                for operand in _overwritable(op):
                    readers = [_top(u.operation, block) for u in operand.uses]
                    if operand not in self.homes and all(order[r] <= order[op] for r in readers):
                        self.homes[operand] = home
                        break

    def _convert(self, op: Operation, build: Builder) -> None:
        match op:
            case tensor.DimOp():
                size = self._dim(op, build)
                op.result.replace_all_uses_with(size)
                op.detach()
                op.erase()
            case GenericOp():
                self._generic(op, build)
            case FillOp():
                if any(not _is_start(u.operation, op.results[0]) for u in op.results[0].uses):
                    target = self._allocate(op.results[0], build)
                    build.insert(fill(operands_of(op)[0], target))
            case func.ReturnOp():
                self._return(op, build)
            case ExtOp():
                self._ext(op, build)
            case arith.ConstantOp():
                if is_tensor(op.result.type):
                    self._table(op, build)
            case _:
                raise _refuse(op)

    def _generic(self, op: GenericOp, build: Builder) -> None:
        if len(op.results) != 1:
            raise _refuse(op)
        result = op.results[0]
        home = self.homes[result]
        target = home if isinstance(home, BlockArgument) else self.buffers.get(home)
        if target is None:
            target = self.buffers[home] = self._allocate(result, build)
        self.buffers[result] = target
        *given, start = operands_of(op)
        self._begin(start, target, build)
        inputs = [self._memory(v) if type(v.type) is TensorType else v for v in given]
        body = Region()
        op.body.move_blocks(body)  # nobody reads the op itself any more
        self._load_extracted(body.block)
        maps = [m.data for m in op.indexing_maps.data]
        build.insert(generic(inputs, target, body, maps, op.iterator_types.data))

    def _begin(self, start: SSAValue, target: SSAValue, build: Builder) -> None:
        """Give ``target`` what ``start`` holds, where that is anything."""
        owner = start.owner
        if type(owner) is FillOp:
            build.insert(fill(operands_of(owner)[0], target))
        elif type(owner) is not tensor.EmptyOp:
            self._copy(self._memory(start), target, build)

    def _load_extracted(self, body: Block) -> None:
        """``tensor.extract`` becomes a load."""
        for op in [inner for outer in ops_of(body) for inner in walked(outer)]:
            if type(op) is tensor.ExtractOp:
                source, *place = operands_of(op)
                loaded = load(self._memory(source), place)
                hand_on(loaded, op)
                Rewriter.replace_op(op, loaded)

    def _ext(self, op: ExtOp, build: Builder) -> None:
        """An op that writes each output whole, after what the output held was copied where that counts."""
        targets: list[SSAValue] = []
        for result, start in zip(op.results, op.outputs, strict=True):
            home = self.homes.setdefault(result, result)
            target = home if isinstance(home, BlockArgument) else self._allocate(result, build)
            self.buffers[result] = target
            self._begin(start, target, build)
            targets.append(target)
        inputs = [self._memory(v) for v in op.inputs]
        segments = op.properties["operandSegmentSizes"]
        build.insert(
            type(op).create(operands=[*inputs, *targets], properties={**op.properties, "operandSegmentSizes": segments})
        )

    def _table(self, op: arith.ConstantOp, build: Builder) -> None:
        """A table becomes a global of the module."""
        module = self.function.parent_op()
        assert isinstance(module, ModuleOp)
        count = sum(isinstance(other, memref.GlobalOp) for other in module.body.block.ops)
        name, type_ = f"{self.function.sym_name.data}_table{count}", to_memref(op.result.type)
        table = memref.GlobalOp.get(StringAttr(name), type_, op.value, constant=UnitAttr(), alignment=64)
        module.body.block.insert_op_before(table, self.function)
        self.buffers[op.result] = build.insert(memref.GetGlobalOp(name, type_)).memref

    def _return(self, op: func.ReturnOp, build: Builder) -> None:
        outputs = self.function.body.block.args[-len(op.operands) :]
        for value, target in zip(operands_of(op), outputs, strict=True):
            if self._memory(value) is not target:
                self._copy(self._memory(value), target, build)
        for other in ops_of(self.function.body.block):
            if type(other) is memref.AllocOp:
                build.insert(dealloc(other.results[0]))
        build.insert(made(func.ReturnOp))
        op.detach()
        op.erase()

    def _memory(self, value: SSAValue) -> SSAValue:
        """The memory of a tensor; an argument is memory already."""
        return value if isinstance(value, BlockArgument) else self.buffers[value]

    @staticmethod
    def _copy(source: SSAValue, target: SSAValue, build: Builder) -> None:
        """``target[…] = source[…]``."""
        shape = shape_of(target.type) or ()
        block = Block(arg_types=[element_of(target.type)] * 2)
        block.add_op(YieldOp(block.args[0]))
        maps = [AffineMapAttr(AffineMap.identity(len(shape)))] * 2
        iterators = [IteratorTypeAttr.parallel()] * len(shape)
        build.insert(GenericOp([source], [target], Region(block), maps, iterators, ()))

    def _allocate(self, value: SSAValue, build: Builder) -> SSAValue:
        empty = _empty_of(value)
        type_, unknown = empty.tensor.type, operands_of(empty)
        op = alloc(memory_type(type_.element_type, type_.get_shape()), unknown)
        supply = iter(unknown)
        row = [self._name(next(supply)) if n < 0 else n for n in type_.get_shape()]
        op.attributes[DIMS] = dims_attr([row])
        build.insert(op)
        self.buffers[value] = op.results[0]
        return op.results[0]

    def _dim(self, op: tensor.DimOp, build: Builder) -> SSAValue:
        """The size that ``op`` asks for, as the size of an argument."""
        source = op.source
        if not isinstance(source, BlockArgument):
            axis = _constant_of(op.index)
            empty = _empty_of(source)
            shape = empty.tensor.type.get_shape()
            if shape[axis] >= 0:
                return build.insert(index_constant(shape[axis])).result
            return operands_of(empty)[sum(n < 0 for n in shape[:axis])]
        return build.insert(size_along(self._memory(source), op.index)).result

    def _name(self, size: SSAValue) -> Dim:
        found = size_of(size, self._read_size)
        if found is None:
            assert isinstance(size.owner, Operation)
            raise _refuse(size.owner)
        return found

    def _read_size(self, value: SSAValue) -> Dim | None:
        owner = value.owner
        return self.dims[owner.source][_constant_of(owner.index)] if isinstance(owner, memref.DimOp) else None


def _overwritable(op: GenericOp) -> list[SSAValue]:
    """Inputs that are read only at the element that is written, and have the type and sizes of the result."""
    if not is_elementwise(op):
        return []
    result, inputs = op.results[0], inputs_of(op)
    found: list[SSAValue] = []
    for value in dict.fromkeys(inputs):
        maps = [m for v, m in zip(inputs, op.indexing_maps.data, strict=False) if v is value]
        same = type(value.owner) is GenericOp and value.type == result.type and not _is_extracted(op, value)
        if same and all(is_identity(m) for m in maps) and _sizes(value) == _sizes(result):
            found.append(value)
    return found


def _is_extracted(op: GenericOp, value: SSAValue) -> bool:
    """Whether the body of ``op`` reads ``value`` wherever it likes."""
    return any(type(inner) is tensor.ExtractOp and value in operands_of(inner) for inner in every(op))


def _top(op: Operation, block: Block) -> Operation:
    """``op``, or what it is inside of, in ``block``."""
    while op.parent is not block:
        parent = op.parent_op()
        assert parent is not None
        op = parent
    return op


def _sizes(value: SSAValue) -> tuple[SSAValue, ...]:
    return operands_of(_empty_of(value))


def _empty_of(value: SSAValue) -> tensor.EmptyOp:
    """The ``tensor.empty`` that gave ``value`` its sizes."""
    match value.owner:
        case tensor.EmptyOp() as op:
            return op
        case GenericOp() | FillOp() as op:
            return _empty_of(operands_of(op)[-1])
        case ExtOp() as op:
            return _empty_of(op.outputs[[*op.results].index(cast("OpResult", value))])
        case arith.ConstantOp() as op if is_tensor(op.result.type):
            return tensor.EmptyOp([], op.result.type)
        case _:
            raise Refused(Diagnostic("kernel-unsupported", "a tensor's sizes do not come from `tensor.empty`"))


def _is_start(op: Operation, value: SSAValue) -> bool:
    """Whether ``op`` uses ``value`` only as what its own result starts from."""
    match op:
        case GenericOp():
            return value is operands_of(op)[-1] and value not in inputs_of(op)
        case ExtOp():
            return value in op.outputs and value not in op.inputs
        case _:
            return False


def _constant_of(value: SSAValue) -> int:
    owner = value.owner
    if isinstance(owner, arith.ConstantOp) and isinstance(owner.value, IntegerAttr):
        return owner.value.value.data
    raise Refused(Diagnostic("kernel-unsupported", "a dimension is asked for by an index that is no constant"))


def _set_types(function: func.FuncOp, outputs: int) -> None:
    inputs = [argument.type for argument in function.body.block.args]
    function.properties["function_type"] = FunctionType.from_lists(inputs, [])
    function.attributes[OUTPUTS] = IntegerAttr(outputs, i64)


def _retype(block: Block) -> None:
    """Make memory of the arguments that are tensors."""
    for argument in block.args:
        if is_tensor(argument.type):
            Rewriter.replace_value_with_new_type(argument, to_memref(argument.type))


@dataclass(frozen=True)
class BufferizeKernelsPass(ModulePass):
    """Give every tensor of a kernel its memory. Results become arguments that the caller provides.

    Memory is shared where that is safe: what is returned is computed in the caller's memory, and an elementwise op writes
    over an operand that nobody reads afterwards. Expects one block per function, as the kernel frontend makes it.

    Before:

    ```mlir
    func.func @f(%x: tensor<?xf32>) -> tensor<?xf32> {
      %e = tensor.empty(%n) : tensor<?xf32>
      %y = linalg.generic {…} ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) {…} -> tensor<?xf32>
      func.return %y : tensor<?xf32>
    }
    ```

    After:

    ```mlir
    func.func @f(%x: memref<?xf32>, %out: memref<?xf32>) attributes {agentc.outputs = 1} {
      linalg.generic {…} ins(%x : memref<?xf32>) outs(%out : memref<?xf32>) {…}
      func.return
    }
    ```
    """

    name = "bufferize-kernels"

    def apply(self, ctx: Context, op: ModuleOp) -> None:
        for function in functions(op):
            if is_tensor_kernel(function):
                Bufferizer(function).run()


def is_tensor_kernel(function: func.FuncOp) -> bool:
    """Whether ``function`` is one block that takes or gives tensors."""
    types = (*function.function_type.inputs.data, *function.function_type.outputs.data)
    return len(function.body.blocks) == 1 and any(isinstance(t, TensorType) for t in types)
