// RUN: agentc-opt %s --verify-diagnostics --parsing-diagnostics --split-input-file | filecheck %s

model.spec @moe <{name = "routed", kind = "decoder", layers = 2 : i64, hidden = 64 : i64, heads = 4 : i64, kv_heads = 2 : i64, head_dim = 16 : i64, vocab = 1000 : i64, experts = 8 : i64, experts_per_token = 2 : i64, expert_intermediate = 128 : i64}> precision "bf16"
%e = "test.op"() : () -> !expert.routing
%f = expert.prefill @moe(%e) tp 0 shape {} : !expert.routing -> !expert.hidden
// CHECK: tensor parallelism is at least 1, found 0

// -----

model.spec @m <{name = "x", kind = "toaster"}> precision "bf16"
// CHECK: `toaster` is none of decoder

// -----

model.spec @m <{name = "x", kind = "decoder", wheels = 4 : i64}> precision "bf16"
// CHECK: ModelShape has no field `wheels`

// -----

%c = "test.op"() : () -> !agent.text
%d = llm.decode @moe(%c) shape {} : !agent.text -> !agent.text
// CHECK: kv.cache

// -----

"test.op"() {q = #agent.quantity<5.0, p42 = 3.0>} : () -> ()
// CHECK: a quantity has no figure `p42`; p50, p90, p95, p99 or assumed
