// RUN: agentc compile %S/../../../examples/shapes/supervisor-as-tools.yaml --stop-after agent | filecheck %s
// RUN: agentc compile %S/../../../examples/shapes/shapes.py:supervisor_as_tools --stop-after agent | filecheck %s

// CHECK: agent.graph @mathematician
// CHECK: llm.call @hand(
// CHECK: agent.output ["result"]
// CHECK: agent.graph @historian
// CHECK: llm.call @hand(
// CHECK: agent.output ["result"]
// CHECK: agent.graph entry @"supervisor-as-tools"
// CHECK: agent.loop({{.*}}) expected 2.500000e+00 max 8
// CHECK: llm.call @lead(
// CHECK: agent.branch {{%.+}} ["true", "false"] probabilities [6.000000e-01 : f64, 4.000000e-01 : f64]
// CHECK: agent.branch {{%.+}} ["mathematician", "historian"] probabilities [5.000000e-01 : f64, 5.000000e-01 : f64]
// CHECK: agent.call @mathematician(
// CHECK: agent.yield
// CHECK: agent.call @historian(
// CHECK: agent.yield
// CHECK: agent.yield
// CHECK: agent.yield
// CHECK: agent.continue
// CHECK: agent.output ["answer"]
