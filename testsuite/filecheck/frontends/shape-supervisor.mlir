// RUN: agentc compile %S/../../../examples/shapes/supervisor.yaml --stop-after agent | filecheck %s
// RUN: agentc compile %S/../../../examples/shapes/shapes.py:supervisor --stop-after agent | filecheck %s

// CHECK: agent.graph @researcher
// CHECK: tool.invoke @search(
// CHECK: llm.call @hand(
// CHECK: agent.output ["report"]
// CHECK: agent.graph @writer
// CHECK: llm.call @hand(
// CHECK: agent.output ["draft"]
// CHECK: agent.graph entry @"supervisor-of-workers"
// CHECK: agent.loop({{.*}}) expected 3.000000e+00 max 10
// CHECK: llm.call @lead(
// CHECK: agent.branch {{%.+}} ["researcher", "writer", "done"] probabilities [4.000000e-01 : f64, 3.000000e-01 : f64, 3.000000e-01 : f64]
// CHECK: agent.call @researcher(
// CHECK: agent.yield
// CHECK: agent.call @writer(
// CHECK: agent.yield
// CHECK: agent.yield
// CHECK: agent.continue
// CHECK: agent.output ["answer"]
