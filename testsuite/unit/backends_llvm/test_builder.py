"""Instructions that are written as text: each is the line that llvmlite writes for the same call."""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false

from collections.abc import Callable
from typing import Any

import pytest
from llvmlite import binding, ir

from agentc.backends.llvm.builder import Builder, Bytes, anything, lanes

I1, I8, I32, I64, F32, F64 = (*(ir.IntType(n) for n in (1, 8, 32, 64)), ir.FloatType(), ir.DoubleType())
POINTER = ir.PointerType()
FOUR = ir.VectorType(F32, 4)
WHOLE = ("add", "sub", "mul", "sdiv", "udiv", "srem", "urem", "and_", "or_", "xor", "shl", "lshr", "ashr")
REAL = ("fadd", "fsub", "fmul", "fdiv")
Write = Callable[[Any, dict[str, Any]], Any]


def declared(module: ir.Module) -> ir.Function:
    return ir.Function(module, ir.FunctionType(F64, [F64, I64]), "scaled")


CASES: dict[str, Write] = {
    **{name: lambda b, v, n=name: getattr(b, n)(v["i"], v["j"]) for name in WHOLE},
    **{name: lambda b, v, n=name: getattr(b, n)(v["x"], v["y"], flags=("nnan", "contract")) for name in REAL},
    "add nsw": lambda b, v: b.add(v["i"], ir.Constant(I64, -3), flags=("nsw",)),
    "named": lambda b, v: b.add(v["i"], v["j"], name="sum"),
    "lanes": lambda b, v: b.fmul(v["v"], v["v"]),
    "trunc": lambda b, v: b.trunc(v["i"], I8),
    "zext": lambda b, v: b.zext(v["c"], I64),
    "sext": lambda b, v: b.sext(v["c"], I64),
    "bitcast": lambda b, v: b.bitcast(v["x"], I64),
    "no cast": lambda b, v: b.bitcast(v["x"], F64),
    "sitofp": lambda b, v: b.sitofp(v["i"], F64),
    "uitofp": lambda b, v: b.uitofp(v["i"], F64),
    "fptrunc": lambda b, v: b.fpext(b.fptrunc(v["x"], F32), F64),
    **{f"icmp s{o}": lambda b, v, o=o: b.icmp_signed(o, v["i"], v["j"]) for o in ("<", "<=", ">", ">=", "==", "!=")},
    **{f"icmp u{o}": lambda b, v, o=o: b.icmp_unsigned(o, v["i"], v["j"]) for o in ("<", "==")},
    "fcmp": lambda b, v: b.fcmp_unordered("uno", v["x"], v["y"]),
    "select": lambda b, v: b.select(v["c"], v["x"], v["y"]),
    "load": lambda b, v: b.load(v["p"], typ=I8),
    "load aligned": lambda b, v: b.load(v["p"], typ=FOUR, align=4),
    "store": lambda b, v: b.store(v["x"], v["p"]),
    "store aligned": lambda b, v: b.store(v["v"], v["p"], align=4),
    "gep": lambda b, v: b.gep(v["p"], [v["i"]], source_etype=F32),
    "gep inbounds": lambda b, v: b.gep(v["p"], [v["i"]], inbounds=True, source_etype=F32),
    "call": lambda b, v: b.call(declared(v["module"]), [v["x"], v["i"]]),
    "call fast": lambda b, v: b.call(declared(v["module"]), [v["x"], v["i"]], fastmath=("nnan", "contract")),
    "call void": lambda b, v: b.call(ir.Function(v["module"], ir.FunctionType(ir.VoidType(), []), "done"), []),
    "insert": lambda b, v: b.insert_element(v["v"], ir.Constant(F32, 0.5), ir.Constant(I32, 0)),
    "alloca": lambda b, v: b.alloca(ir.ArrayType(F32, 7)),
    "fneg": lambda b, v: b.fneg(v["x"]),
}


