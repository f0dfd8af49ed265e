"""A kernel on tensors as one ONNX model."""

# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

import json

import onnx
from onnx import helper
from xdsl.dialects import arith, func, tensor
from xdsl.dialects.builtin import AnyFloat, ModuleOp
from xdsl.dialects.linalg.ops import FillOp, GenericOp
from xdsl.ir import Operation, SSAValue

from agentc.analyses.kernel_dims import REQUIRES, UNSIGNED, argument_names, as_list, element_of, function_dims, shape_of
from agentc.analyses.kernel_sources import lines, sources
from agentc.backends.onnx.graph import IR_VERSION, OPSET
from agentc.backends.onnx.kernels import ordered
from agentc.backends.onnx.kernels.generics import GenericGraph, changes, refuse
from agentc.backends.onnx.kernels.nodes import OUTSIDE, Nodes, inside
from agentc.backends.onnx.kernels.scalars import emit
from agentc.dialects.linalg_ext import ExtOp
from agentc.plan.kernels import Dim
from agentc.support.diagnostics import Diagnostic, Refused


def translate(module: ModuleOp) -> onnx.ModelProto:
    """The model of the one function of ``module``, checked, its shapes inferred strictly.

    Raises:
        Refused: ``kernel-unsupported``.
    """
    found = [op for op in module.ops if isinstance(op, func.FuncOp)]
    if len(found) != 1 or len(found[0].body.blocks) != 1:
        raise Refused(Diagnostic("kernel-unsupported", f"a kernel module holds one kernel, this one {len(found)}"))
    graph = KernelGraph(found[0]).run()
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], producer_name="agentc")
    model.ir_version = IR_VERSION
    required = as_list(found[0].attributes.get(REQUIRES)) or []
    if required:
        helper.set_model_props(model, {REQUIRES: json.dumps([getattr(size, "data", "") for size in required])})
    onnx.checker.check_model(model, full_check=True)
    onnx.shape_inference.infer_shapes(model, check_type=True, strict_mode=True)
    return model


class KernelGraph:
    """State of the translation of one function."""

    def __init__(self, function: func.FuncOp) -> None:
        self.function = function
        self.nodes = Nodes()
        self.values: dict[SSAValue, str] = {}
        self.sizes: dict[SSAValue, list[str]] = {}
        """Tensor that nobody has set -> its sizes."""
        self.fills: dict[SSAValue, SSAValue] = {}
        """Tensor of one number -> the number."""

    def run(self) -> onnx.GraphProto:
        """The graph."""
        dims = iter(function_dims(self.function))
        names = argument_names(self.function)
        unsigned = {getattr(n, "data", "") for n in as_list(self.function.attributes.get(UNSIGNED)) or ()}
        block = self.function.body.block
        inputs: list[onnx.ValueInfoProto] = []
        for argument, name in zip(block.args, names, strict=False):
            row = next(dims) if shape_of(argument.type) is not None else ()
            kind = self._outside(argument, name in unsigned)
            inputs.append(helper.make_tensor_value_info(name, kind, self._shape(row)))
            self.values[argument] = self._entered(name, argument, kind)
        for op in block.ops:
            begin = len(self.nodes.nodes)
            self._op(op)
            for node in self.nodes.nodes[begin:]:
                node.doc_string = ", ".join(sources(op))
        last = block.last_op
        assert isinstance(last, func.ReturnOp)
        outputs: list[onnx.ValueInfoProto] = []
        for value, name in zip(last.arguments, names[len(block.args) :], strict=True):
            kind = self._outside(value, name in unsigned)
            made = self._left(self.values[value], value, kind, name in unsigned)
            self.nodes.nodes.append(helper.make_node("Identity", [made], [name]))
            outputs.append(helper.make_tensor_value_info(name, kind, self._shape(next(dims))))
        constants = list(self.nodes.constants.values())
        name, place = self.function.sym_name.data, lines(self.function)
        return helper.make_graph(self.nodes.nodes, name, inputs, outputs, constants, doc_string=place)

    @staticmethod
    def _shape(row: tuple[Dim, ...]) -> list[Dim]:
        return list(row)

    @staticmethod
    def _outside(value: SSAValue, unsigned: bool) -> int:
        name = str(element_of(value.type))
        return OUTSIDE[name.replace("i", "u") if unsigned else name]

    def _entered(self, name: str, value: SSAValue, kind: int) -> str:
        type_ = element_of(value.type)
        if inside(type_) == kind:
            return self.nodes.op("Identity", name)
        if isinstance(type_, AnyFloat):
            return self.nodes.cast(name, inside(type_))
        return self.nodes.wrapped(self.nodes.cast(name, inside(type_)), type_)

    def _left(self, name: str, value: SSAValue, kind: int, unsigned: bool) -> str:
        type_ = element_of(value.type)
        if inside(type_) == kind:
            return name
        return self.nodes.cast(self.nodes.unsigned(name, type_) if unsigned else name, kind)

    def _op(self, op: Operation) -> None:
        match op:
            case func.ReturnOp():
                pass
            case tensor.EmptyOp():
                supply = iter(op.dynamic_sizes)
                shape = shape_of(op.tensor.type) or ()
                sizes = [self.values[next(supply)] if n < 0 else self.nodes.whole(n) for n in shape]
                self.sizes[op.tensor] = sizes
                zero = self.nodes.number(0, element_of(op.tensor.type))
                self.values[op.tensor] = self.nodes.op("Expand", zero, self.nodes.shape(sizes))
            case tensor.DimOp():
                assert isinstance(op.index.owner, arith.ConstantOp)
                axis: int = op.index.owner.value.value.data  # pyright: ignore
                self.values[op.result] = self.nodes.extent(self.values[op.source], axis)
            case FillOp():
                self.fills[op.results[0]] = op.inputs[0]
                self.sizes[op.results[0]] = self.sizes[op.outputs[0]]
                shape = self.nodes.shape(self.sizes[op.outputs[0]])
                self.values[op.results[0]] = self.nodes.op("Expand", self.values[op.inputs[0]], shape)
            case GenericOp():
                self._generic(op)
            case ExtOp():
                sizes = [self.sizes.get(o, []) for o in op.outputs]
                inputs, outputs = ([self.values[v] for v in side] for side in (op.inputs, op.outputs))
                found = ordered.emit(self.nodes, op, inputs, outputs, sizes)
                self.values.update(zip(op.results, found, strict=True))
            case _:
                value = emit(self.nodes, op, [self.values[o] for o in op.operands])
                if value is None:
                    raise refuse(op)
                self.values[op.results[0]] = value

    def _generic(self, op: GenericOp) -> None:
        start = op.outputs[0]
        first = self.fills.get(start)
        last = op.body.block.last_op
        kind = type(last.operands[0].owner) if last is not None else None
        if first is not None and isinstance(kind, type) and issubclass(kind, Operation):
            first = first if changes(first, kind) else None
        begin = self.values[first] if first is not None else None
        self.values[op.results[0]] = GenericGraph(self.nodes, op, self.values, begin).run()
