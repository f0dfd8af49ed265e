// RUN: agentc-opt %s -p 'split-llm,annotate-work,attach-fleet{fleet="mixed-2026"},place,insert-transfers' | filecheck %s

tool.spec @search latency <0.18> cpu <0.002> {python = "tools.py:search", pure}
model.spec @mind <{name = "m8b", kind = "decoder", layers = 32 : i64, hidden = 4096 : i64, heads = 32 : i64, kv_heads = 8 : i64, head_dim = 128 : i64, intermediate = 14336 : i64, vocab = 128256 : i64}> precision "fp8"

agent.graph entry @a {
  %q = agent.input "question" : !agent.text
  %c = compute.builtin "strip"(%q) {agent.node = "clean"} : (!agent.text) -> !agent.text
  %cache = llm.prefill @mind(%c) shape {input_tokens = #agent.quantity<512.0>} {agent.node = "think", agent.placement = #agent.placement<{pin = "h100-sxm"}>} : (!agent.text) -> !kv.cache<@mind>
  %moved = kv.transfer @mind(%cache) shape {input_tokens = #agent.quantity<512.0>} : !kv.cache<@mind>
  %r = llm.decode @mind(%moved) shape {input_tokens = #agent.quantity<512.0>, output_tokens = #agent.quantity<100.0>} {agent.node = "think", agent.placement = #agent.placement<{pin = "gaudi3"}>} : !kv.cache<@mind> -> !agent.text
  %h = tool.lookup @search(%r) {agent.node = "find"} : (!agent.text) -> !tool.handle
  %p = tool.compute @search(%h) {agent.node = "find"} : !tool.handle -> !agent.text
  %s = compute.builtin "concat"(%p, %r) {agent.node = "join"} : (!agent.text, !agent.text) -> !agent.text
  agent.output ["s"](%s) : !agent.text
} {load = #agent.load<{requests_per_second = 2.0 : f64}>}

// CHECK:      [[C:%.*]] = compute.builtin "strip"
// CHECK-NEXT: [[THERE:%.*]] = place.transfer [[C]] from "cpu-epyc-9655" to "h100-sxm" over "{{.*}}" bytes 4.096000e+03 seconds {{.*}} {agent.node = "think", agent.made_by = ["insert-transfers"]} : !agent.text
// CHECK-NEXT: [[K:%.*]] = llm.prefill @mind([[THERE]])
// CHECK-NEXT: [[M:%.*]] = kv.transfer @mind([[K]]) {{.*}}place.hop = #place.hop<{seconds = {{.*}} : f64, link = "{{.*}}", bytes_ = {{.*}} : f64}>} : !kv.cache<@mind>
// CHECK-NEXT: [[R:%.*]] = llm.decode @mind([[M]])
// CHECK-NEXT: [[BACK:%.*]] = place.transfer [[R]] from "gaudi3" to "cpu-epyc-9655" over "{{.*}}" bytes 4.000000e+02 seconds
// CHECK-NEXT: tool.lookup @search([[BACK]])
// CHECK-NEXT: [[P:%.*]] = tool.compute
// Two consumers at one place share the transfer.
// CHECK-NEXT: compute.builtin "concat"([[P]], [[BACK]])
