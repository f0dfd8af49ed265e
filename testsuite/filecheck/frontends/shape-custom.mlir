// RUN: agentc compile %S/../../../examples/shapes/custom.yaml --stop-after agent | filecheck %s
// RUN: agentc compile %S/../../../examples/shapes/shapes.py:custom --stop-after agent | filecheck %s

// CHECK: agent.graph entry @custom
// CHECK: llm.call @mind(
// CHECK: agent.map
// CHECK: tool.invoke @search(
// CHECK: agent.yield
// CHECK: llm.call @mind(
// CHECK: llm.call @judge(
// CHECK: agent.branch {{%.+}} ["true", "false"] probabilities [2.000000e-01 : f64, 8.000000e-01 : f64]
// CHECK: llm.call @mind(
// CHECK: agent.yield
// CHECK: agent.yield
// CHECK: memory.observe @audit(
// CHECK: agent.output ["answer"]
