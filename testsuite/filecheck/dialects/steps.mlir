// tool, memory and compute.
// RUN: AGENTC_ROUNDTRIP
// RUN: AGENTC_GENERIC_ROUNDTRIP

tool.spec @search latency <0.18, p95 = 0.6> cpu <0.002, assumed> {python = "tools.py:search", pure}
memory.spec @book kind "vector" documents 10000 dimension 384 {path = "docs/", embed = @mini}
%q, %t = "test.op"() : () -> (!agent.text, tensor<?xf32>)
%a = tool.invoke @search(%q) {arguments = ["query"]} : (!agent.text) -> !agent.documents
%b = tool.lookup @search(%q) : (!agent.text) -> !tool.handle
%c = tool.compute @search(%b) : !tool.handle -> !agent.documents
%d = memory.load @book(%q) : (!agent.text) -> !agent.text
memory.store @book(%q, %d) : !agent.text, !agent.text
%e = memory.lookup @book(%q) k 5 : !agent.text -> !agent.documents
memory.observe @book(%q) {agent.async} : !agent.text
%f = compute.builtin "concat"(%q, %d) : (!agent.text, !agent.text) -> !agent.text
%g = compute.python "a.py:f"(%f) {shape = {cpu_seconds = #agent.quantity<0.5>}} : (!agent.text) -> !agent.text
%h = compute.kernel @score(%t) {work = #agent.work<{flops = {fp32 = "2 * n"}}>, shape = {n = #agent.quantity<3.0>}} : (tensor<?xf32>) -> tensor<?xf32>
%i = compute.fused(%g) : (!agent.text) -> !agent.text {
^bb0(%x: !agent.text):
  %y = compute.builtin "strip"(%x) : (!agent.text) -> !agent.text
  compute.yield %y : !agent.text
} {agent.node = "f"}

// CHECK:      tool.spec @search latency <0.18, p95 = 0.6> cpu <0.002, assumed> {python = "tools.py:search", pure}
// CHECK-NEXT: memory.spec @book kind "vector" documents 10000 dimension 384 {path = "docs/", embed = @mini}
// CHECK:      %a = tool.invoke @search(%q) {arguments = ["query"]} : (!agent.text) -> !agent.documents
// CHECK-NEXT: %b = tool.lookup @search(%q) : (!agent.text) -> !tool.handle
// CHECK-NEXT: %c = tool.compute @search(%b) : !tool.handle -> !agent.documents
// CHECK-NEXT: %d = memory.load @book(%q) : (!agent.text) -> !agent.text
// CHECK-NEXT: memory.store @book(%q, %d) : !agent.text, !agent.text
// CHECK-NEXT: %e = memory.lookup @book(%q) k 5 : !agent.text -> !agent.documents
// CHECK-NEXT: memory.observe @book(%q) {agent.async} : !agent.text
// CHECK-NEXT: %f = compute.builtin "concat"(%q, %d) : (!agent.text, !agent.text) -> !agent.text
// CHECK-NEXT: %g = compute.python "a.py:f"(%f) {shape = {cpu_seconds = #agent.quantity<0.5>}} : (!agent.text) -> !agent.text
// CHECK-NEXT: %h = compute.kernel @score(%t) {work = #agent.work<{flops = {fp32 = "2 * n"}}>, shape = {n = #agent.quantity<3.0>}} : (tensor<?xf32>) -> tensor<?xf32>
// CHECK-NEXT: %i = compute.fused(%g) : (!agent.text) -> !agent.text {
// CHECK-NEXT: ^bb0(%x: !agent.text):
// CHECK-NEXT:   %y = compute.builtin "strip"(%x) : (!agent.text) -> !agent.text
// CHECK-NEXT:   compute.yield %y : !agent.text
// CHECK-NEXT: } {agent.node = "f"}
