"""Models that several tests run: small stand-ins, written once."""

from pathlib import Path

import pytest

from agentc.backends.onnx import emit_model
from agentc.plan.models import ModelShape
from agentc.runtime.models.llm import Decoder


@pytest.fixture(scope="session")
def decoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stand-in of a grouped-query decoder with a context of 4 x 512 bytes."""
    folder = tmp_path_factory.mktemp("decoder")
    shape = ModelShape("small", "decoder", 2, 64, 4, 2, 16, 128, 1000, max_tokens=512)
    emit_model(shape, folder, role="decoder", weights=None)
    return folder


@pytest.fixture(scope="session")
def decoder(decoder_folder: Path) -> Decoder:
    """The same, loaded."""
    return Decoder(decoder_folder)
