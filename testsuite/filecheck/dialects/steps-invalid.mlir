// RUN: agentc-opt %s --verify-diagnostics --parsing-diagnostics --split-input-file | filecheck %s

%q = "test.op"() : () -> !agent.text
%i = compute.fused(%q) : (!agent.text) -> !agent.text {
^bb0(%x: !agent.audio):
  compute.yield %q : !agent.text
}
// CHECK: the body's arguments have the types of the inputs

// -----

%q = "test.op"() : () -> !agent.text
%i = compute.fused(%q) : (!agent.text) -> !agent.text {
^bb0(%x: !agent.text):
  %y = compute.builtin "strip"(%x) : (!agent.text) -> !agent.text
  compute.yield
}
// CHECK: the body ends with compute.yield of the outputs

// -----

%q = "test.op"() : () -> !agent.text
%p = tool.compute @search(%q) : !agent.text -> !agent.text
// CHECK: tool.handle

// -----

"test.op"() {w = #agent.work<{cpu_core_seconds = "2 *"}>} : () -> ()
// CHECK: expected

// -----

memory.spec @facts kind "vector" documents 10 dimension 4 {options = {index = "ivf", nlist = 2 : i64}}
// CHECK: its index lacks 'nprobe'

// -----

memory.spec @facts kind "vector" documents 10 dimension 4 {options = {index = "ivf", nlist = 2 : i64, nprobe = 3 : i64}}
// CHECK: 3 of 2 lists cannot be probed

// -----

memory.spec @facts kind "vector" documents 10 dimension 4 {options = {index = "tree"}}
// CHECK: there is no index "tree"; `ivf` and `hnsw` are known
