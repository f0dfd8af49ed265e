// RUN: agentc compile %S/../../../examples/figure7/agent.yaml --stop-after agent | filecheck %s

// CHECK: builtin.module {
// CHECK-NEXT:   model.spec @mind <{name = "mixtral-8x7b", kind = "decoder"
// CHECK-NEXT:   tool.spec @search latency <0.19608, p50 = 0.15, p95 = 0.5> cpu <0.002> {agent.source = "agent.yaml:{{[0-9:]+}}", python = "tools.py:search", parameters = {query = !agent.text}, pure}
// CHECK-NEXT:   tool.spec @calculator latency <0.0> cpu <0.0002> {agent.source = "agent.yaml:{{[0-9:]+}}", python = "tools.py:calculator", parameters = {expression = !agent.text}, pure}
// CHECK-NEXT:   memory.spec @history kind "keyvalue" documents 0 dimension 0 {agent.source = "agent.yaml:{{[0-9:]+}}"}
// CHECK-NEXT:   agent.graph entry @figure7 {
// CHECK-NEXT:     %user = agent.input "user" {tokens = #agent.quantity<4.0>, agent.node = "user", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.text
// CHECK-NEXT:     %query = agent.input "query" {tokens = #agent.quantity<60.0, p95 = 200.0>, agent.node = "query", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.text
// CHECK-NEXT:     %recall = memory.load @history(%user) {agent.node = "recall", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.text) -> !agent.text
// CHECK-NEXT:     %plan = llm.call @mind(%query, %recall) prompt "Earlier: {1}\0AQuestion: {0}\0ASay what to look up and what to compute.\0A" fields {lookup = "text", expression = "text", answer = "text"} shape {input_tokens = #agent.quantity<900.0, p95 = 2400.0>, output_tokens = #agent.quantity<150.0, p95 = 320.0>} {agent.node = "plan", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.text, !agent.text) -> !agent.record
// CHECK-NEXT:     %lookup = agent.get %plan "lookup" {agent.node = "plan", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.record -> !agent.text
// CHECK-NEXT:     %find = tool.invoke @search(%lookup) {arguments = ["query"], agent.node = "find", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.text) -> !agent.documents
// CHECK-NEXT:     %expression = agent.get %plan "expression" {agent.node = "plan", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.record -> !agent.text
// CHECK-NEXT:     %compute = tool.invoke @calculator(%expression) {arguments = ["expression"], agent.node = "compute", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.text) -> !agent.text
// CHECK-NEXT:     %answer = agent.get %plan "answer" {agent.node = "plan", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.record -> !agent.text
// CHECK-NEXT:     %reply = compute.builtin "template"(%answer, %compute, %find) {agent.node = "reply", agent.source = "agent.yaml:{{[0-9:]+}}", options = {template = "{0}\0A= {1}\0A\0A{2}"}} : (!agent.text, !agent.text, !agent.documents) -> !agent.text
// CHECK-NEXT:     memory.store @history(%user, %reply) {agent.node = "keep", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.text, !agent.text
// CHECK-NEXT:     agent.output ["answer"](%reply) : !agent.text
// CHECK-NEXT:   } {agent.source = "agent.yaml:{{[0-9:]+}}", limits = [#agent.limit<{metric = "ttft", seconds = 4.000000e-01 : f64}>, #agent.limit<{metric = "tbt", seconds = 3.000000e-02 : f64}>, #agent.limit<{metric = "end_to_end", seconds = 1.000000e+01 : f64}>], load = #agent.load<{requests_per_second = 1.000000e+01 : f64}>}
// CHECK-NEXT: }
