"""``vector`` and ``vector_ext`` on NumPy arrays: what vectorized loops mean."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np
from xdsl.dialects import vector
from xdsl.dialects.builtin import VectorType
from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls
from xdsl.ir import Attribute, SSAValue

from agentc.dialects.vector_ext import CastOp, CompareOp, FieldOp, GatherOp, RegistersOp, SelectOp, WordsOp
from agentc.runtime.interpreters.scalars import compare_floats, compare_integers, dtype_of, unsigned

REDUCE: Mapping[str, Callable[[Any], Any]] = {
    "add": np.sum,
    "mul": np.prod,
    "maximumf": np.max,
    "maxnumf": np.fmax.reduce,
    "maxsi": np.max,
    "maxui": lambda v: np.max(unsigned(v)),
    "minimumf": np.min,
    "minnumf": np.fmin.reduce,
    "minsi": np.min,
    "minui": lambda v: np.min(unsigned(v)),
    "and": np.bitwise_and.reduce,
    "or": np.bitwise_or.reduce,
    "xor": np.bitwise_xor.reduce,
}
COMBINE: Mapping[str, Callable[[Any, Any], Any]] = {
    "add": np.add,
    "mul": np.multiply,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
    "maximumf": np.maximum,
    "maxsi": np.maximum,
    "minimumf": np.minimum,
    "minsi": np.minimum,
}


REGISTERS = 256
"""Bytes of the vector registers of the machine that is played here: what every target has at least."""


def lanes(value: SSAValue) -> tuple[int, ...]:
    """The shape of a vector."""
    return tuple(cast("VectorType[Attribute]", value.type).get_shape())


def window(memory: Any, places: Sequence[Any], shape: tuple[int, ...]) -> Any:
    """The part of memory that a vector at ``places`` covers: along the last axes.

    Raises:
        IndexError: it reaches beyond the memory.
    """
    before = [int(p) for p in places[: len(places) - len(shape)]]
    starts = [int(p) for p in places[len(places) - len(shape) :]]
    part = memory[tuple(before)]
    if any(s < 0 or s + n > size for s, n, size in zip(starts, shape, part.shape, strict=True)):
        raise IndexError(f"a vector of {shape} at {starts} of {part.shape}")
    return part[tuple(slice(s, s + n) for s, n in zip(starts, shape, strict=True))]


@register_impls
class VectorMeaning(InterpreterFunctions):
    """A vector is a small array."""

    @impl(vector.BroadcastOp)
    def broadcast(self, interpreter: Interpreter, op: vector.BroadcastOp, args: PythonValues) -> PythonValues:
        """One value in every lane."""
        return (np.array(np.broadcast_to(args[0], lanes(op.vector))),)

    @impl(vector.InsertOp)
    def insert(self, interpreter: Interpreter, op: vector.InsertOp, args: PythonValues) -> PythonValues:
        """A vector with another value in one lane."""
        changed = args[1].copy()
        changed[tuple(op.static_position.get_values())] = args[0]
        return (changed,)

    @impl(vector.LoadOp)
    def load(self, interpreter: Interpreter, op: vector.LoadOp, args: PythonValues) -> PythonValues:
        """Neighboring elements."""
        return (window(args[0], args[1:], lanes(op.result)).copy(),)

    @impl(vector.StoreOp)
    def store(self, interpreter: Interpreter, op: vector.StoreOp, args: PythonValues) -> PythonValues:
        """Neighboring elements."""
        window(args[1], args[2:], np.shape(args[0]))[...] = args[0]
        return ()

    @impl(vector.ShuffleOp)
    def shuffle(self, interpreter: Interpreter, op: vector.ShuffleOp, args: PythonValues) -> PythonValues:
        """Lanes of two vectors by number."""
        return (np.concatenate(args)[list(op.mask.iter_values())],)

    @impl(vector.ReductionOp)
    def reduction(self, interpreter: Interpreter, op: vector.ReductionOp, args: PythonValues) -> PythonValues:
        """All lanes as one."""
        kind = op.kind.data.value
        found: Any = np.asarray(REDUCE[kind](args[0])).astype(dtype_of(op.dest.type))
        return (found if len(args) == 1 else COMBINE[kind](found, args[1]),)

    @impl(CastOp)
    def cast(self, interpreter: Interpreter, op: CastOp, args: PythonValues) -> PythonValues:
        """Each lane converted."""
        value = unsigned(args[0]) if op.kind.data in ("uitofp", "extui") else np.asarray(args[0])
        return (value.astype(dtype_of(op.result.type)),)

    @impl(CompareOp)
    def compare(self, interpreter: Interpreter, op: CompareOp, args: PythonValues) -> PythonValues:
        """Each lane compared."""
        floats = np.asarray(args[0]).dtype.kind == "f"
        return ((compare_floats if floats else compare_integers)(op.kind.data, *args),)

    @impl(SelectOp)
    def select(self, interpreter: Interpreter, op: SelectOp, args: PythonValues) -> PythonValues:
        """One of two in each lane."""
        condition, first, second = (np.asarray(a) for a in args)
        return (np.where(condition, first, second),)

    @impl(GatherOp)
    def gather(self, interpreter: Interpreter, op: GatherOp, args: PythonValues) -> PythonValues:
        """Elements by place.

        Raises:
            IndexError: one is not inside.
        """
        memory, places = args
        if np.min(places) < 0:
            raise IndexError(f"place {np.min(places)} of {len(memory)}")
        return (memory[places],)

    @impl(WordsOp)
    def words(self, interpreter: Interpreter, op: WordsOp, args: PythonValues) -> PythonValues:
        """Four bytes each, the first lowest."""
        return (np.ascontiguousarray(args[0]).reshape(-1).view("<i4").astype("i4"),)

    @impl(FieldOp)
    def field(self, interpreter: Interpreter, op: FieldOp, args: PythonValues) -> PythonValues:
        """Some bits of each word and a constant."""
        at, bits, plus = (attribute.value.data for attribute in (op.at, op.bits, op.plus))
        found = (unsigned(args[0]).astype("i8") >> at) & ((1 << bits) - 1)
        return ((found + plus).astype("f4"),)

    @impl(RegistersOp)
    def registers(self, interpreter: Interpreter, op: RegistersOp, args: PythonValues) -> PythonValues:
        """A constant."""
        return (REGISTERS,)
