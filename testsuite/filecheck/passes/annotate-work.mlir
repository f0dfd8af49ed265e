// RUN: agentc-opt %s -p annotate-work | filecheck %s

tool.spec @search latency <0.18> cpu <0.002> {python = "tools.py:search", pure}

agent.graph entry @a {
  %q = agent.input "question" : !agent.text
  %h = tool.lookup @search(%q) {agent.node = "find"} : (!agent.text) -> !tool.handle
  %p = tool.compute @search(%h) {agent.node = "find"} : !tool.handle -> !agent.text
  %s = compute.builtin "strip"(%p) {agent.node = "tidy"} : (!agent.text) -> !agent.text
  %t = compute.builtin "strip"(%s) {agent.node = "tidy"} : (!agent.text) -> !agent.text
  agent.output ["t"](%t) : !agent.text
}

// Names are unique; figures are those that the formulas ask for.
// CHECK: tool.lookup @search(%q) {agent.node = "find", agent.task = "find.lookup", agent.work = #agent.work<{cpu_core_seconds = "batch * 2e-05"}>}
// CHECK-NEXT: tool.compute {{.*}}agent.task = "find.compute", agent.work = #agent.work<{cpu_core_seconds = "batch * cpu_seconds", static_seconds = "latency_seconds"}>, agent.shape = {latency_seconds = #agent.quantity<0.18>, cpu_seconds = #agent.quantity<0.002>}}
// CHECK-NEXT: agent.task = "tidy"
// CHECK-NEXT: agent.task = "tidy#2"
