"""Every attribute, type and op is documented by an example that parses, verifies and prints back as it stands."""

import re
from io import StringIO

import pytest
from _pytest.mark import ParameterSet
from xdsl.context import Context
from xdsl.dialects.builtin import Builtin
from xdsl.dialects.test import Test
from xdsl.ir import Attribute, Dialect, Operation
from xdsl.parser import Parser
from xdsl.printer import Printer

from agentc.dialects import DIALECTS
from agentc.support.registry import load

EXAMPLE = re.compile(r"```mlir\n(.*?)```", re.DOTALL)


def dialects() -> list[Dialect]:
    return [load(place) for place in DIALECTS.values()]


def context() -> Context:
    ctx = Context()
    for dialect in (Builtin, Test, *dialects()):
        ctx.load_dialect(dialect)
    return ctx


def examples(thing: type) -> list[str]:
    return EXAMPLE.findall(thing.__doc__ or "")


def cases(kind: str) -> list[ParameterSet]:
    found = [(thing, text) for d in dialects() for thing in getattr(d, kind) for text in examples(thing)]
    return [pytest.param(*case, id=case[0].name) for case in found]


def complete(text: str) -> str:
    """The example with a test op that defines each value that it takes for granted."""
    parser = Parser(context(), text)
    defined: list[str] = []
    while parser.parse_optional_operation():
        pass
    for name, uses in parser.forward_ssa_references.items():
        types = ", ".join(str(uses[i].type) for i in sorted(uses))
        defined.append(f'%{name} = "test.op"() : () -> ({types})')
    return "\n".join([*defined, text])


def normal(text: str) -> str:
    """``text`` with one space between words and one spelling of each float."""
    text = re.sub(r"\d+\.\d+(e[+-]?\d+)?", lambda number: repr(float(number.group())), text)
    return re.sub(r"\s+", " ", text).strip()


def printed(op: Operation) -> str:
    out = StringIO()
    Printer(out).print_op(op)
    return out.getvalue()


@pytest.mark.parametrize(("op", "text"), cases("operations"))
def test_op_example_round_trips(op: type[Operation], text: str) -> None:
    module = Parser(context(), complete(text)).parse_module()
    assert op.name in {inner.name for inner in module.walk()}
    assert printed(Parser(context(), printed(module)).parse_module()) == printed(module)
    assert normal(text) in normal(printed(module)), "the example is not as the printer writes it"


@pytest.mark.parametrize(("attribute", "text"), cases("attributes"))
def test_attribute_example_round_trips(attribute: type[Attribute], text: str) -> None:
    for line in text.strip().splitlines():
        value = Parser(context(), line).parse_attribute()
        assert type(value) is attribute
        assert normal(str(value)) == normal(line)
        assert hash(value) == hash(Parser(context(), line).parse_attribute())


def test_every_op_and_parametrized_attribute_has_an_example() -> None:
    without = [op.name for d in dialects() for op in d.operations if not examples(op)]
    assert without == []
