"""Source lines in LLVM IR: debug metadata that ends as the line table of an object file.

A kernel's Python text is the source file. Line tables are all there is (``LineTablesOnly``): a profiler, a debugger and
a sanitizer name the line of each instruction; there are no variables to look at, as a kernel's arrays are fused away.
"""

# llvmlite has no type stubs.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false

from typing import Any

from llvmlite import ir
from xdsl.dialects import func
from xdsl.dialects.builtin import StringAttr
from xdsl.ir import Attribute, Operation

from agentc.analyses.kernel_sources import SOURCE, sources
from agentc.support.diagnostics import Span

PRODUCER = "agentc"
MAX_COLUMN = 0xFFFF
"""LLVM keeps a column in 16 bits; what lies beyond is 0, which is unknown."""


class Lines:
    """The debug metadata of one LLVM module."""

    def __init__(self, module: ir.Module) -> None:
        self.module = module
        self._files: dict[str, Any] = {}
        self._unit: Any = None
        self._type: Any = None

    def function(self, function: func.FuncOp, made: ir.Function) -> "FunctionLines | None":
        """What gives ``made``, the code of ``function``, its lines; ``None`` where it does not say where it is from."""
        places = sources(function)
        if not places:
            return None
        first = Span.parse(places[0])
        file = self.file(first.file)
        operands = {
            "name": function.sym_name.data,
            "linkageName": made.name,
            "scope": file,
            "file": file,
            "line": first.line,
            "type": self._subroutine(),
            "scopeLine": first.line,
            "spFlags": ir.DIToken("DISPFlagDefinition | DISPFlagOptimized"),
            "unit": self._compile_unit(file),
        }
        scope = self.module.add_debug_info("DISubprogram", operands, is_distinct=True)
        made.set_metadata("dbg", scope)
        return FunctionLines(self, scope, first)

    def file(self, name: str) -> Any:
        """The file ``name``, relative to wherever the definition lies: builds are the same in every folder."""
        if name not in self._files:
            self._files[name] = self.module.add_debug_info("DIFile", {"filename": name, "directory": "."})
        return self._files[name]

    def _subroutine(self) -> Any:
        if self._type is None:
            none = self.module.add_metadata([None])
            self._type = self.module.add_debug_info("DISubroutineType", {"types": none})
        return self._type

    def _compile_unit(self, file: Any) -> Any:
        if self._unit is None:
            operands = {
                "language": ir.DIToken("DW_LANG_Python"),
                "file": file,
                "producer": PRODUCER,
                "isOptimized": True,
                "runtimeVersion": 0,
                "emissionKind": ir.DIToken("LineTablesOnly"),
            }
            self._unit = self.module.add_debug_info("DICompileUnit", operands, is_distinct=True)
            self.module.add_named_metadata("llvm.dbg.cu", self._unit)
            for name, value in (("Debug Info Version", 3), ("Dwarf Version", 5)):
                flag = [ir.Constant(ir.IntType(32), 2), name, ir.Constant(ir.IntType(32), value)]
                self.module.add_named_metadata("llvm.module.flags", flag)
        return self._unit


class FunctionLines:
    """The places of one function's instructions."""

    def __init__(self, lines: Lines, scope: Any, first: Span) -> None:
        self._lines, self._scope, self._file = lines, scope, first.file
        self._scopes: dict[str, Any] = {first.file: scope}
        self._known: dict[Attribute, Any] = {}
        self.start: Any = self._location(first)
        """Where the function begins: whatever has no place of its own is there."""

    def of(self, op: Operation, otherwise: Any) -> Any:
        """The place of ``op``, the last one where it has several; ``otherwise`` where it states none."""
        attribute = op.attributes.get(SOURCE)
        if attribute is None:
            return otherwise
        if attribute not in self._known:
            place = attribute.data if isinstance(attribute, StringAttr) else sources(op)[-1]
            self._known[attribute] = self._location(Span.parse(place))
        return self._known[attribute]

    def _location(self, place: Span) -> Any:
        column = place.column if place.column <= MAX_COLUMN else 0
        operands = {"line": place.line, "column": column, "scope": self._in(place.file)}
        return self._lines.module.add_debug_info("DILocation", operands)

    def _in(self, file: str) -> Any:
        """The function's scope, in another file where what was inlined is from there."""
        if file not in self._scopes:
            operands = {"scope": self._scope, "file": self._lines.file(file), "discriminator": 0}
            self._scopes[file] = self._lines.module.add_debug_info("DILexicalBlockFile", operands)
        return self._scopes[file]
