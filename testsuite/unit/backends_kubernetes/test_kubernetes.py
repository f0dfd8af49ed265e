"""Kubernetes files: accepted by the API's schema, and with what vLLM needs to hand KV caches over."""

import json
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import kubernetes_validate
import pytest
import yaml
from placed_sample import placed_sample

from agentc.backends.kubernetes import emit_build
from agentc.backends.kubernetes.pools import engine_pools, slug
from agentc.backends.kubernetes.resources import arguments, transfer_config
from agentc.backends.request import Request
from agentc.dialects.place import OnAttr, assignment


def test_pools_and_roles() -> None:
    pools = engine_pools(placed_sample())
    assert [(pool.slug, pool.role, pool.engine.vendor, pool.peers) for pool in pools] == [
        ("mind-prefill-b200-tp1-b4", "prefill", "nvidia", ("intel",)),
        ("mind-decode-gaudi3-tp2-b32", "decode", "intel", ("nvidia",)),
    ]


def test_transfer_between_vendors_relaxes_the_handshake() -> None:
    prefill, decode = engine_pools(placed_sample())
    assert transfer_config(prefill)["kv_role"] == "kv_producer"
    assert transfer_config(decode) == {
        "kv_connector": "NixlConnector",
        "kv_role": "kv_consumer",
        "kv_buffer_device": "hpu",
        "enable_permute_local_kv": True,
        "kv_connector_extra_config": {"enforce_handshake_compat": False},
    }
    gone = {"kv_rank", "kv_parallel_size", "kv_buffer_size", "kv_ip"}
    assert not gone & set(transfer_config(prefill))


def test_arguments_are_those_of_the_plan() -> None:
    _, decode = engine_pools(placed_sample())
    args = arguments(decode)
    assert args[args.index("--tensor-parallel-size") + 1] == "2"
    assert args[args.index("--max-num-seqs") + 1] == "32"
    json.loads(args[args.index("--kv-transfer-config") + 1])


def test_groups_share_experts_and_split_the_batch() -> None:
    pool = engine_pools(placed_sample())[1]
    args = arguments(replace(pool, on=replace(pool.on, dp=4, batch=30)))
    assert args[args.index("--data-parallel-size") + 1] == "4"
    assert "--enable-expert-parallel" in args
    assert args[args.index("--max-num-seqs") + 1] == "8"


def test_who_drafts_is_told() -> None:
    args = arguments(replace(engine_pools(placed_sample())[1], draft=("meta-llama/Llama-3.2-1B", 5)))
    told = json.loads(args[args.index("--speculative-config") + 1])
    assert told == {"model": "meta-llama/Llama-3.2-1B", "num_speculative_tokens": 5}
    assert "--speculative-config" not in arguments(engine_pools(placed_sample())[1])


@pytest.mark.parametrize(("role", "told"), [("both", ["12"]), ("decode", [])])
def test_memory_of_the_host_is_set_aside(role: str, told: list[str]) -> None:
    """6 GB for each of two devices, in GiB. With another connector it takes the operator."""
    pool = engine_pools(placed_sample())[1]
    on = replace(pool.on, cache="offloaded", host_bytes=6e9, tp=2, pp=1, dp=1)
    args = arguments(replace(pool, on=on, role=role))
    assert [after for flag, after in pairwise(args) if flag == "--kv-offloading-size"] == told


@pytest.mark.parametrize(("kv", "told"), [("fp8", ["fp8"]), ("bf16", ["bfloat16"]), (None, [])])
def test_a_stated_cache_precision_is_told(kv: str | None, told: list[str]) -> None:
    args = arguments(replace(engine_pools(placed_sample())[0], kv_precision=kv))
    assert [after for flag, after in pairwise(args) if flag == "--kv-cache-dtype"] == told


def test_files_pass_the_schema_of_the_api(tmp_path: Path) -> None:
    artifacts = emit_build(Request(placed_sample(), tmp_path, tmp_path))
    assert len(artifacts) == 3
    for artifact in artifacts[:-1]:
        for document in yaml.safe_load_all((tmp_path / artifact.path).read_text()):
            kubernetes_validate.validate(document, "1.31", strict=True)
    listed = yaml.safe_load((tmp_path / artifacts[-1].path).read_text())["resources"]
    assert [f"deploy/kubernetes/{name}" for name in listed] == [artifact.path for artifact in artifacts[:-1]]
    assert "&id" not in (tmp_path / artifacts[0].path).read_text()


@pytest.mark.parametrize(
    ("name", "label"), [("mind/agg/h100-sxm/tp2/b16", "mind-agg-h100-sxm-tp2-b16"), ("A_b", "a-b")]
)
def test_slug_is_a_dns_label(name: str, label: str) -> None:
    assert slug(name) == label and len(slug(name * 9)) <= 52


def test_models_that_share_a_device_are_engines_of_their_own_with_their_part_of_its_memory() -> None:
    module = placed_sample()
    for op in module.walk():
        if (on := assignment(op)) is not None and op.name.startswith("llm."):
            op.attributes["place.on"] = OnAttr(
                replace(on, mode="single", pool="shared/b200", tp=1, memory_bytes=19.2e9)
            )
    (pool,) = engine_pools(module)
    assert pool.slug == "shared-b200-mind"
    assert "need GPU sharing" in pool.note
    args = arguments(pool)
    assert args[args.index("--gpu-memory-utilization") + 1] == f"{19.2e9 / pool.device.memory_bytes + 0.02:.2f}"
