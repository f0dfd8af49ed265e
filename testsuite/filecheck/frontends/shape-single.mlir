// RUN: agentc compile %S/../../../examples/shapes/single.yaml --stop-after agent | filecheck %s
// RUN: agentc compile %S/../../../examples/shapes/shapes.py:single --stop-after agent | filecheck %s

// CHECK: agent.graph entry @single
// CHECK: agent.loop({{.*}}) expected 2.500000e+00 max 8
// CHECK: llm.call @mind(
// CHECK: agent.branch {{%.+}} ["true", "false"] probabilities [6.000000e-01 : f64, 4.000000e-01 : f64]
// CHECK: agent.branch {{%.+}} ["search", "calculate"] probabilities [7.000000e-01 : f64, 3.000000e-01 : f64]
// CHECK: tool.invoke @search(
// CHECK: agent.yield
// CHECK: tool.invoke @calculate(
// CHECK: agent.yield
// CHECK: agent.yield
// CHECK: agent.yield
// CHECK: agent.continue
// CHECK: agent.output ["answer"]
