// RUN: agentc-opt %s --verify-diagnostics --split-input-file | filecheck %s

agent.graph @a {
  %q = agent.input "x" : !agent.text
  %r = agent.input "x" : !agent.text
  agent.output ["y"](%q) : !agent.text
}
// CHECK: two inputs of a graph have the same name

// -----

agent.graph @a {
  %q = agent.input "x" : !agent.text
  agent.output ["y", "z"](%q) : !agent.text
}
// CHECK: 2 names for 1 values

// -----

agent.graph @a {
  %q = agent.input "x" : !agent.text
  %r = agent.call @nobody(%q) : (!agent.text) -> !agent.text
  agent.output ["y"](%r) : !agent.text
}
// CHECK: no agent @nobody

// -----

agent.graph @b {
  %q = agent.input "x" : !agent.text
  agent.output ["y"](%q) : !agent.text
}
agent.graph @a {
  %r = agent.call @b() : () -> !agent.text
  agent.output ["y"](%r) : !agent.text
}
// CHECK: @b takes 1 inputs, 0 given

// -----

agent.graph @a {
  %q = agent.input "x" : !agent.text
  %r = agent.branch %q ["a", "*"] probabilities [0.5 : f64, 0.2 : f64] : !agent.text -> !agent.text {
    agent.yield %q : !agent.text
  } {
    agent.yield %q : !agent.text
  }
  agent.output ["y"](%r) : !agent.text
}
// CHECK: probabilities [0.5, 0.2] do not sum to 1

// -----

agent.graph @a {
  %q = agent.input "x" : !agent.text
  %f = agent.input "f" : i1
  %r = agent.loop(%q) expected 5.0 max 4 : (!agent.text) -> !agent.text {
  ^bb0(%last: !agent.text):
    agent.continue %f(%last) : !agent.text
  }
  agent.output ["y"](%r) : !agent.text
}
// CHECK: a loop runs 1 <= expected <= max trips, found 5.0 and 4

// -----

agent.graph @a {
  %q = agent.input "x" : !agent.list<!agent.text>
  %r = agent.map %q width <8.0> concurrency 0 : !agent.list<!agent.text> -> !agent.list<!agent.text> {
  ^bb0(%page: !agent.text):
    agent.yield %page : !agent.text
  }
  agent.output ["y"](%r) : !agent.list<!agent.text>
}
// CHECK: a map has a positive width and a concurrency of at least 1
