"""Code on vectors of complex numbers, and transforms of a few points."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from xdsl.builder import Builder
from xdsl.dialects import arith, vector
from xdsl.dialects.builtin import IndexType, VectorType
from xdsl.dialects.utils import FastMathFlag
from xdsl.ir import Attribute, Block, Operation, Region, SSAValue

from agentc.analyses.kernel_builders import shuffled
from agentc.analyses.kernel_dims import is_vector
from agentc.analyses.kernel_ops import Appending, counted, made, yielded

FLOATS = (arith.AddfOp, arith.SubfOp, arith.MulfOp)
FAST = arith.FastMathFlagsAttr([FastMathFlag.ALLOW_CONTRACT])

Turn: TypeAlias = tuple[SSAValue, SSAValue]
"""A complex number in every lane: the real part, and the imaginary one with the sign that it has in a product's parts."""


@dataclass
class Code:
    """Writes code on vectors of complex numbers at one place: a row in each lane, all real parts before all imaginary
    ones, so that sums and products with real numbers are one op.
    """

    build: Builder
    lanes: VectorType[Attribute]

    def two(self, kind: type[Operation], a: SSAValue, b: SSAValue) -> SSAValue:
        """An op of two vectors, or of two indices."""
        floats: dict[str, Attribute] = {"fastmath": FAST} if kind in FLOATS else {}
        return self.build.insert(made(kind, [a, b], [a.type], floats)).results[0]

    def add(self, a: SSAValue, b: SSAValue) -> SSAValue:
        """``a + b``"""
        return self.two(arith.AddfOp, a, b)

    def sub(self, a: SSAValue, b: SSAValue) -> SSAValue:
        """``a - b``"""
        return self.two(arith.SubfOp, a, b)

    def scaled(self, a: SSAValue, by: SSAValue) -> SSAValue:
        """Each lane of ``a`` times that of ``by``."""
        return self.two(arith.MulfOp, a, by)

    def plus(self, a: SSAValue, b: SSAValue, by: SSAValue) -> SSAValue:
        """``a + b * by``, lane by lane."""
        return self.add(a, self.scaled(b, by))

    def picked(self, a: SSAValue, b: SSAValue, places: Sequence[int]) -> SSAValue:
        """Lanes of two vectors, by number."""
        return self.build.insert(shuffled(a, b, places)).result

    def joined(self, parts: Sequence[SSAValue]) -> SSAValue:
        """All lanes of the first halves of vectors, then all of the second ones; a single lane is a first half."""
        if len(parts) == 1:
            return parts[0]
        left, right = (self.joined(half) for half in (parts[: len(parts) // 2], parts[len(parts) // 2 :]))
        assert is_vector(left.type)
        (count,) = left.type.get_shape()
        first = (count + 1) // 2
        places = [*range(first), *range(count, count + first), *range(first, count), *range(count + first, 2 * count)]
        return self.picked(left, right, places)

    def exchanged(self, a: SSAValue) -> SSAValue:
        """Real and imaginary parts in each other's place: ``i a``, but for the sign of its real part."""
        count = self.lanes.get_shape()[0]
        return self.picked(a, a, [(lane + count // 2) % count for lane in range(count)])

    def turned(self, a: SSAValue, by: Turn) -> SSAValue:
        """The product of complex numbers."""
        return self.plus(self.scaled(a, by[0]), self.exchanged(a), by[1])

    def load(self, memory: SSAValue, *at: SSAValue, lanes: VectorType[Attribute] | None = None) -> SSAValue:
        """What is from ``at`` on."""
        return self.build.insert(made(vector.LoadOp, [memory, *at], [lanes or self.lanes])).result

    def store(self, value: SSAValue, memory: SSAValue, *at: SSAValue) -> None:
        """From ``at`` on."""
        self.build.insert(made(vector.StoreOp, [value, memory, *at]))

    def loop(self, high: SSAValue, step: SSAValue, zero: SSAValue, body: Callable[["Code", SSAValue], None]) -> None:
        """``for i in range(0, high, step)``; none around what is done once."""
        if high is step:
            body(self, zero)
            return
        block = Block(arg_types=[IndexType()])
        body(Code(Appending(block), self.lanes), block.args[0])
        block.add_op(yielded())
        self.build.insert(counted(zero, high, step, (), Region(block)))


def two(code: Code, x: Sequence[SSAValue], constants: Sequence[SSAValue]) -> list[SSAValue]:
    """A transform of two points."""
    return [code.add(x[0], x[1]), code.sub(x[0], x[1])]


def three(code: Code, x: Sequence[SSAValue], constants: Sequence[SSAValue]) -> list[SSAValue]:
    """A transform of three points; the constants are a third of a turn."""
    total, apart = code.add(x[1], x[2]), code.exchanged(code.sub(x[1], x[2]))
    middle, aside = code.plus(x[0], total, constants[0]), code.scaled(apart, constants[1])
    return [code.add(x[0], total), code.add(middle, aside), code.sub(middle, aside)]


def four(code: Code, x: Sequence[SSAValue], constants: Sequence[SSAValue]) -> list[SSAValue]:
    """A transform of four points; the constant is a quarter of a turn."""
    a, b = code.add(x[0], x[2]), code.sub(x[0], x[2])
    c, d = code.add(x[1], x[3]), code.scaled(code.exchanged(code.sub(x[1], x[3])), constants[0])
    return [code.add(a, c), code.add(b, d), code.sub(a, c), code.sub(b, d)]


def five(code: Code, x: Sequence[SSAValue], constants: Sequence[SSAValue]) -> list[SSAValue]:
    """A transform of five points; the constants are one and two fifths of a turn."""
    c1, s1, c2, s2 = constants
    a, b = code.add(x[1], x[4]), code.add(x[2], x[3])
    c, d = code.exchanged(code.sub(x[1], x[4])), code.exchanged(code.sub(x[2], x[3]))
    near = code.plus(code.plus(x[0], a, c1), b, c2)
    far = code.plus(code.plus(x[0], a, c2), b, c1)
    one = code.plus(code.scaled(c, s1), d, s2)
    other = code.sub(code.scaled(c, s2), code.scaled(d, s1))
    first = code.add(x[0], code.add(a, b))
    return [first, code.add(near, one), code.add(far, other), code.sub(far, other), code.sub(near, one)]


def _part(turn: float) -> tuple[tuple[float, float], tuple[float, float]]:
    """Cosine and sine of a part of a turn. The sine is for a product with ``-i`` of a vector with its parts exchanged."""
    cosine, sine = float(np.cos(2 * np.pi * turn)), float(np.sin(2 * np.pi * turn))
    return (cosine, cosine), (sine, -sine)


BUTTERFLIES = {2: two, 3: three, 4: four, 5: five}
BUTTERFLY_CONSTANTS: dict[int, tuple[tuple[float, float], ...]] = {
    2: (),
    3: _part(1 / 3),
    4: ((1.0, -1.0),),
    5: (*_part(1 / 5), *_part(2 / 5)),
}
"""Radix -> numbers for real and for imaginary parts."""
