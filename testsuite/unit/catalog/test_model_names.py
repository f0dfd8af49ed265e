"""Models as hubs, engines and benchmarks write them."""

import pytest

from agentc import catalog
from agentc.catalog.data_files import table
from agentc.catalog.models import plain
from agentc.catalog.names import UnknownName

WRITTEN = {
    "llama2-70b-99.9": "llama-2-70b",
    "gptj-99": "gpt-j-6b",
    "llama1_30b (one layer)": "llama-30b",
    "meta-llama/Meta-Llama-3-8B": "llama-3-8b",
    "meta-llama/Llama-3.1-8B-Instruct": "llama-3.1-8b",
    "LLaMA v3.1 405B": "llama-3.1-405b",
    "Llama 3.1 70B (amd/Llama-3.1-70B-Instruct-FP8-KV)": "llama-3.1-70b",
    "TheBloke/Llama-2-7b-Chat-AWQ": "llama-2-7b",
    "llama2-70b": "llama-2-70b",
    "mistralai/Mistral-7B-v0.1": "mistral-7b-v0.1",
    "mistralai/Mistral-7B-Instruct-v0.2": "mistral-7b",
    "Qwen/Qwen3-235B-A22B-FP8": "qwen3-235b-a22b",
    "nvidia/DeepSeek-V3.1-NVFP4": "deepseek-v3",
    "DeepSeek-R1-0528": "deepseek-r1",
    "moonshotai/Kimi-K2.5": "kimi-k2",
    "GPT-OSS 120B": "gpt-oss-120b",
    "bigscience/bloomz": "bloom-176b",
    "GPTJ 6B": "gpt-j-6b",
}


@pytest.mark.parametrize(("written", "name"), WRITTEN.items())
def test_a_name_is_found_however_it_is_written(written: str, name: str) -> None:
    assert catalog.model(written).name == name


@pytest.mark.parametrize("name", ["", "/", "()", "llama", "llama-3.1-9b", "gpt-5", "meta-llama/"])
def test_near_is_not_found(name: str) -> None:
    with pytest.raises(UnknownName):
        catalog.model(name)


def test_no_two_rows_take_one_name() -> None:
    rows = table("models")
    aliases = [plain(alias) for row in rows.values() for alias in row.get("aliases", ())]
    assert len(aliases) == len(set(aliases))
    assert not set(aliases) & {plain(name) for name in rows}
