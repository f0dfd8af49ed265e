"""What makes a class an operation: as xDSL's ``irdl_op_definition``, but its syntax is read when it is first needed.

Reading an op's assembly format takes 0.4 ms, and a compile imports 50 ops of which it writes a third.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, TypeVar

from xdsl.irdl import IRDLOperation, irdl_op_definition

if TYPE_CHECKING:
    from xdsl.irdl import OpDef
    from xdsl.irdl.declarative_assembly_format import FormatProgram
    from xdsl.parser import Parser
    from xdsl.printer import Printer

T = TypeVar("T", bound=IRDLOperation)


def op_definition(cls: type[T]) -> type[T]:
    """Make ``cls`` an operation.

    Raises:
        PyRDLOpDefinitionError: as xDSL does; of a wrong ``assembly_format`` at the first op that is written or read.
    """
    stated = cls.assembly_format
    if stated is None:
        return irdl_op_definition(cls)
    cls.assembly_format = None
    try:
        irdl_op_definition(cls)
    finally:
        cls.assembly_format = stated
    definition = cls.get_irdl_definition()
    definition.assembly_format = stated
    _give_syntax(cls, stated, definition)
    return cls


def _give_syntax(cls: type[IRDLOperation], stated: str, definition: OpDef) -> None:
    """The methods that xDSL gives an op with an assembly format."""

    @cache
    def program() -> FormatProgram:
        from xdsl.irdl.declarative_assembly_format import FormatProgram
        from xdsl.utils.exceptions import ParseError, PyRDLOpDefinitionError

        try:
            return FormatProgram.from_str(stated, definition)
        except ParseError as error:
            raise PyRDLOpDefinitionError("Error during the parsing of the assembly format: ", error.args) from error

    def parse(kind: type[IRDLOperation], parser: Parser) -> IRDLOperation:
        return program().parse(parser, kind)

    def write(self: IRDLOperation, printer: Printer) -> None:
        program().print(printer, self)

    for name, method in (("parse", classmethod(parse)), ("print", write)):
        setattr(cls, name, method)
