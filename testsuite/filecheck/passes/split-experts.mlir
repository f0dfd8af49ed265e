// RUN: agentc-opt %s -p "split-llm,split-experts{tp=4}" | filecheck %s

model.spec @mind <{name = "tiny", kind = "decoder", layers = 2 : i64, hidden = 64 : i64, heads = 4 : i64, kv_heads = 2 : i64, head_dim = 16 : i64, intermediate = 128 : i64, vocab = 1000 : i64}> precision "bf16"
model.spec @moe <{name = "routed", kind = "decoder", layers = 2 : i64, hidden = 64 : i64, heads = 4 : i64, kv_heads = 2 : i64, head_dim = 16 : i64, vocab = 1000 : i64, experts = 8 : i64, experts_per_token = 2 : i64, expert_intermediate = 128 : i64}> precision "bf16"

agent.graph entry @a {
  %q = agent.input "question" : !agent.text
  %d = llm.call @mind(%q) shape {input_tokens = #agent.quantity<8.0>, output_tokens = #agent.quantity<4.0>} : (!agent.text) -> !agent.text
  %r = llm.call @moe(%d) system "S" prompt "P {0}" fields {a = "text"} shape {input_tokens = #agent.quantity<512.0>, output_tokens = #agent.quantity<160.0>} {agent.node = "think"} : (!agent.text) -> !agent.record
  %x = llm.prefill @moe() system "S" shape {input_tokens = #agent.quantity<80.0>} : () -> !kv.cache<@moe>
  %y = llm.prefill @moe(%d) from %x : !kv.cache<@moe> system "S" shape {input_tokens = #agent.quantity<90.0>, cached_tokens = #agent.quantity<80.0>} : (!agent.text) -> !kv.cache<@moe>
  kv.store %y "kept" : !kv.cache<@moe>
  agent.output ["r"](%r) : !agent.record
}

// A dense model has no experts.
// CHECK:      llm.prefill @mind
// CHECK-NEXT: kv.transfer @mind
// CHECK-NEXT: [[D:%.*]] = llm.decode @mind
// CHECK-NEXT: [[A:%.*]] = gate.select @moe([[D]]) phase "prefill" system "S" prompt "P {0}" shape {input_tokens = #agent.quantity<512.0>} {agent.node = "think", agent.made_by = ["split-llm", "split-experts"]} : (!agent.text) -> !expert.routing
// CHECK-NEXT: [[B:%.*]] = expert.prefill @moe([[A]]) tp 4 shape
// CHECK-NEXT: [[C:%.*]] = expert.merge @moe([[B]]) phase "prefill" shape
// CHECK-NEXT: [[E:%.*]] = comm.allreduce @moe([[C]]) phase "prefill" shape {{.*}} : !expert.hidden -> !kv.cache<@moe>
// CHECK-NEXT: [[F:%.*]] = kv.transfer @moe([[E]])
// CHECK-NEXT: [[G:%.*]] = gate.select @moe([[F]]) phase "decode" shape {{.*}} : (!kv.cache<@moe>) -> !expert.routing
// CHECK-NEXT: [[H:%.*]] = expert.decode @moe([[G]]) tp 4 shape
// CHECK-NEXT: [[I:%.*]] = expert.merge @moe([[H]]) phase "decode" shape
// CHECK-NEXT: [[J:%.*]] = comm.allreduce @moe([[I]]) phase "decode" fields {a = "text"} shape {{.*}} : !expert.hidden -> !agent.record
// The cache of a prefix is the gate's first operand.
// CHECK-NEXT: gate.select @moe() phase "prefill" system "S"
// CHECK:      [[P:%.*]] = comm.allreduce @moe({{.*}}) phase "prefill"
// CHECK-NEXT: gate.select @moe([[P]], [[D]]) phase "prefill" system "S" shape {{.*}} : (!kv.cache<@moe>, !agent.text) -> !expert.routing
// CHECK-NOT:  llm.
