// RUN: agentc-opt %s -p split-tools | filecheck %s

tool.spec @search latency <0.18> cpu <0.002> {python = "tools.py:search", pure}

agent.graph entry @a {
  %q = agent.input "question" : !agent.text
  %p = tool.invoke @search(%q) {arguments = ["query"], agent.node = "find", agent.source = "a.yaml:3:1"} : (!agent.text) -> !agent.documents
  agent.output ["pages"](%p) : !agent.documents
}

// CHECK:      [[READY:%.*]] = tool.lookup @search(%q) {arguments = ["query"], agent.node = "find", agent.source = "a.yaml:3:1", agent.made_by = ["split-tools"]} : (!agent.text) -> !tool.handle
// CHECK-NEXT: [[PAGES:%.*]] = tool.compute @search([[READY]]) {agent.node = "find", agent.source = "a.yaml:3:1", agent.made_by = ["split-tools"]} : !tool.handle -> !agent.documents
// CHECK-NEXT: agent.output ["pages"]([[PAGES]])
