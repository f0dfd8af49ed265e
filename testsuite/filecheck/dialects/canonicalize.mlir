// RUN: agentc-opt %s -p canonicalize --split-input-file | filecheck %s

agent.graph entry @a {
  %q = agent.input "question" : !agent.text
  %unused = agent.input "unused" : !agent.text
  %yes = arith.constant true
  %r = agent.branch %yes ["true", "false"] probabilities [0.5 : f64, 0.5 : f64] : i1 -> !agent.text {
    %x = compute.python "a.py:f"(%q) : (!agent.text) -> !agent.text
    agent.yield %x : !agent.text
  } {
    agent.yield %q : !agent.text
  }
  %s = agent.branch %r ["*"] probabilities [1.0 : f64] : !agent.text -> !agent.text {
    %y = compute.python "a.py:g"(%r) : (!agent.text) -> !agent.text
    agent.yield %y : !agent.text
  }
  %t = agent.branch %s ["a", "*"] probabilities [0.5 : f64, 0.5 : f64] : !agent.text -> !agent.text {
    agent.yield %s : !agent.text
  } {
    agent.yield %s : !agent.text
  }
  %f = "test.op"() : () -> i1
  %u = agent.loop(%t) expected 1.0 max 1 : (!agent.text) -> !agent.text {
  ^bb0(%last: !agent.text):
    %z = compute.python "a.py:h"(%last) : (!agent.text) -> !agent.text
    agent.continue %f(%z) : !agent.text
  }
  %n = agent.none : !agent.record
  %g = agent.get %n "x" : !agent.record -> !agent.text
  agent.output ["u", "g"](%u, %g) : !agent.text, !agent.text
}

// An input that nobody reads is still the agent's.
// CHECK:      agent.input "question"
// CHECK-NEXT: agent.input "unused"
// CHECK-NEXT: [[X:%.*]] = compute.python "a.py:f"(%q)
// CHECK-NEXT: [[Y:%.*]] = compute.python "a.py:g"([[X]])
// CHECK-NEXT: "test.op"
// CHECK-NEXT: [[Z:%.*]] = compute.python "a.py:h"([[Y]])
// CHECK-NEXT: [[N:%.*]] = agent.none : !agent.text
// CHECK-NEXT: agent.output ["u", "g"]([[Z]], [[N]])

// -----

// What is asynchronous stays whole: its ops would have to be marked one by one.
agent.graph entry @a {
  %q = agent.input "question" : !agent.text
  %r = agent.branch %q ["*"] probabilities [1.0 : f64] : !agent.text -> !agent.text {
    %y = compute.python "a.py:g"(%q) : (!agent.text) -> !agent.text
    agent.yield %y : !agent.text
  } attributes {agent.async}
  agent.output [](){}
}

// CHECK: agent.branch
