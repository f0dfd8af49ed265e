// RUN: agentc-opt %s -p split-llm | filecheck %s

model.spec @mind <{name = "tiny", kind = "decoder", layers = 2 : i64, hidden = 64 : i64, heads = 4 : i64, kv_heads = 2 : i64, head_dim = 16 : i64, intermediate = 128 : i64, vocab = 1000 : i64}> precision "bf16"
model.spec @api <{name = "api", kind = "hosted"}> precision "bf16" {hosted = {ttft_seconds = 0.3 : f64, tokens_per_second = 80.0 : f64}}

agent.graph entry @a {
  %q = agent.input "question" : !agent.text
  %r = llm.call @mind(%q) system "Be brief." prompt "Answer: {0}" shape {input_tokens = #agent.quantity<512.0, p95 = 900.0>, output_tokens = #agent.quantity<160.0, assumed>} {options = {temperature = 0.5 : f64}, agent.node = "think.decide", agent.source = "agent.yaml:12:3", agent.async, agent.placement = #agent.placement<{forbid = ["l4"]}>} : (!agent.text) -> !agent.text
  %f = llm.call @mind(%q) fields {query = "text"} shape {input_tokens = #agent.quantity<8.0>, output_tokens = #agent.quantity<4.0>} : (!agent.text) -> !agent.record
  %h = llm.call @api(%q) shape {input_tokens = #agent.quantity<8.0>, output_tokens = #agent.quantity<4.0>} : (!agent.text) -> !agent.text
  agent.output ["r", "f", "h"](%r, %f, %h) : !agent.text, !agent.record, !agent.text
}

// The two halves keep node, source, asynchrony, options and the user's word on placement; the hand-over has no place.
// CHECK:      [[CACHE:%.*]] = llm.prefill @mind(%q) system "Be brief." prompt "Answer: {0}" shape {input_tokens = #agent.quantity<512.0, p95 = 900.0>} {agent.node = "think.decide", agent.source = "agent.yaml:12:3", agent.async, agent.placement = #agent.placement<{forbid = ["l4"]}>, agent.made_by = ["split-llm"], options = {temperature = 5.000000e-01 : f64}} : (!agent.text) -> !kv.cache<@mind>
// CHECK-NEXT: [[MOVED:%.*]] = kv.transfer @mind([[CACHE]]) shape {input_tokens = #agent.quantity<512.0, p95 = 900.0>} {agent.node = "think.decide", agent.source = "agent.yaml:12:3", agent.async, agent.made_by = ["split-llm"]} : !kv.cache<@mind>
// CHECK-NEXT: [[REPLY:%.*]] = llm.decode @mind([[MOVED]]) shape {input_tokens = #agent.quantity<512.0, p95 = 900.0>, output_tokens = #agent.quantity<160.0, assumed>} {agent.node = "think.decide", {{.*}}agent.made_by = ["split-llm"], options = {temperature = 5.000000e-01 : f64}} : !kv.cache<@mind> -> !agent.text
// CHECK-NEXT: llm.prefill @mind(%q) shape
// CHECK-NEXT: kv.transfer
// CHECK-NEXT: [[FIELDS:%.*]] = llm.decode @mind({{.*}}) fields {query = "text"} shape
// A hosted model's call stays whole.
// CHECK-NEXT: [[HOSTED:%.*]] = llm.call @api(%q)
// CHECK-NEXT: agent.output ["r", "f", "h"]([[REPLY]], [[FIELDS]], [[HOSTED]])
