// RUN: agentc compile %S/../../../examples/shapes/network.yaml --stop-after agent | filecheck %s
// RUN: agentc compile %S/../../../examples/shapes/shapes.py:network --stop-after agent | filecheck %s

// CHECK: agent.graph @planner
// CHECK: llm.call @mind(
// CHECK: agent.output ["said"]
// CHECK: agent.graph @coder
// CHECK: llm.call @mind(
// CHECK: agent.output ["said"]
// CHECK: agent.graph @tester
// CHECK: llm.call @mind(
// CHECK: agent.output ["said"]
// CHECK: agent.graph entry @network
// CHECK: agent.loop({{.*}}) expected 4.000000e+00 max 12
// CHECK: agent.branch {{%.+}} ["planner", "coder", "tester"] probabilities [4.000000e-01 : f64, 3.500000e-01 : f64, 2.500000e-01 : f64]
// CHECK: agent.call @planner(
// CHECK: agent.yield
// CHECK: agent.call @coder(
// CHECK: agent.yield
// CHECK: agent.call @tester(
// CHECK: agent.yield
// CHECK: agent.continue
// CHECK: agent.output ["answer"]
