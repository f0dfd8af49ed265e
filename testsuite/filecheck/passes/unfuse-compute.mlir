// RUN: agentc-opt %s -p unfuse-compute | filecheck %s
// RUN: agentc-opt %s -p "unfuse-compute{all=true}" | filecheck %s --check-prefix ALL

agent.graph entry @a {
  %q = agent.input "question" : !agent.text
  %r = compute.fused(%q) : (!agent.text) -> !agent.text {
  ^bb0(%x: !agent.text):
    %y = compute.builtin "strip"(%x) {agent.node = "strip"} : (!agent.text) -> !agent.text
    %z = compute.builtin "lower"(%y) {agent.node = "lower", agent.placement = #agent.placement<{forbid = ["edge"]}>} : (!agent.text) -> !agent.text
    compute.yield %z : !agent.text
  } {agent.node = "strip+lower", agent.async}
  %s = compute.fused(%r) : (!agent.text) -> !agent.text {
  ^bb0(%x: !agent.text):
    %y = compute.builtin "strip"(%x) : (!agent.text) -> !agent.text
    %z = compute.builtin "upper"(%y) : (!agent.text) -> !agent.text
    compute.yield %z : !agent.text
  } {agent.node = "kept", agent.source = "a.yaml:4:1"}
  agent.output ["s"](%s) : !agent.text
}

// CHECK:      [[Y:%.*]] = compute.builtin "strip"(%q) {agent.node = "strip", agent.made_by = ["unfuse-compute"], agent.async}
// CHECK-NEXT: [[Z:%.*]] = compute.builtin "lower"([[Y]]) {agent.node = "lower", agent.placement = #agent.placement<{forbid = ["edge"]}>, agent.made_by = ["unfuse-compute"], agent.async}
// CHECK-NEXT: compute.fused([[Z]])

// ALL-NOT:  compute.fused
// ALL:      compute.builtin "upper"({{.*}}) {agent.node = "kept", agent.source = "a.yaml:4:1", agent.made_by = ["unfuse-compute"]}
