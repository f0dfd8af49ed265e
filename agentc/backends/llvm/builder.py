"""Writes the instructions that kernels are made of, each as soon as it is built.

llvmlite keeps an instruction as an object with its operands and formats all of them at the end, which is about half of
the time that a kernel takes from loops to the text of LLVM IR. Here the most frequent ones are lines of text from the
start. They are the same lines, with the same names, and what this builder does not know llvmlite writes.
"""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false, reportUntypedBaseClass=false

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir

BIT = ir.IntType(1)
VOID = ir.VoidType()
ORDERS: Mapping[str, str] = {">": "gt", "<": "lt", "==": "eq", "!=": "ne", ">=": "ge", "<=": "le"}


def external(module: ir.Module, name: str, result: ir.Type, arguments: Sequence[ir.Type]) -> ir.Function:
    """A function that is defined elsewhere, by LLVM or a library, declared in ``module`` once."""
    found = module.globals.get(name)
    return found if isinstance(found, ir.Function) else ir.Function(module, ir.FunctionType(result, arguments), name)


BYTE = ir.ArrayType(ir.IntType(8), 1)
_SPELLED = np.array([ir.Constant(BYTE, bytearray([n])).get_reference()[2:-1].encode() for n in range(256)])
"""Each byte as it stands in a string of LLVM IR: one character or three."""


class Bytes(ir.Value):
    """A constant array of bytes, which NumPy writes: byte by byte in Python takes four times as long."""

    def __init__(self, type_: ir.ArrayType, data: bytes) -> None:
        self.type = type_
        self.data = data

    def get_reference(self) -> str:
        """The bytes as a string of LLVM IR."""
        spelled = _SPELLED[np.frombuffer(self.data, np.uint8)].tobytes().translate(None, b"\0")
        return f'c"{spelled.decode("ascii")}"'


class Written(ir.Value):
    """A constant in words of its own: llvmlite writes one of a vector lane by lane, and makes an object of each."""

    def __init__(self, type_: Any, text: str) -> None:
        self.type = type_
        self._text = text

    def get_reference(self) -> str:
        """The constant, without its type."""
        return self._text


@lru_cache(maxsize=256)
def lanes(places: tuple[int, ...]) -> Written:
    """The lanes at ``places`` of two vectors, one behind the other."""
    numbers = f"<{', '.join([f'i32 {n}' for n in places])}>"
    return Written(ir.VectorType(ir.IntType(32), len(places)), numbers if any(places) else "zeroinitializer")


@lru_cache(maxsize=64)
def anything(type_: Any) -> Written:
    """A value of ``type_`` that nobody looks at."""
    return Written(type_, "undef")


class Line(ir.Value):
    """An instruction that is written: its value may be taken, and the instruction itself is not looked at any more."""

    parent: ir.Block

    def __init__(self, type_: Any, reference: str, text: str) -> None:
        self.type = type_
        self._reference = reference
        self._text = text

    def get_reference(self) -> str:
        """How other instructions name the value."""
        return self._reference

    def __str__(self) -> str:
        return self._text

    def __format__(self, spec: str) -> str:
        return self._text


class Joined(Line):
    """A phi, whose text is known when all are that come in."""

    def __init__(self, type_: Any, reference: str, said: str) -> None:
        super().__init__(type_, reference, "")
        self._said = said
        self._incoming: list[str] = []

    def add_incoming(self, value: Any, block: ir.Block) -> None:
        """The value is ``value`` where the block before was ``block``."""
        self._incoming.append(f"[{value.get_reference()}, {block.get_reference()}]")

    def __str__(self) -> str:
        return f"{self._reference} = phi  {self.type} {', '.join(self._incoming)}{self._said}"

    def __format__(self, spec: str) -> str:
        return str(self)


def _binary(name: str) -> Callable[..., Any]:
    slow: Any = getattr(ir.IRBuilder, name)
    word = name.rstrip("_")

    def emit(build: "Builder", left: Any, right: Any, name: str = "", flags: Sequence[str] = ()) -> Any:
        type_ = left.type
        if name or (type_ is not right.type and type_ != right.type):
            return slow(build, left, right, name, flags)
        said = f"{word} {' '.join(flags)}" if flags else word
        return build.line(type_, f"{said} {type_} {left.get_reference()}, {right.get_reference()}")

    return emit


def _conversion(name: str) -> Callable[..., Any]:
    slow: Any = getattr(ir.IRBuilder, name)

    def emit(build: "Builder", value: Any, type_: Any, name_: str = "") -> Any:
        if name_ or value.type == type_:
            return slow(build, value, type_, name_)
        return build.line(type_, f"{name} {value.type} {value.get_reference()} to {type_}")

    return emit