def function(builder: type[ir.IRBuilder]) -> tuple[ir.Module, Any, dict[str, Any]]:
    """A function with values of many types, and a builder of the kind at its beginning."""
    module = ir.Module("m")
    types = {"i": I64, "j": I64, "x": F64, "y": F64, "c": I1, "p": POINTER, "v": FOUR}
    made = ir.Function(module, ir.FunctionType(ir.VoidType(), list(types.values())), "f")
    for argument, name in zip(made.args, types, strict=True):
        argument.name = name
    build = builder(made.append_basic_block("entry"))
    return module, build, {**dict(zip(types, made.args, strict=True)), "module": module}


def written(builder: type[ir.IRBuilder], write: Write) -> str:
    """A module whose function does what ``write`` says twice, in a loop."""
    module, build, values = function(builder)
    body, end = (build.append_basic_block(name) for name in ("body", "end"))
    entry = build.block
    build.branch(body)
    build.position_at_end(body)
    index, total = build.phi(I64, "i"), build.phi(F64)
    for phi, first in ((index, ir.Constant(I64, 0)), (total, ir.Constant(F64, 0.0))):
        phi.add_incoming(first, entry)
    write(build, values)
    write(build, values)
    index.add_incoming(build.add(index, ir.Constant(I64, 1)), build.block)
    total.add_incoming(total, build.block)
    build.cbranch(build.icmp_signed("<", index, values["i"]), body, end)
    build.position_at_end(end)
    build.ret_void()
    return str(module)


def once(write: Write) -> Write:
    """``write`` where a second time is another function of the same name."""

    def first(build: Any, values: dict[str, Any]) -> Any:
        return None if values.get("did") else values.update(did=write(build, values) or True)

    return first


@pytest.mark.parametrize("name", CASES)
def test_the_line_is_that_of_llvmlite(name: str) -> None:
    write = once(CASES[name]) if name.startswith("call") else CASES[name]
    ours = written(Builder, write)
    assert ours == written(ir.IRBuilder, write)
    binding.parse_assembly(ours).verify()


def test_values_of_two_types_are_refused() -> None:
    _, build, values = function(Builder)
    with pytest.raises(ValueError, match="same type"):
        build.add(values["i"], values["c"])
    with pytest.raises(TypeError):
        build.call(declared(values["module"]), [values["i"], values["i"]])


def test_a_block_ends_once() -> None:
    _, build, _ = function(Builder)
    build.branch(build.block)
    with pytest.raises(AssertionError):
        build.branch(build.block)


def test_what_goes_into_the_entry_goes_before_its_end() -> None:
    module, build, values = function(Builder)
    after = build.append_basic_block("after")
    build.branch(after)
    build.position_at_end(after)
    with build.goto_entry_block():
        build.add(values["i"], values["j"])
    build.ret_void()
    lines = [line.strip() for line in str(module).splitlines()]
    assert lines.index('br label %"after"') == 1 + next(n for n, line in enumerate(lines) if " = add " in line)


@pytest.mark.parametrize("places", [(3, 2, 1, 0), (0, 4), (0, 0, 0, 0)])
def test_a_shuffle_takes_the_lanes_it_names(places: tuple[int, ...]) -> None:
    module, build, values = function(Builder)
    made = build.shuffle_vector(values["v"], anything(FOUR), lanes(places))
    build.ret_void()
    assert str(made.type) == f"<{len(places)} x float>"
    text = str(binding.parse_assembly(str(module)))
    expected = ", ".join(f"i32 {n}" for n in places)
    assert f"<{expected}>" in text or (not any(places) and "zeroinitializer" in text)


def test_bytes_are_spelled_as_by_llvmlite() -> None:
    data = bytes(range(256)) + b'"\\\0'
    type_ = ir.ArrayType(I8, len(data))
    assert Bytes(type_, data).get_reference() == ir.Constant(type_, bytearray(data)).get_reference()


def test_names_are_given_once() -> None:
    _, build, _ = function(Builder)
    scope = build.block.scope
    assert [scope.register("at", deduplicate=True) for _ in range(3)] == ["at", "at.1", "at.2"]
    assert scope.register("", deduplicate=True) != scope.register("")
    with pytest.raises(ValueError, match="two values are called at"):
        scope.register("at")
