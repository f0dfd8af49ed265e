"""A small placed module, written by hand: a chat call split over two vendors, a tool, and an asynchronous note."""

from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.parser import Parser

from agentc.catalog import load_fleet
from agentc.dialects import DIALECTS
from agentc.dialects.place import FleetOp
from agentc.support.registry import load

TEXT = """
builtin.module {
  model.spec @mind <{name = "llama-3.1-70b", kind = "decoder", layers = 80 : i64, hidden = 8192 : i64, heads = 64 : i64, kv_heads = 8 : i64, head_dim = 128 : i64, intermediate = 28672 : i64, vocab = 128256 : i64, source = "hf:meta-llama/Llama-3.1-70B"}> precision "fp8"
  tool.spec @search latency <0.2> cpu <0.002, assumed> {python = "tools.py:search"}
  memory.spec @notes kind "log" documents 0 dimension 0
  agent.graph entry @sample {
    %question = agent.input "question" : !agent.text
    %cache = llm.prefill @mind(%question) prompt "Answer: {0}" shape {input_tokens = #agent.quantity<512.0>} {agent.node = "reply", agent.task = "reply.prefill", agent.source = "agent.yaml:9:3", agent.made_by = ["split-llm"], place.on = #place.on<{device = "b200", mode = "disaggregated", pool = "mind/prefill/b200/tp1/b4", batch = 4 : i64, replicas = 2 : i64, devices_held = 2 : i64, seconds = 0.04 : f64, usd_per_request = 0.0002 : f64, bottleneck = "compute", memory_bytes = 90000000000.0 : f64}>, place.alternatives = [#place.alternative<{device = "h200", option = "x", verdict = "dearer", why = "costs $1.20/h more: 3 replicas of 1 device instead of 2", seconds = 0.07 : f64, usd_per_hour_delta = 1.2 : f64}>, #place.alternative<{device = "l40s", option = "", verdict = "infeasible", why = "71 GB of weights in 48 GB of memory"}>]} : (!agent.text) -> !kv.cache<@mind>
    %moved = place.transfer %cache from "b200" to "gaudi3" over "roce-400g" bytes 8.0e7 seconds 0.0017 : !kv.cache<@mind>
    %there = kv.transfer @mind(%moved) shape {input_tokens = #agent.quantity<512.0>} : !kv.cache<@mind>
    %reply = llm.decode @mind(%there) shape {input_tokens = #agent.quantity<512.0>, output_tokens = #agent.quantity<160.0, assumed>} {agent.node = "reply", agent.task = "reply.decode", agent.source = "agent.yaml:9:3", agent.made_by = ["split-llm"], place.on = #place.on<{device = "gaudi3", mode = "disaggregated", pool = "mind/decode/gaudi3/tp2/b32", tp = 2 : i64, batch = 32 : i64, replicas = 3 : i64, devices_held = 6 : i64, seconds = 2.4 : f64, usd_per_request = 0.0007 : f64, bottleneck = "memory", memory_bytes = 60000000000.0 : f64}>} : !kv.cache<@mind> -> !agent.text
    %pages = tool.invoke @search(%reply) {agent.node = "find", agent.source = "agent.yaml:12:3", place.on = #place.on<{device = "cpu-epyc-9655", mode = "single", pool = "cpu/cpu-epyc-9655", seconds = 0.202 : f64, bottleneck = "static"}>} : (!agent.text) -> !agent.text
    memory.observe @notes(%pages) {agent.async, agent.node = "note", agent.source = "agent.yaml:13:3", place.on = #place.on<{device = "cpu-epyc-9655", mode = "single", pool = "cpu/cpu-epyc-9655", seconds = 0.0001 : f64, bottleneck = "cpu"}>} : !agent.text
    agent.output ["answer"](%pages) : !agent.text
  } {limits = [#agent.limit<{metric = "ttft", seconds = 0.25 : f64}>, #agent.limit<{metric = "tbt", seconds = 0.01 : f64}>], load = #agent.load<{requests_per_second = 20.0 : f64}>}
  place.plan @sample <{status = "optimal", objective = "cost", usd_per_hour = 31.5 : f64, usd_per_request = 0.0004375 : f64, ttft_seconds = 0.06 : f64, tbt_seconds = 0.015 : f64, end_to_end_seconds = 2.64 : f64, critical_path = ["reply.prefill", "reply.decode", "find"], pools = [{name = "mind/prefill/b200/tp1/b4", device = "b200", replicas = 2 : i64, devices = 2 : i64, usd_per_hour = 9.0 : f64, utilization = 0.6 : f64}, {name = "mind/decode/gaudi3/tp2/b32", device = "gaudi3", replicas = 3 : i64, devices = 6 : i64, usd_per_hour = 22.0 : f64, utilization = 0.71 : f64}], assumptions = ["output_tokens = 160: reply"], baselines = [{name = "best single device class", usd_per_hour = 33.0 : f64, devices = ["h200"]}, {name = "worst single device class", usd_per_hour = unit, devices = ["l40s"]}]}>
}
"""


def context() -> Context:
    """A context that knows agentc's dialects."""
    ctx = Context()
    ctx.load_dialect(Builtin)
    for place in DIALECTS.values():
        ctx.load_dialect(load(place))
    return ctx


def placed_sample() -> ModuleOp:
    """The module with the fleet `mixed-2026` in it, verified."""
    module = Parser(context(), TEXT).parse_module()
    first = module.body.block.first_op
    assert first is not None
    module.body.block.insert_op_before(FleetOp(load_fleet("mixed-2026")), first)
    module.verify()
    return module
