// RUN: agentc compile %S/../../../examples/critic-loop/agent.yaml --stop-after agent | filecheck %s

// CHECK: builtin.module {
// CHECK-NEXT:   model.spec @writer <{name = "llama-3.3-70b", kind = "decoder"
// CHECK-NEXT:   model.spec @critic <{name = "gpt-oss-20b", kind = "decoder"
// CHECK-NEXT:   agent.graph entry @"critic-loop" {
// CHECK-NEXT:     %brief = agent.input "brief" {tokens = #agent.quantity<150.0, p95 = 400.0>, agent.node = "brief", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.text
// CHECK-NEXT:     %facts = llm.call @critic(%brief) prompt "List the facts that a text for this brief must hold, one a line: {0}" shape {input_tokens = #agent.quantity<190.0, p95 = 440.0>, output_tokens = #agent.quantity<100.0, p95 = 180.0>} {agent.node = "facts", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.text) -> !agent.text
// CHECK-NEXT:     %no_draft = agent.none {agent.node = "write", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.text
// CHECK-NEXT:     %no_review = agent.none {agent.node = "write", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.record
// CHECK-NEXT:     %write_draft, %write_review = agent.loop(%no_draft, %no_review) expected 1.800000e+00 max 3 : (!agent.text, !agent.record) -> (!agent.text, !agent.record) {
// CHECK-NEXT:     ^bb0(%last_draft: !agent.text, %last_review: !agent.record):
// CHECK-NEXT:       %remarks = agent.get %last_review "remarks" {agent.node = "write.draft", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.record -> !agent.text
// CHECK-NEXT:       %draft = llm.call @writer(%brief, %facts, %last_draft, %remarks) system "You write clear, short texts." prompt "Brief: {0}\0AFacts: {1}\0AYour last draft, if any: {2}\0ARemarks on it, if any: {3}\0A" shape {input_tokens = #agent.quantity<520.0, p95 = 1100.0>, output_tokens = #agent.quantity<300.0, p95 = 450.0>} {agent.node = "write.draft", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.text, !agent.text, !agent.text, !agent.text) -> !agent.text
// CHECK-NEXT:       %review = llm.call @critic(%facts, %draft) prompt "Facts: {0}\0AText: {1}\0AAccept it only if every fact is there and nothing is vague." fields {accepted = "bool", remarks = "text"} shape {input_tokens = #agent.quantity<450.0, p95 = 720.0>, output_tokens = #agent.quantity<80.0, p95 = 160.0>} {agent.node = "write.review", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.text, !agent.text) -> !agent.record
// CHECK-NEXT:       %accepted = agent.get %review "accepted" {agent.node = "write.review", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.record -> i1
// CHECK-NEXT:       %0 = compute.builtin "not"(%accepted) {agent.node = "write", agent.source = "agent.yaml:{{[0-9:]+}}"} : (i1) -> i1
// CHECK-NEXT:       agent.continue %0(%draft, %review) : !agent.text, !agent.record
// CHECK-NEXT:     } {agent.node = "write", agent.source = "agent.yaml:{{[0-9:]+}}"}
// CHECK-NEXT:     %title = llm.call @critic(%write_draft) prompt "A title of at most eight words for: {0}" shape {input_tokens = #agent.quantity<330.0, p95 = 480.0>, output_tokens = #agent.quantity<12.0, p95 = 20.0>} {agent.node = "title", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.text) -> !agent.text
// CHECK-NEXT:     agent.output ["text", "title"](%write_draft, %title) : !agent.text, !agent.text
// CHECK-NEXT:   } {agent.source = "agent.yaml:{{[0-9:]+}}", limits = [#agent.limit<{metric = "ttft", seconds = 5.000000e-01 : f64}>, #agent.limit<{metric = "tbt", seconds = 4.000000e-02 : f64}>, #agent.limit<{metric = "end_to_end", seconds = 4.000000e+01 : f64}>], load = #agent.load<{requests_per_second = 4.000000e+00 : f64}>}
// CHECK-NEXT: }
