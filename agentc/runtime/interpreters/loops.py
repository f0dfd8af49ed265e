"""``memref``, ``scf`` and ``func`` on NumPy arrays and numbers: what lowered kernels mean, one iteration at a time."""

from typing import Any

import numpy as np
from xdsl.dialects import func, memref, scf
from xdsl.dialects.builtin import DYNAMIC_INDEX, DenseIntOrFPElementsAttr
from xdsl.interpreter import (
    Interpreter,
    InterpreterFunctions,
    PythonValues,
    ReturnedValues,
    impl,
    impl_callable,
    impl_terminator,
    register_impls,
)
from xdsl.traits import SymbolTable

from agentc.analyses.kernel_dims import shape_of
from agentc.runtime.interpreters.scalars import dtype_of, nonsense


@register_impls
class LoopMeaning(InterpreterFunctions):
    """Memory is an array that ops write into."""

    @impl(memref.AllocOp)
    def alloc(self, interpreter: Interpreter, op: memref.AllocOp, args: PythonValues) -> PythonValues:
        """Memory. Nobody may count on what it holds: nonsense, here."""
        sizes = iter(args)
        shape = [int(next(sizes)) if n == DYNAMIC_INDEX else n for n in shape_of(op.memref.type) or ()]
        return (nonsense(shape, dtype_of(op.memref.type)),)

    @impl(memref.ViewOp)
    def view(self, interpreter: Interpreter, op: memref.ViewOp, args: PythonValues) -> PythonValues:
        """A part of an arena as an array: nonsense at first, whatever others have there."""
        sizes = iter(args[2:])
        shape = [int(next(sizes)) if n == DYNAMIC_INDEX else n for n in shape_of(op.result.type) or ()]
        made = nonsense(shape, dtype_of(op.result.type))
        part = args[0][int(args[1]) :][: made.nbytes]
        if part.nbytes < made.nbytes:
            raise IndexError(f"{made.nbytes} bytes at {int(args[1])} of an arena of {args[0].nbytes}")
        part[:] = np.frombuffer(made.tobytes(), part.dtype)
        return (part.view(made.dtype).reshape(shape),)

    @impl(memref.AllocaOp)
    def alloca(self, interpreter: Interpreter, op: memref.AllocaOp, args: PythonValues) -> PythonValues:
        """Memory of one iteration: nonsense at first."""
        return (nonsense(shape_of(op.memref.type) or (), dtype_of(op.memref.type)),)

    @impl(memref.ExtractAlignedPointerAsIndexOp)
    def address(
        self, interpreter: Interpreter, op: memref.ExtractAlignedPointerAsIndexOp, args: PythonValues
    ) -> PythonValues:
        """Where the array lies."""
        return (np.int64(args[0].ctypes.data),)

    @impl(memref.GetGlobalOp)
    def table(self, interpreter: Interpreter, op: memref.GetGlobalOp, args: PythonValues) -> PythonValues:
        """A table of the module."""
        found = SymbolTable.lookup_symbol(op, op.name_)
        assert isinstance(found, memref.GlobalOp) and isinstance(found.initial_value, DenseIntOrFPElementsAttr)
        value = found.initial_value
        return (np.frombuffer(value.data.data, dtype_of(value.get_element_type())).reshape(value.get_shape()),)

    @impl(memref.DeallocOp)
    def dealloc(self, interpreter: Interpreter, op: memref.DeallocOp, args: PythonValues) -> PythonValues:
        """Nothing."""
        return ()

    @impl(memref.DimOp)
    def dim(self, interpreter: Interpreter, op: memref.DimOp, args: PythonValues) -> PythonValues:
        """A size."""
        return (np.int64(np.shape(args[0])[int(args[1])]),)

    @impl(memref.LoadOp)
    def load(self, interpreter: Interpreter, op: memref.LoadOp, args: PythonValues) -> PythonValues:
        """An element; in a generic's body one for each lane."""
        from agentc.runtime.interpreters.tensors import read

        places = tuple(args[1:])
        if any(np.any(np.asarray(p) < 0) for p in places) and not any(np.ndim(p) for p in places):
            raise IndexError(f"a load at {[int(p) for p in places]}")
        return (read(args[0], places) if places else args[0][()],)

    @impl(memref.StoreOp)
    def store(self, interpreter: Interpreter, op: memref.StoreOp, args: PythonValues) -> PythonValues:
        """An element."""
        places = tuple(int(p) for p in args[2:])
        if any(p < 0 for p in places):
            raise IndexError(f"a store at {list(places)}")
        args[1][places] = args[0]
        return ()

    @impl(scf.IfOp)
    def if_(self, interpreter: Interpreter, op: scf.IfOp, args: PythonValues) -> PythonValues:
        """One side; for several lanes both, and of each lane its own."""
        if np.ndim(args[0]):
            sides = [interpreter.run_ssacfg_region(r, (), "if") for r in (op.true_region, op.false_region)]
            chosen: list[Any] = [np.where(args[0], a, b) for a, b in zip(*sides, strict=True)]
            return tuple(chosen)
        region = op.true_region if args[0] else op.false_region
        return interpreter.run_ssacfg_region(region, (), "if") if region.blocks else ()

    @impl(scf.ForOp)
    def for_(self, interpreter: Interpreter, op: scf.ForOp, args: PythonValues) -> PythonValues:
        """In order, with the values that are carried."""
        low, high, step, *carried = args
        for i in range(int(low), int(high), int(step)):
            carried = list(interpreter.run_ssacfg_region(op.body, (np.int64(i), *carried), "for"))
        return tuple(carried)

    @impl(scf.ParallelOp)
    def parallel(self, interpreter: Interpreter, op: scf.ParallelOp, args: PythonValues) -> PythonValues:
        """One loop, backward: where the order matters a test sees it. Reductions combine in this order."""
        low, high, step = (int(a) for a in args[:3])
        totals: list[Any] = list(args[3:])
        for i in reversed(range(low, high, step)):
            values = interpreter.run_ssacfg_region(op.body, (np.int64(i),), "parallel")
            last = op.body.block.last_op
            assert isinstance(last, scf.ReduceOp)
            for n, (region, value) in enumerate(zip(last.reductions, values, strict=True)):
                [totals[n]] = interpreter.run_ssacfg_region(region, (totals[n], value), "reduce")
        return tuple(totals)

    @impl_terminator(scf.ReduceOp)
    def reduce(self, interpreter: Interpreter, op: scf.ReduceOp, args: PythonValues) -> tuple[Any, PythonValues]:
        """What the loop combines."""
        return ReturnedValues(args), ()

    @impl_terminator(scf.ReduceReturnOp)
    def combined(
        self, interpreter: Interpreter, op: scf.ReduceReturnOp, args: PythonValues
    ) -> tuple[Any, PythonValues]:
        """Two values as one."""
        return ReturnedValues(args), ()

    @impl_terminator(scf.YieldOp)
    def finish(self, interpreter: Interpreter, op: scf.YieldOp, args: PythonValues) -> tuple[Any, PythonValues]:
        """What a region gives."""
        return ReturnedValues(args), ()

    @impl_terminator(func.ReturnOp)
    def return_(self, interpreter: Interpreter, op: func.ReturnOp, args: PythonValues) -> tuple[Any, PythonValues]:
        """What a function gives."""
        return ReturnedValues(args), ()

    @impl(func.CallOp)
    def call(self, interpreter: Interpreter, op: func.CallOp, args: PythonValues) -> PythonValues:
        """A phase."""
        return interpreter.call_op(op.callee.string_value(), args)

    @impl_callable(func.FuncOp)
    def function(self, interpreter: Interpreter, op: func.FuncOp, args: PythonValues) -> PythonValues:
        """A function's body."""
        return interpreter.run_ssacfg_region(op.body, args, op.sym_name.data)
