// RUN: agentc-opt %s -p remove-dead-nodes | filecheck %s

model.spec @mind <{name = "tiny", kind = "decoder", layers = 2 : i64, hidden = 64 : i64, heads = 4 : i64, kv_heads = 2 : i64, head_dim = 16 : i64, intermediate = 128 : i64, vocab = 1000 : i64}> precision "bf16"
tool.spec @search latency <0.18> cpu <0.002> {python = "tools.py:search", pure}
tool.spec @book latency <0.18> cpu <0.002> {python = "tools.py:book"}

agent.graph entry @a {
  %q = agent.input "question" : !agent.text
  %unused = agent.input "unused" : !agent.text
  %a = compute.builtin "strip"(%q) {agent.node = "dead"} : (!agent.text) -> !agent.text
  %b = llm.call @mind(%a) shape {input_tokens = #agent.quantity<8.0>, output_tokens = #agent.quantity<8.0>} {agent.node = "dead.llm"} : (!agent.text) -> !agent.text
  %p = tool.invoke @search(%b) {agent.node = "dead.pure"} : (!agent.text) -> !agent.text
  %w = tool.invoke @book(%q) {agent.node = "books"} : (!agent.text) -> !agent.text
  %n = agent.none : !agent.text
  %x, %y = agent.loop(%n, %n) expected 1.5 max 3 : (!agent.text, !agent.text) -> (!agent.text, !agent.text) {
  ^bb0(%last: !agent.text, %dead: !agent.text):
    %more = compute.builtin "contains"(%last) : (!agent.text) -> i1
    %next = compute.builtin "lower"(%last) : (!agent.text) -> !agent.text
    %round = compute.builtin "upper"(%dead) : (!agent.text) -> !agent.text
    agent.continue %more(%next, %round) : !agent.text, !agent.text
  }
  %c, %d = agent.branch %q ["a", "*"] probabilities [0.5 : f64, 0.5 : f64] : !agent.text -> !agent.text, !agent.text {
    %in = compute.builtin "title"(%q) : (!agent.text) -> !agent.text
    %kept = compute.python "a.py:f"(%q) : (!agent.text) -> !agent.text
    agent.yield %in, %q : !agent.text, !agent.text
  } {
    agent.yield %q, %x : !agent.text, !agent.text
  }
  agent.output ["x", "d"](%x, %d) : !agent.text, !agent.text
}

// An input is the agent's signature; a tool that is not pure and a user's function may have been called for their effect.
// CHECK:      agent.input "question"
// CHECK-NEXT: agent.input "unused"
// CHECK-NEXT: tool.invoke @book(%q) {agent.node = "books"}
// CHECK-NEXT: [[N:%.*]] = agent.none
// CHECK-NEXT: [[X:%.*]] = agent.loop([[N]]) expected 1.500000e+00 max 3 : (!agent.text) -> !agent.text {
// CHECK-NEXT: ^bb0([[L:%.*]]: !agent.text):
// CHECK-NEXT:   [[M:%.*]] = compute.builtin "contains"([[L]])
// CHECK-NEXT:   [[K:%.*]] = compute.builtin "lower"([[L]])
// CHECK-NEXT:   agent.continue [[M]]([[K]]) : !agent.text
// CHECK-NEXT: }
// CHECK-NEXT: [[D:%.*]] = agent.branch %q ["a", "*"] probabilities [5.000000e-01 : f64, 5.000000e-01 : f64] : !agent.text -> !agent.text {
// CHECK-NEXT:   compute.python "a.py:f"(%q)
// CHECK-NEXT:   agent.yield %q : !agent.text
// CHECK-NEXT: } {
// CHECK-NEXT:   agent.yield [[X]] : !agent.text
// CHECK-NEXT: }
// CHECK-NEXT: agent.output ["x", "d"]([[X]], [[D]])
