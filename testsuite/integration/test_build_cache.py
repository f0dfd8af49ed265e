"""Builds of kernels: the same bytes with the cache, without it and from it; a kernel on a GPU of AMD's gets its code."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from agentc import api
from agentc.backends.llvm.linker import lld
from agentc.support import cache

AGENT = """
agentc: v1
name: scored
sla: {end_to_end_ms: {p95: 5000}}
load: {requests_per_second: 1}
inputs: {question: {type: text, tokens: {mean: 10, p95: 20}}}
models: {encoder: {catalog: all-minilm-l6-v2, precision: fp32}}
nodes:
  query: {embed: encoder, in: question}
  close: {compute: {kernel: l2_normalize}, in: query, shape: {n: 1, d: 384}, placement: {pin: PLACE}}
outputs: {answer: close}
"""
FLEET = """
agentc: v1
name: both
devices: {mi300x: {count: 2, acquire: rent}, cpu-epyc-9655: {count: 2, acquire: rent}}
"""


def build(folder: Path, place: str) -> dict[str, bytes]:
    (folder / "agent.yaml").write_text(AGENT.replace("PLACE", place))
    (folder / "fleet.yaml").write_text(FLEET)
    out = folder / "out"
    api.compile(folder / "agent.yaml", fleet=folder / "fleet.yaml", out=out, targets=["llvm"])
    return {p.relative_to(out).as_posix(): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


def test_the_same_bytes_with_and_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without = build(tmp_path, "cpu-epyc-9655")
    assert "artifacts/llvm/znver5/l2_normalize.o" in without
    monkeypatch.setenv("AGENTC_CACHE", str(tmp_path / "cache"))
    assert build(tmp_path, "cpu-epyc-9655") == without
    kept: list[str] = []
    real = cache.load

    def counted(name: str) -> Mapping[str, bytes] | None:
        found = real(name)
        kept.extend([name] * (found is not None))
        return found

    monkeypatch.setattr(cache, "load", counted)
    assert build(tmp_path, "cpu-epyc-9655") == without
    assert kept


@pytest.mark.skipif(not lld(), reason="needs ld.lld")
def test_a_kernel_on_amd_gets_a_code_object(tmp_path: Path) -> None:
    files = build(tmp_path, "mi300x")
    assert files["artifacts/llvm/gfx942/l2_normalize.hsaco"][:4] == b"\x7fELF"
    assert b"artifacts/llvm/gfx942/l2_normalize.hsaco" in files["manifest.yaml"]
    assert "artifacts/llvm/x86-64/l2_normalize.o" in files
