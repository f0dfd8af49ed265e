// RUN: agentc-opt %s -p fuse-compute --split-input-file | filecheck %s

tool.spec @search latency <0.18> cpu <0.002> {python = "tools.py:search"}

agent.graph entry @a {
  %q = agent.input "question" : !agent.text
  %h = tool.lookup @search(%q) {agent.node = "find"} : (!agent.text) -> !tool.handle
  %p = tool.compute @search(%h) {agent.node = "find", agent.made_by = ["split-tools"]} : !tool.handle -> !agent.record
  %g = agent.get %p "best" : !agent.record -> !agent.text
  %s = compute.builtin "strip"(%g) {agent.node = "strip", agent.source = "a.yaml:5:1"} : (!agent.text) -> !agent.text
  %t = compute.python "a.py:f"(%s, %q) {agent.node = "shape", shape = {cpu_seconds = #agent.quantity<0.5>}} : (!agent.text, !agent.text) -> !agent.text
  agent.output ["t"](%t) : !agent.text
}

// A tool's run joins its consumer, through the projection between.
// CHECK:      [[H:%.*]] = tool.lookup @search(%q)
// CHECK-NEXT: [[T:%.*]] = compute.fused([[H]], %q) : (!tool.handle, !agent.text) -> !agent.text {
// CHECK-NEXT: ^bb0([[X:%.*]]: !tool.handle, [[Y:%.*]]: !agent.text):
// CHECK-NEXT:   [[P:%.*]] = tool.compute @search([[X]]) {agent.node = "find", agent.made_by = ["split-tools"]}
// CHECK-NEXT:   [[G:%.*]] = agent.get [[P]] "best"
// CHECK-NEXT:   [[S:%.*]] = compute.builtin "strip"([[G]])
// CHECK-NEXT:   [[Z:%.*]] = compute.python "a.py:f"([[S]], [[Y]])
// CHECK-NEXT:   compute.yield [[Z]]
// CHECK-NEXT: } {agent.node = "find+strip+shape", agent.made_by = ["split-tools", "fuse-compute"]}
// CHECK-NEXT: agent.output ["t"]([[T]])

// -----

// What stays apart: a value that others read, an input that comes later, other rules, another turn of effects.
tool.spec @search latency <0.18> cpu <0.002> {python = "tools.py:search"}
agent.graph entry @a {
  %q = agent.input "question" : !agent.text
  %shared = compute.builtin "strip"(%q) {agent.node = "shared"} : (!agent.text) -> !agent.text
  %one = compute.builtin "lower"(%shared) {agent.node = "one"} : (!agent.text) -> !agent.text
  %h = tool.lookup @search(%shared) {agent.node = "find"} : (!agent.text) -> !tool.handle
  %slow = tool.compute @search(%h) {agent.node = "find"} : !tool.handle -> !agent.text
  %late = compute.builtin "concat"(%one, %slow) {agent.node = "late"} : (!agent.text, !agent.text) -> !agent.text
  %rule = compute.builtin "upper"(%late) {agent.node = "rule", agent.placement = #agent.placement<{forbid = ["edge"]}>} : (!agent.text) -> !agent.text
  %first = compute.python "a.py:f"(%rule) {agent.node = "first", agent.placement = #agent.placement<{forbid = ["edge"]}>, agent.async} : (!agent.text) -> !agent.text
  %effect = compute.python "a.py:g"(%q) {agent.node = "effect"} : (!agent.text) -> !agent.text
  %between = compute.python "a.py:h"(%slow) {agent.node = "between"} : (!agent.text) -> !agent.text
  %second = compute.builtin "upper"(%effect) {agent.node = "second"} : (!agent.text) -> !agent.text
  agent.output ["a", "b", "c"](%first, %second, %between) : !agent.text, !agent.text, !agent.text
}

// CHECK-NOT: compute.fused
// CHECK:     agent.output ["a", "b", "c"]
