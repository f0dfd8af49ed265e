// RUN: agentc-opt %s -p 'attach-fleet{fleet="local-cpu"}' | filecheck %s
// RUN: agentc-opt %s -p 'attach-fleet{fleet="local-cpu"},attach-fleet{fleet="paper"}' | filecheck %s --check-prefix AGAIN

agent.graph entry @a {
  %q = agent.input "question" : !agent.text
  agent.output ["q"](%q) : !agent.text
}

// CHECK:      place.fleet @"local-cpu" financing
// CHECK-NEXT: place.stock <{device = {name = "cpu-local", vendor
// CHECK:      agent.graph entry @a

// A fleet that was there is replaced.
// AGAIN-NOT: @"local-cpu"
// AGAIN:     place.fleet @paper financing
