"""``agentc models``."""

import json
from pathlib import Path
from typing import Any

import pytest

from agentc.cli import main

LINES = """\
llama-3.1-70b prefill, one step of the whole batch
  at batch 1, cached_tokens 0, input_tokens 4,096

  compute           583 TFLOP in bf16
  memory traffic    331 GB
  intensity         1,761 FLOP/byte
  weights           141 GB in bf16
  KV cache          1.34 GB in bf16
  activations       604 MB
  to the next task  1.34 GB
  all-reduces       160 of 67.1 MB
"""


def test_the_work_of_a_phase(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", "llama-3.1-70b", "--work", "prefill", "--tokens", "4096"]) == 0
    assert capsys.readouterr().out == LINES


def test_a_name_alone_shows_the_model(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "show", "llama-3.1-70b"]) == 0
    page = capsys.readouterr().out
    assert main(["models", "llama-3.1-70b"]) == 0
    assert capsys.readouterr().out == page
    assert main(["models", "llama-3.1-70"]) == 1
    assert "did you mean `llama-3.1-70b`" in capsys.readouterr().err


def test_a_config_beside_the_catalog(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = {
        "model_type": "llama",
        "hidden_size": 64,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "intermediate_size": 128,
        "vocab_size": 1000,
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    for path in (tmp_path, tmp_path / "config.json"):
        assert main(["models", "show", str(path), "--format", "json"]) == 0
        assert json.loads(capsys.readouterr().out)["layers"] == 2


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["show", "whisper-tiny", "--work", "prefill"], 1, "has no phase `prefill`"),
        (["show", "llama-9"], 1, "the catalog has no model `llama-9`"),
        (["show", "no/such/config.json"], 1, "cannot read `no/such/config.json`"),
        (["show", "llama-3-8b", "--work", "walk"], 2, "'walk' is not one of"),
        (["show", "llama-3-8b", "--work", "decode", "--batch", "0"], 2, "0 is not in the range"),
        (["show", "llama-3-8b", "--work", "decode", "--batch", "nan"], 2, "nan"),
        (["shown"], 1, "the catalog has no model `shown`"),
        (["--nope"], 2, "No such option"),
    ],
)
def test_what_is_not_there(args: list[str], status: int, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", *args]) == status
    assert said in capsys.readouterr().err


def test_the_list_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--format", "json"]) == 0
    rows = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert rows["deepseek-v3"]["parameters"] == pytest.approx(671e9, rel=0.03)


def shown(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["models", "show", "llama-3.1-70b", *arguments, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_prefill_in_chunks(capsys: pytest.CaptureFixture[str]) -> None:
    whole = shown(capsys, "--work", "prefill", "--tokens", "4096")
    chunk = shown(capsys, "--work", "prefill", "--tokens", "4096", "--chunk", "512")
    assert chunk["demand"]["repeats"] == 8 * whole["demand"]["repeats"]
    assert chunk["demand"]["kv"] == whole["demand"]["kv"]


def test_a_decode_that_verifies_a_draft(capsys: pytest.CaptureFixture[str]) -> None:
    alone = shown(capsys, "--work", "decode")
    helped = shown(capsys, "--work", "decode", "--draft", "llama-3.2-1b", "--drafted", "3", "--acceptance", "0.5")
    assert helped["demand"]["repeats"] == pytest.approx(alone["demand"]["repeats"] / 1.875)
    assert helped["demand"]["weights"] > alone["demand"]["weights"]


@pytest.mark.parametrize(
    ("arguments", "exit_", "message"),
    [
        (("--draft", "whisper-tiny"), 1, "`whisper-tiny` is a model of kind `stt` and drafts nothing"),
        (("--draft", "llama-3.2-1b", "--acceptance", "nan"), 2, "no finite number"),
        (("--draft", "llama-3.2-1b", "--acceptance", "1.1"), 2, "1.1"),
        (("--draft", "nobody"), 1, "the catalog has no model `nobody`"),
    ],
)
def test_drafts_that_are_refused(
    arguments: tuple[str, ...], exit_: int, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["models", "show", "llama-3.1-70b", "--work", "decode", *arguments]) == exit_
    assert message in capsys.readouterr().err