class Names:
    """The names of one function's values and blocks: those that llvmlite gives, of which most are numbers."""

    def __init__(self, function: Any) -> None:
        named = [*function.args, *function.blocks]
        self._taken: set[str] = {value.name for value in named}
        self._numbers: dict[str, int] = {}
        self._last = int(function.return_value.name.removeprefix("."))  # what a function itself has names first

    def number(self) -> str:
        """The next name that is only a number."""
        self._last += 1
        return f".{self._last}"

    def register(self, name: str, deduplicate: bool = False) -> str:
        """``name``, or where it is taken, with a number.

        Raises:
            ValueError: it is taken, and is not to be changed.
        """
        if not name:
            return self.number()
        stem = name
        while name in self._taken:
            if not deduplicate:
                raise ValueError(f"two values are called {name}")
            self._numbers[stem] = self._numbers.get(stem, 0) + 1
            name = f"{stem}.{self._numbers[stem]}"
        self._taken.add(name)
        return name


class Builder(ir.IRBuilder):
    """As llvmlite's builder, of a function that nothing has been written into yet."""

    def __init__(self, block: Any) -> None:
        super().__init__(block)
        function = block.parent
        if not isinstance(function.scope, Names):
            function.scope = Names(function)
            for known in function.blocks:
                known.scope = function.scope

    add, sub, mul = _binary("add"), _binary("sub"), _binary("mul")
    sdiv, udiv, srem, urem = _binary("sdiv"), _binary("udiv"), _binary("srem"), _binary("urem")
    fadd, fsub, fmul, fdiv = _binary("fadd"), _binary("fsub"), _binary("fmul"), _binary("fdiv")
    and_, or_, xor = _binary("and_"), _binary("or_"), _binary("xor")
    shl, lshr, ashr = _binary("shl"), _binary("lshr"), _binary("ashr")
    trunc, zext, sext, bitcast = _conversion("trunc"), _conversion("zext"), _conversion("sext"), _conversion("bitcast")
    sitofp, uitofp = _conversion("sitofp"), _conversion("uitofp")
    fpext, fptrunc = _conversion("fpext"), _conversion("fptrunc")

    @property
    def _at(self) -> Any:
        return self._block

    def line(self, type_: Any, text: str) -> Line:
        """The instruction ``text``, which gives a value of ``type_``."""
        block = self._at
        reference = f'%"{block.scope.number()}"'
        said = "" if self.debug_metadata is None else self._said()
        made = Line(type_, reference, f"{reference} = {text}{said}")
        block.instructions.insert(self._anchor, made)
        self._anchor += 1
        return made

    def silent(self, text: str) -> Line:
        """The instruction ``text``, which gives no value. It uses up a name, as in llvmlite."""
        self._at.scope.number()
        return self._placed(Line(VOID, "", f"{text}{self._said()}"))

    def _said(self) -> str:
        """Where in the source an instruction is from."""
        return "" if self.debug_metadata is None else f", !dbg {self.debug_metadata.get_reference()}"

    def _placed(self, made: Any) -> Any:
        self._at.instructions.insert(self._anchor, made)
        self._anchor += 1
        return made

    def _icmp(self, prefix: str, cmpop: str, lhs: Any, rhs: Any, name: str) -> Any:
        if name or cmpop not in ORDERS or isinstance(lhs.type, ir.VectorType):
            return super()._icmp(prefix, cmpop, lhs, rhs, name)
        order = ORDERS[cmpop] if cmpop in ("==", "!=") else prefix + ORDERS[cmpop]
        return self.line(BIT, f"icmp {order} {lhs.type} {lhs.get_reference()}, {rhs.get_reference()}")

    def select(self, cond: Any, lhs: Any, rhs: Any, name: str = "", flags: Sequence[str] = ()) -> Any:
        """``lhs`` where ``cond`` holds, else ``rhs``."""
        if name or flags or lhs.type != rhs.type:
            return super().select(cond, lhs, rhs, name, flags)
        either = f"{lhs.type} {lhs.get_reference()}, {rhs.type} {rhs.get_reference()}"
        return self.line(lhs.type, f"select  {cond.type} {cond.get_reference()}, {either}")

    def insert_element(self, vector: Any, value: Any, idx: Any, name: str = "") -> Any:
        """``vector`` with ``value`` in the lane ``idx``."""
        if name or value.type != vector.type.element:
            return super().insert_element(vector, value, idx, name)
        into = f"{vector.type} {vector.get_reference()}, {value.type} {value.get_reference()}"
        return self.line(vector.type, f"insertelement {into}, {idx.type} {idx.get_reference()}")

    def shuffle_vector(self, vector1: Any, vector2: Any, mask: Any, name: str = "") -> Any:
        """Lanes of both vectors."""
        type_ = vector1.type
        if type(mask) is not Written or type_ != vector2.type:
            return super().shuffle_vector(vector1, vector2, mask, name)
        made = ir.VectorType(type_.element, mask.type.count)
        both = f"{type_} {vector1.get_reference()}, {type_} {vector2.get_reference()}"
        return self.line(made, f"shufflevector {both}, {mask.type} {mask.get_reference()}")

    def load(self, ptr: Any, name: str = "", align: int | None = None, typ: Any = None) -> Any:
        """What is at ``ptr``."""
        if name or typ is None or not isinstance(ptr.type, ir.PointerType):
            return super().load(ptr, name, align, typ)
        aligned = "" if align is None else f", align {align}"
        return self.line(typ, f"load {typ}, {ptr.type} {ptr.get_reference()}{aligned}")

    def stream(self, value: Any, ptr: Any, align: int) -> None:
        """``value`` to ``ptr``, past the caches."""
        past = self.module.add_metadata([ir.Constant(ir.IntType(32), 1)]).get_reference()
        type_, value_ = ptr.type, value.get_reference()
        self.silent(f"store {value.type} {value_}, {type_} {ptr.get_reference()}, align {align}, !nontemporal {past}")

    def store(self, value: Any, ptr: Any, align: int | None = None) -> Any:
        """``value`` to ``ptr``."""
        type_ = ptr.type
        if not isinstance(type_, ir.PointerType) or not type_.is_opaque:
            return super().store(value, ptr, align)
        aligned = "" if align is None else f", align {align}"
        return self.silent(f"store {value.type} {value.get_reference()}, {type_} {ptr.get_reference()}{aligned}")

    def gep(
        self, ptr: Any, indices: Sequence[Any], inbounds: bool = False, name: str = "", source_etype: Any = None
    ) -> Any:
        """The address ``indices`` elements behind ``ptr``; of a vector of indices, one in each lane."""
        if name or source_etype is None or len(indices) != 1:
            return super().gep(ptr, indices, inbounds, name, source_etype)
        type_, index = ptr.type, indices[0]
        op = "getelementptr inbounds" if inbounds else "getelementptr"
        at = f"{index.type} {index.get_reference()}"
        made = ir.VectorType(type_, index.type.count) if isinstance(index.type, ir.VectorType) else type_
        return self.line(made, f"{op} {source_etype}, {type_} {ptr.get_reference()}, {at}")

    def call(self, fn: Any, args: Sequence[Any], *more: Any, fastmath: Sequence[str] = (), **others: Any) -> Any:
        """The value of ``fn`` for ``args``."""
        if more or others or not _plain(fn, args):
            return super().call(fn, args, *more, fastmath=fastmath, **others)
        flags = f" {' '.join(sorted(fastmath))}" if fastmath else ""
        given = ", ".join([f"{a.type} {a.get_reference()}" for a in args])
        type_ = fn.ftype.return_type
        text = f"call{flags} {type_} {fn.get_reference()}({given})"
        return self.silent(text) if type_ == VOID else self.line(type_, text)

    def phi(self, typ: Any, name: str = "", flags: Sequence[str] = ()) -> Any:
        """A value that depends on the block before."""
        if flags:
            return super().phi(typ, name, flags)
        reference = f'%"{self._at.scope.register(name, deduplicate=True)}"'
        return self._placed(Joined(typ, reference, self._said()))

    def branch(self, target: ir.Block) -> Any:
        """Go on in ``target``."""
        return self._end(f"br label {target.get_reference()}")

    def cbranch(self, cond: Any, truebr: ir.Block, falsebr: ir.Block) -> Any:
        """Go on in ``truebr`` where ``cond`` holds, else in ``falsebr``."""
        where = f"label {truebr.get_reference()}, label {falsebr.get_reference()}"
        return self._end(f"br {cond.type} {cond.get_reference()}, {where}")

    def _end(self, text: str) -> Line:
        block = self._at
        assert not block.is_terminated
        block.terminator = made = self.silent(text)
        made.parent = block  # what is to be at the end of the block goes before it
        return made


def _plain(function: Any, arguments: Sequence[Any]) -> bool:
    """Whether a call of ``function`` says nothing but its arguments, which are of the types that it takes."""
    signature: Any = function.function_type
    if type(function) is not ir.Function or function.calling_convention or signature.var_arg:
        return False
    types: Sequence[Any] = signature.args
    return len(types) == len(arguments) and all(
        a.type is t or a.type == t for a, t in zip(arguments, types, strict=True)
    )
