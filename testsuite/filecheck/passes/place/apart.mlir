// RUN: agentc-opt %s -p 'split-llm,annotate-work,attach-fleet{fleet="mixed-2026"},place' | filecheck %s

model.spec @mind <{name = "m8b", kind = "decoder", layers = 32 : i64, hidden = 4096 : i64, heads = 32 : i64, kv_heads = 8 : i64, head_dim = 128 : i64, intermediate = 14336 : i64, vocab = 128256 : i64}> precision "fp8"

agent.graph entry @a {
  %q = agent.input "question" : !agent.text
  %r = llm.call @mind(%q) shape {input_tokens = #agent.quantity<512.0>, output_tokens = #agent.quantity<100.0>} {agent.node = "first", agent.placement = #agent.placement<{pin = "h100-sxm"}>} : (!agent.text) -> !agent.text
  %s = llm.call @mind(%q) shape {input_tokens = #agent.quantity<512.0>, output_tokens = #agent.quantity<100.0>} {agent.node = "spare", agent.placement = #agent.placement<{allow = ["h100-sxm", "gaudi3"], neighbors = [{node = "first"}]}>} : (!agent.text) -> !agent.text
  %t = llm.call @mind(%q) shape {input_tokens = #agent.quantity<512.0>, output_tokens = #agent.quantity<100.0>} {agent.node = "twin", agent.placement = #agent.placement<{neighbors = [{node = "spare", apart = false}]}>} : (!agent.text) -> !agent.text
  %u = compute.builtin "concat"(%r, %s) {agent.node = "join"} : (!agent.text, !agent.text) -> !agent.text
  %v = compute.builtin "concat"(%u, %t) {agent.node = "join"} : (!agent.text, !agent.text) -> !agent.text
  agent.output ["v"](%v) : !agent.text
} {load = #agent.load<{requests_per_second = 2.0 : f64}>}

// What is to be apart shares no device class, what is to be together one; the reason stands with the class.
// CHECK: agent.node = "first"{{.*}}place.on = #place.on<{device = "h100-sxm"
// CHECK: agent.node = "spare"{{.*}}place.on = #place.on<{device = "gaudi3"{{.*}}{device = "h100-sxm", {{.*}}verdict = "infeasible", why = "`first.prefill` and `spare.{{prefill|decode}}` are to share no device class"
// CHECK: agent.node = "twin"{{.*}}place.on = #place.on<{device = "gaudi3"
