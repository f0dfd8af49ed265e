// RUN: agentc compile %S/../../../examples/shapes/hierarchical.yaml --stop-after agent | filecheck %s
// RUN: agentc compile %S/../../../examples/shapes/shapes.py:hierarchical --stop-after agent | filecheck %s

// CHECK: agent.graph @reader
// CHECK: llm.call @hand(
// CHECK: agent.output ["notes"]
// CHECK: agent.graph @checker
// CHECK: llm.call @hand(
// CHECK: agent.output ["notes"]
// CHECK: agent.graph @author
// CHECK: llm.call @hand(
// CHECK: agent.output ["text"]
// CHECK: agent.graph @research
// CHECK: llm.call @lead(
// CHECK: agent.branch {{%.+}} ["reader", "checker"] probabilities [6.000000e-01 : f64, 4.000000e-01 : f64]
// CHECK: agent.call @reader(
// CHECK: agent.yield
// CHECK: agent.call @checker(
// CHECK: agent.yield
// CHECK: agent.output ["report"]
// CHECK: agent.graph @writing
// CHECK: llm.call @lead(
// CHECK: agent.call @author(
// CHECK: agent.output ["report"]
// CHECK: agent.graph entry @hierarchical
// CHECK: agent.loop({{.*}}) expected 2.000000e+00 max 6
// CHECK: llm.call @head(
// CHECK: agent.branch {{%.+}} ["research", "writing", "done"] probabilities [4.000000e-01 : f64, 4.000000e-01 : f64, 2.000000e-01 : f64]
// CHECK: agent.call @research(
// CHECK: agent.yield
// CHECK: agent.call @writing(
// CHECK: agent.yield
// CHECK: agent.yield
// CHECK: agent.continue
// CHECK: agent.output ["answer"]
