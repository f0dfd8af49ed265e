"""Small agents as IR text, and engines whose answers are known beforehand."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import yaml

from agentc.plan.manifest import Manifest, ManifestFile
from agentc.runtime.build import digest, parse
from agentc.runtime.engines.base import Ask, Cache, Prompt, Reply
from agentc.runtime.memory.hashing import HashEmbedding
from agentc.runtime.models.audio import Audio
from agentc.runtime.program import Program

SPECS = """
model.spec @mind <{name = "tiny", kind = "decoder", layers = 2 : i64}> precision "fp32"
model.spec @encoder <{name = "enc", kind = "embedding", layers = 2 : i64}> precision "fp32"
model.spec @judge <{name = "judge", kind = "rerank", layers = 2 : i64}> precision "fp32"
model.spec @ears <{name = "ears", kind = "stt"}> precision "fp32"
model.spec @voice <{name = "voice", kind = "tts"}> precision "fp32"
model.spec @painter <{name = "painter", kind = "diffusion"}> precision "fp32"
model.spec @eyes <{name = "eyes", kind = "vision"}> precision "fp32"
"""
SHAPE = "shape {input_tokens = #agent.quantity<8.0>, output_tokens = #agent.quantity<16.0>}"


def graph(body: str, *, specs: str = SPECS) -> str:
    """A module with one agent."""
    return f"{specs}\nagent.graph entry @sample {{\n{body}\n}}\n"


class FakeLanguage:
    """Answers by a function of the prompt; fields by name."""

    note = ""

    def __init__(self, answer: Callable[[str, Ask], Any]) -> None:
        self.answer = answer
        self.asked: list[str] = []
        self.prefilled: list[str] = []
        self._lock = threading.Lock()

    def prefill(self, prompt: Prompt, reuse: Cache | None = None) -> Cache:
        with self._lock:
            self.prefilled.append(prompt.text)
        shared = len(reuse.prompt.text.split()) if reuse is not None else 0
        return Cache(prompt, len(prompt.text.split()), shared, 64)

    def decode(self, cache: Cache, ask: Ask, on_text: Callable[[str], None]) -> Reply:
        with self._lock:
            self.asked.append(cache.prompt.text)
        value = self.answer(cache.prompt.text, ask)
        for word in str(value).split():
            on_text(word)
        return Reply(value, cache.tokens, len(str(value).split()))


class FakeEngines:
    """Every kind of model, without one."""

    note = ""

    def __init__(self, answer: Callable[[str, Ask], Any] = lambda prompt, ask: f"<{prompt}>") -> None:
        self.mind = FakeLanguage(answer)
        self._hash = HashEmbedding(64)

    def language(self, name: str) -> FakeLanguage:
        return self.mind

    def embedding(self, name: str) -> HashEmbedding:
        return self._hash

    def reranking(self, name: str) -> "FakeEngines":
        return self

    hearing = speaking = painting = seeing = reranking

    def scores(self, query: str, documents: Sequence[str]) -> npt.NDArray[np.float32]:
        wanted = set(query.lower().split())
        return np.array([len(wanted & set(text.lower().split())) for text in documents], np.float32)

    def transcribe(self, audio: Audio) -> str:
        return f"{len(audio.samples)} samples"

    def speak(self, text: str) -> Audio:
        return Audio(np.full(len(text), 0.25, np.float32), 8000)

    def paint(self, prompt: str, size: str | None, seed: int) -> bytes:
        return b"\x89PNG" + prompt.encode()

    def describe(self, images: Sequence[bytes], prompt: str) -> str:
        return f"{prompt}: {sum(map(len, images))} bytes"


def program(body: str, tmp_path: Path, engines: FakeEngines | None = None, *, specs: str = SPECS) -> Program:
    """An agent that runs on fake engines."""
    return Program(parse(graph(body, specs=specs)), state=tmp_path / "state", engines=engines or FakeEngines())


def write_build(folder: Path, text: str, files: dict[str, str | bytes] | None = None, of: str = "") -> Path:
    """A build directory with ``placed.mlir`` and ``files``, and their manifest."""
    rows: list[ManifestFile] = []
    for name, content in {"placed.mlir": text, **(files or {})}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        rows.append(ManifestFile(name, "file", "test", of, digest(path), path.stat().st_size))
    manifest = Manifest("sample", "", "cost", "optimal", 0.0, 0.0, 0.0, files=tuple(rows))
    (folder / "manifest.yaml").write_text(yaml.safe_dump(manifest.payload()))
    return folder
