// Figure 7 of arXiv 2507.19635: (b) the agent as it is written, (c) decomposed, in the paper's order.
// RUN: agentc-opt %s | filecheck %s
// RUN: agentc-opt %s -p "split-llm,split-experts{tp=2},split-tools" | filecheck %s --check-prefix DECOMPOSED

model.spec @moe <{name = "routed", kind = "decoder", layers = 2 : i64, hidden = 64 : i64, heads = 4 : i64, kv_heads = 2 : i64, head_dim = 16 : i64, vocab = 1000 : i64, experts = 8 : i64, experts_per_token = 2 : i64, expert_intermediate = 128 : i64}> precision "bf16"
memory.spec @episodes kind "keyvalue" documents 0 dimension 0
tool.spec @search latency <0.18> cpu <0.002> {python = "tools.py:search"}
tool.spec @calculator latency <0.01> cpu <0.001> {python = "tools.py:calculate"}

agent.graph entry @assistant {
  %query = agent.input "query" : !agent.text
  %history = memory.load @episodes(%query) : (!agent.text) -> !agent.text
  %plan = llm.call @moe(%query, %history) shape {input_tokens = #agent.quantity<512.0>, output_tokens = #agent.quantity<160.0>} : (!agent.text, !agent.text) -> !agent.text
  %pages = tool.invoke @search(%plan) : (!agent.text) -> !agent.text
  %sum = tool.invoke @calculator(%pages) : (!agent.text) -> !agent.text
  memory.store @episodes(%query, %sum) : !agent.text, !agent.text
  agent.output ["answer"](%sum) : !agent.text
}

// CHECK:      agent.graph entry @assistant {
// CHECK-NEXT:   agent.input "query"
// CHECK-NEXT:   memory.load
// CHECK-NEXT:   llm.call
// CHECK-NEXT:   tool.invoke @search
// CHECK-NEXT:   tool.invoke @calculator
// CHECK-NEXT:   memory.store

// DECOMPOSED:      agent.input "query"
// DECOMPOSED-NEXT: [[H:%.*]] = memory.load
// DECOMPOSED-NEXT: [[A:%.*]] = gate.select @moe(%query, [[H]]) phase "prefill"
// DECOMPOSED-NEXT: [[B:%.*]] = expert.prefill @moe([[A]]) tp 2
// DECOMPOSED-NEXT: [[C:%.*]] = expert.merge @moe([[B]]) phase "prefill"
// DECOMPOSED-NEXT: [[D:%.*]] = comm.allreduce @moe([[C]]) phase "prefill"
// Ours beside the paper's: the cache changes hands between the two phases.
// DECOMPOSED-NEXT: [[K:%.*]] = kv.transfer @moe([[D]])
// DECOMPOSED-NEXT: [[E:%.*]] = gate.select @moe([[K]]) phase "decode"
// DECOMPOSED-NEXT: [[F:%.*]] = expert.decode @moe([[E]]) tp 2
// DECOMPOSED-NEXT: [[G:%.*]] = expert.merge @moe([[F]]) phase "decode"
// DECOMPOSED-NEXT: [[I:%.*]] = comm.allreduce @moe([[G]]) phase "decode"
// DECOMPOSED-NEXT: [[S:%.*]] = tool.lookup @search([[I]])
// DECOMPOSED-NEXT: [[T:%.*]] = tool.compute @search([[S]])
// DECOMPOSED-NEXT: [[U:%.*]] = tool.lookup @calculator([[T]])
// DECOMPOSED-NEXT: [[V:%.*]] = tool.compute @calculator([[U]])
// DECOMPOSED-NEXT: memory.store @episodes(%query, [[V]])
