"""Messages as bytes: those that the library of ONNX writes."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper

from agentc.backends.onnx import emit_model, messages
from agentc.backends.onnx.messages import Element
from agentc.plan.models import ModelShape

WHOLE = st.integers(-(2**63), 2**63 - 1)
REAL = st.floats(width=32, allow_nan=False)
VALUE = st.one_of(
    WHOLE,
    st.booleans(),
    REAL,
    st.text(max_size=300),
    st.lists(WHOLE, min_size=1, max_size=40),
    st.lists(REAL, min_size=1, max_size=40),
    st.lists(st.text(max_size=5), min_size=1, max_size=4),
)


def theirs(message: Any) -> bytes:
    """As the library writes it."""
    return message.SerializeToString(deterministic=True)


@given(VALUE)
def test_an_attribute_is_of_the_type_of_its_value(value: Any) -> None:
    assert messages.attribute("a", value) == theirs(helper.make_attribute("a", value))


@given(st.dictionaries(st.sampled_from("abcdef"), st.one_of(VALUE, st.none())), st.sampled_from(["", "com.microsoft"]))
def test_a_node_lists_what_it_was_given(attributes: dict[str, Any], domain: str) -> None:
    own = messages.node("Op", ["x", ""], ["y"], "node", attributes, domain)
    assert own == theirs(helper.make_node("Op", ["x", ""], ["y"], "node", domain=domain or None, **attributes))


@pytest.mark.parametrize("dtype", ["f4", "f8", "f2", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "?"])
@pytest.mark.parametrize("shape", [(), (0,), (3,), (2, 1, 200)])
def test_a_tensor_holds_its_values(dtype: str, shape: tuple[int, ...]) -> None:
    array = np.ones(shape, dtype)
    assert messages.tensor("t", array) == theirs(numpy_helper.from_array(array, "t"))


def test_elements_have_the_numbers_of_onnx() -> None:
    named = {name: value for name, value in vars(Element).items() if name.isupper()}
    assert named == {name: TensorProto.DataType.Value(name) for name in named}


@pytest.mark.parametrize("value", [[], [1, "a"], {1: 2}, object()])
def test_what_has_no_type_is_no_attribute(value: object) -> None:
    with pytest.raises((TypeError, ValueError), match="`a`"):
        messages.attribute("a", value)


def test_a_graph_in_an_attribute_a_model_around_it() -> None:
    shape = ["batch", 2]
    inner = messages.graph([], "inner", [], [messages.value_info("z", Element.BOOL, [])], [])
    nodes = [messages.node("Loop", ["x"], ["y"], "n", {"body": inner})]
    weight = messages.external_tensor("w", [300, 2], Element.INT4, "weights.bin", 4096, 300)
    ends = [messages.value_info(name, Element.FLOAT, shape) for name in "xy"]
    own = messages.model(messages.graph(nodes, "g", ends[:1], ends[1:], [weight]), {"": 23, "c": 1}, 11, "agentc", "d")

    made = helper.make_graph([], "inner", [], [helper.make_tensor_value_info("z", TensorProto.BOOL, [])])
    tensor = TensorProto(name="w", data_type=TensorProto.INT4, dims=[300, 2], data_location=TensorProto.EXTERNAL)
    for key, value in (("location", "weights.bin"), ("offset", "4096"), ("length", "300")):
        tensor.external_data.add(key=key, value=value)
    x, y = (helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in "xy")
    graph = helper.make_graph([helper.make_node("Loop", ["x"], ["y"], "n", body=made)], "g", [x], [y], [tensor])
    opsets = [helper.make_opsetid("", 23), helper.make_opsetid("c", 1)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=11, producer_name="agentc", doc_string="d")
    assert own == theirs(model)


@pytest.mark.parametrize("experts", [0, 4])
def test_a_model_is_what_the_library_writes_of_it(tmp_path: Path, experts: int) -> None:
    shape = ModelShape("m", "decoder", layers=2, hidden=32, heads=4, kv_heads=2, vocab=80, experts=experts)
    for one in emit_model(shape, tmp_path, role="decoder", doc="model `m`"):
        if one.kind == "onnx":
            read = onnx.load(tmp_path / one.path, load_external_data=False)
            assert read.doc_string == "model `m`"
            assert theirs(read) == (tmp_path / one.path).read_bytes()


def test_a_stand_in_needs_no_library_of_onnx(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from agentc.backends.onnx import emit_model
from agentc.plan.models import ModelShape
emit_model(ModelShape("m", "decoder", layers=1, hidden=32, heads=4, kv_heads=2), Path({str(tmp_path)!r}), role="decoder")
assert "onnx" not in sys.modules and "google.protobuf" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
