// RUN: AGENTC_ROUNDTRIP
// RUN: AGENTC_GENERIC_ROUNDTRIP

agent.graph @helper {
  %x = agent.input "x" {input_tokens = #agent.quantity<64.0, p50 = 50.0, p95 = 200.0, assumed>} : !agent.text
  agent.output ["y"](%x) : !agent.text
}
agent.graph entry @a {
  %q = agent.input "question" : !agent.text
  %pages = agent.input "pages" : !agent.list<!agent.text>
  %sub = agent.call @helper(%q) {agent.node = "sub", agent.async} : (!agent.text) -> !agent.text
  %none = agent.none : !agent.documents
  %rec, %flag = "test.op"(%sub) : (!agent.text) -> (!agent.record, i1)
  %field = agent.get %rec "query" : !agent.record -> !agent.text
  %picked = agent.branch %flag ["true", "false"] probabilities [0.25 : f64, 0.75 : f64] : i1 -> !agent.text {
    agent.yield %field : !agent.text
  } {
    agent.yield %q : !agent.text
  } attributes {agent.node = "pick"}
  %found = agent.loop(%none) expected 1.5 max 4 assumed : (!agent.documents) -> !agent.documents {
  ^bb0(%last: !agent.documents):
    agent.continue %flag(%last) : !agent.documents
  } {agent.node = "again"}
  %notes = agent.map %pages width <8.0, p95 = 20.0> concurrency 4 : !agent.list<!agent.text> -> !agent.list<!agent.text> {
  ^bb0(%page: !agent.text):
    agent.yield %page : !agent.text
  } {agent.node = "each"}
  agent.output ["a", "b", "c"](%picked, %found, %notes) : !agent.text, !agent.documents, !agent.list<!agent.text>
} {limits = [#agent.limit<{metric = "ttft", seconds = 0.25 : f64}>], load = #agent.load<{requests_per_second = 20.0 : f64}>}

// CHECK:      agent.graph @helper {
// CHECK-NEXT:   %x = agent.input "x" {input_tokens = #agent.quantity<64.0, p50 = 50.0, p95 = 200.0, assumed>} : !agent.text
// CHECK:      agent.graph entry @a {
// CHECK:        %sub = agent.call @helper(%q) {agent.node = "sub", agent.async} : (!agent.text) -> !agent.text
// CHECK-NEXT:   %none = agent.none : !agent.documents
// CHECK:        %field = agent.get %rec "query" : !agent.record -> !agent.text
// CHECK-NEXT:   %picked = agent.branch %flag ["true", "false"] probabilities [2.500000e-01 : f64, 7.500000e-01 : f64] : i1 -> !agent.text {
// CHECK-NEXT:     agent.yield %field : !agent.text
// CHECK-NEXT:   } {
// CHECK-NEXT:     agent.yield %q : !agent.text
// CHECK-NEXT:   } attributes {agent.node = "pick"}
// CHECK-NEXT:   %found = agent.loop(%none) expected 1.500000e+00 max 4 assumed : (!agent.documents) -> !agent.documents {
// CHECK-NEXT:   ^bb0(%last: !agent.documents):
// CHECK-NEXT:     agent.continue %flag(%last) : !agent.documents
// CHECK-NEXT:   } {agent.node = "again"}
// CHECK-NEXT:   %notes = agent.map %pages width <8.0, p95 = 20.0> concurrency 4 : !agent.list<!agent.text> -> !agent.list<!agent.text> {
// CHECK-NEXT:   ^bb0(%page: !agent.text):
// CHECK-NEXT:     agent.yield %page : !agent.text
// CHECK-NEXT:   } {agent.node = "each"}
// CHECK:      limits = [#agent.limit<{metric = "ttft", seconds = 2.500000e-01 : f64}>]
