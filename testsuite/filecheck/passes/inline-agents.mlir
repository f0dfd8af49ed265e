// RUN: agentc-opt %s -p inline-agents --split-input-file | filecheck %s

agent.graph @writer {
  %b = agent.input "brief" : !agent.text
  %d = compute.builtin "strip"(%b) {agent.node = "tidy", agent.source = "a.yaml:9:1", agent.placement = #agent.placement<{forbid = ["edge"]}>} : (!agent.text) -> !agent.text
  agent.output ["draft"](%d) : !agent.text
}
agent.graph @team {
  %b = agent.input "brief" : !agent.text
  %d = agent.call @writer(%b) {agent.node = "writer"} : (!agent.text) -> !agent.text
  agent.output ["draft"](%d) : !agent.text
}
agent.graph entry @boss {
  %q = agent.input "question" : !agent.text
  %r = agent.call @team(%q) {agent.node = "first", agent.async, agent.placement = #agent.placement<{forbid = ["l4"]}>} : (!agent.text) -> !agent.text
  %s = agent.call @team(%r) {agent.node = "second"} : (!agent.text) -> !agent.text
  agent.output ["answer"](%s) : !agent.text
}

// CHECK-NOT:  @writer
// CHECK-NOT:  @team
// CHECK:      agent.graph entry @boss {
// CHECK-NEXT:   %q = agent.input "question"
// CHECK-NEXT:   [[R:%.*]] = compute.builtin "strip"(%q) {agent.node = "first.writer.tidy", agent.source = "a.yaml:9:1", agent.placement = #agent.placement<{forbid = ["edge", "l4"]}>, agent.made_by = ["inline-agents"], agent.async}
// CHECK-NEXT:   [[S:%.*]] = compute.builtin "strip"([[R]]) {agent.node = "second.writer.tidy", agent.source = "a.yaml:9:1", agent.placement = #agent.placement<{forbid = ["edge"]}>, agent.made_by = ["inline-agents"]}
// CHECK-NEXT:   agent.output ["answer"]([[S]])

// -----

// Regions come along, and ops inside get the prefix too.
agent.graph @picker {
  %b = agent.input "brief" : !agent.text
  %d = agent.branch %b ["a", "*"] probabilities [0.5 : f64, 0.5 : f64] : !agent.text -> !agent.text {
    %x = compute.builtin "lower"(%b) {agent.node = "low"} : (!agent.text) -> !agent.text
    agent.yield %x : !agent.text
  } {
    agent.yield %b : !agent.text
  } attributes {agent.node = "pick"}
  agent.output ["draft"](%d) : !agent.text
}
agent.graph entry @boss {
  %q = agent.input "question" : !agent.text
  %r = agent.call @picker(%q) {agent.node = "call"} : (!agent.text) -> !agent.text
  agent.output ["answer"](%r) : !agent.text
}

// CHECK:      agent.graph entry @boss {
// CHECK-NEXT:   %q = agent.input
// CHECK-NEXT:   [[R:%.*]] = agent.branch %q ["a", "*"]
// CHECK-NEXT:     compute.builtin "lower"(%q) {agent.node = "call.low"
// CHECK:        } attributes {agent.node = "call.pick", agent.made_by = ["inline-agents"]}
// CHECK-NEXT:   agent.output ["answer"]([[R]])

// -----

// What a step of a sub-agent is to be apart from is a step of the same call; the call's own rule is about its siblings.
agent.graph @pair {
  %b = agent.input "brief" : !agent.text
  %x = compute.builtin "lower"(%b) {agent.node = "low"} : (!agent.text) -> !agent.text
  %y = compute.builtin "strip"(%x) {agent.node = "tidy", agent.placement = #agent.placement<{sites = ["here", "there"], neighbors = [{node = "low", apart = true, domain = "zone"}]}>} : (!agent.text) -> !agent.text
  agent.output ["draft"](%y) : !agent.text
}
agent.graph entry @user {
  %q = agent.input "question" : !agent.text
  %r = agent.call @pair(%q) {agent.node = "first", agent.placement = #agent.placement<{sites = ["there"], neighbors = [{node = "log", apart = false, domain = "site"}]}>} : (!agent.text) -> !agent.text
  agent.output ["answer"](%r) : !agent.text
}

// CHECK:      agent.graph entry @user {
// CHECK-NEXT:   %q = agent.input "question"
// CHECK-NEXT:   compute.builtin "lower"(%q) {agent.node = "first.low"{{.*}}sites = ["there"], neighbors = [{node = "log", apart = false, domain = "site"}]
// CHECK-NEXT:   compute.builtin "strip"({{.*}}agent.node = "first.tidy", agent.placement = #agent.placement<{sites = ["there"], neighbors = [{node = "first.low", {{.*}}domain = "zone"}, {node = "log", apart = false, domain = "site"}]}>
