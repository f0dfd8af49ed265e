"""``linalg_ext`` on NumPy arrays, by NumPy's own functions, not by the loops that compiled code runs."""

from typing import Any

import numpy as np
from xdsl.interpreter import Interpreter, InterpreterFunctions, PythonValues, impl, register_impls

from agentc.dialects.linalg_ext import AutomatonOp, ExtOp, FourierOp, ScanOp, ScatterOp, SortOp, TopKOp
from agentc.runtime.interpreters.scalars import unsigned


def _read(value: Any, order: str) -> Any:
    return unsigned(value) if order == "unsigned" else np.asarray(value)


def _given(op: ExtOp, args: PythonValues, results: list[Any]) -> PythonValues:
    """New tensors, or what was written into the memory of the outputs."""
    outputs = args[len(op.inputs) :]
    typed = [np.asarray(r).astype(o.dtype) for r, o in zip(results, outputs, strict=True)]
    if op.results:
        return tuple(typed)
    for output, result in zip(outputs, typed, strict=True):
        output[...] = result
    return ()


@register_impls
class OrderedMeaning(InterpreterFunctions):
    """Sorting, selection, running sums, scattered rows, automata."""

    @impl(SortOp)
    def sort(self, interpreter: Interpreter, op: SortOp, args: PythonValues) -> PythonValues:
        """By ``np.argsort``."""
        order = np.argsort(_read(args[0], op.order.data), axis=-1, kind="stable")
        return _given(op, args, [np.take_along_axis(a, order, axis=-1) for a in args[: len(op.inputs)]])

    @impl(TopKOp)
    def top_k(self, interpreter: Interpreter, op: TopKOp, args: PythonValues) -> PythonValues:
        """By ``np.argsort`` of what is turned around."""
        value, count = _read(args[0], op.order.data), args[1].shape[-1]
        turned = ~value if value.dtype.kind in "iub" else -value
        places = np.argsort(turned, axis=-1, kind="stable")[..., :count]
        lacking = [(0, 0)] * (value.ndim - 1) + [(0, count - places.shape[-1])]
        least = -np.inf if value.dtype.kind == "f" else int(np.iinfo(value.dtype).min)
        best = np.pad(np.take_along_axis(value, places, axis=-1), lacking, constant_values=least)
        return _given(op, args, [best, np.pad(places, lacking, constant_values=-1)])

    @impl(ScanOp)
    def scan(self, interpreter: Interpreter, op: ScanOp, args: PythonValues) -> PythonValues:
        """By ``ufunc.accumulate``."""
        ufunc: Any = {"add": np.add, "mul": np.multiply, "max": np.maximum, "min": np.minimum}[op.kind.data]
        value = _read(args[0], op.order.data)
        with np.errstate(all="ignore"):
            return _given(op, args, [ufunc.accumulate(value, axis=-1, dtype=value.dtype)])

    @impl(ScatterOp)
    def scatter(self, interpreter: Interpreter, op: ScatterOp, args: PythonValues) -> PythonValues:
        """By ``ufunc.at``, or one row after the other."""
        updates, rows, target = (np.asarray(a) for a in args)
        places = np.where(rows < 0, rows + len(target), rows)
        kept = (places >= 0) & (places < len(target))
        found = _read(target, op.order.data).copy()
        for row, update in zip(places[kept], _read(updates, op.order.data)[kept], strict=True):
            combine: Any = {"add": np.add, "max": np.maximum, "min": np.minimum}.get(op.kind.data)
            found[row] = update if combine is None else combine(found[row], update)
        return _given(op, args, [found])

    @impl(AutomatonOp)
    def automaton(self, interpreter: Interpreter, op: AutomatonOp, args: PythonValues) -> PythonValues:
        """Byte by byte."""
        step = -1 if op.backward else 1
        text, table = unsigned(args[0])[..., ::step], unsigned(args[1])
        states = np.zeros_like(text)
        for place in np.ndindex(text.shape[:-1]):
            state = 0
            for i, byte in enumerate(text[place]):
                states[(*place, i)] = value = table[state, byte]
                state = int(value) if value < len(table) else 0
        return _given(op, args, [states[..., ::step]])

    @impl(FourierOp)
    def fourier(self, interpreter: Interpreter, op: FourierOp, args: PythonValues) -> PythonValues:
        """By ``np.fft.rfft``, in double precision."""
        found = np.fft.rfft(np.asarray(args[0], np.float64), axis=-1)
        return _given(op, args, [found.real, found.imag] if len(op.outputs) == 2 else [np.abs(found) ** 2])
