// RUN: agentc compile %S/../../../examples/supervisor/agent.yaml --stop-after agent | filecheck %s

// CHECK: builtin.module {
// CHECK-NEXT:   model.spec @router <{name = "qwen3-4b", kind = "decoder"
// CHECK-NEXT:   model.spec @writer <{name = "qwen3-32b", kind = "decoder"
// CHECK-NEXT:   tool.spec @orders latency <0.0499954, p50 = 0.04, p95 = 0.12> cpu <0.001> {agent.source = "agent.yaml:{{[0-9:]+}}", python = "tools.py:find_order", parameters = {order = !agent.text}, pure}
// CHECK-NEXT:   tool.spec @refund latency <0.117648, p50 = 0.09, p95 = 0.3> cpu <0.001> {agent.source = "agent.yaml:{{[0-9:]+}}", python = "tools.py:open_refund", parameters = {order = !agent.text}}
// CHECK-NEXT:   memory.spec @manual kind "vector" documents 4 dimension 384 {agent.source = "agent.yaml:{{[0-9:]+}}", path = "docs"}
// CHECK-NEXT:   memory.spec @tickets kind "log" documents 0 dimension 0 {agent.source = "agent.yaml:{{[0-9:]+}}"}
// CHECK-NEXT:   agent.graph @billing {
// CHECK-NEXT:     %message = agent.input "message" {tokens = #agent.quantity<120.0>, agent.node = "message", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.text
// CHECK-NEXT:     %order = agent.input "order" {tokens = #agent.quantity<6.0>, agent.node = "order", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.text
// CHECK-NEXT:     %order_data = tool.invoke @orders(%order) {arguments = ["order"], agent.node = "order_data", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.text) -> !agent.record
// CHECK-NEXT:     %decide = llm.call @writer(%message, %order_data) prompt "Order: {1}\0AMessage: {0}\0AMay we refund it? Answer the customer." fields {refund = "bool", answer = "text"} shape {input_tokens = #agent.quantity<420.0, p95 = 900.0>, output_tokens = #agent.quantity<140.0, p95 = 300.0>} {agent.node = "decide", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.text, !agent.record) -> !agent.record
// CHECK-NEXT:     %refund = agent.get %decide "refund" {agent.node = "decide", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.record -> i1
// CHECK-NEXT:     %pay = agent.branch %refund ["true", "false"] probabilities [4.000000e-01 : f64, 6.000000e-01 : f64] : i1 -> !agent.record {
// CHECK-NEXT:       %0 = tool.invoke @refund(%order) {arguments = ["order"], agent.node = "pay", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.text) -> !agent.record
// CHECK-NEXT:       agent.yield %0 : !agent.record
// CHECK-NEXT:     } {
// CHECK-NEXT:       %1 = agent.none {agent.node = "pay", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.record
// CHECK-NEXT:       agent.yield %1 : !agent.record
// CHECK-NEXT:     } attributes {agent.node = "pay", agent.source = "agent.yaml:{{[0-9:]+}}"}
// CHECK-NEXT:     %answer = agent.get %decide "answer" {agent.node = "decide", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.record -> !agent.text
// CHECK-NEXT:     agent.output ["answer"](%answer) : !agent.text
// CHECK-NEXT:   } {agent.source = "agent.yaml:{{[0-9:]+}}"}
// CHECK-NEXT:   agent.graph @technical {
// CHECK-NEXT:     %message = agent.input "message" {tokens = #agent.quantity<120.0>, agent.node = "message", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.text
// CHECK-NEXT:     %pages = memory.lookup @manual(%message) k 3 {agent.node = "pages", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.text -> !agent.documents
// CHECK-NEXT:     %answer = llm.call @writer(%message, %pages) prompt "Manual:\0A{1}\0AMessage: {0}\0AHelp the customer step by step." shape {input_tokens = #agent.quantity<900.0, p95 = 1600.0>, output_tokens = #agent.quantity<220.0, p95 = 420.0>} {agent.node = "answer", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.text, !agent.documents) -> !agent.text
// CHECK-NEXT:     agent.output ["answer"](%answer) : !agent.text
// CHECK-NEXT:   } {agent.source = "agent.yaml:{{[0-9:]+}}"}
// CHECK-NEXT:   agent.graph entry @supervisor {
// CHECK-NEXT:     %message = agent.input "message" {tokens = #agent.quantity<120.0, p95 = 400.0>, agent.node = "message", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.text
// CHECK-NEXT:     %triage = llm.call @router(%message) system "Sort a customer's message. Give the order number if there is one." fields {kind = ["billing", "technical", "other"], order = "text"} shape {input_tokens = #agent.quantity<200.0, p95 = 480.0>, output_tokens = #agent.quantity<24.0, p95 = 40.0>} {agent.node = "triage", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.text) -> !agent.record
// CHECK-NEXT:     %kind = agent.get %triage "kind" {agent.node = "triage", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.record -> !agent.text
// CHECK-NEXT:     %work = agent.branch %kind ["billing", "technical", "*"] probabilities [4.500000e-01 : f64, 3.500000e-01 : f64, 2.000000e-01 : f64] : !agent.text -> !agent.text {
// CHECK-NEXT:       %order = agent.get %triage "order" {agent.node = "triage", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.record -> !agent.text
// CHECK-NEXT:       %reply_answer = agent.call @billing(%message, %order) {agent.node = "work.billing.reply", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.text, !agent.text) -> !agent.text
// CHECK-NEXT:       agent.yield %reply_answer : !agent.text
// CHECK-NEXT:     } {
// CHECK-NEXT:       %reply_answer_1 = agent.call @technical(%message) {agent.node = "work.technical.reply", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.text) -> !agent.text
// CHECK-NEXT:       agent.yield %reply_answer_1 : !agent.text
// CHECK-NEXT:     } {
// CHECK-NEXT:       %reply = llm.call @router(%message) prompt "Answer in one friendly sentence: {0}" shape {input_tokens = #agent.quantity<160.0, p95 = 440.0>, output_tokens = #agent.quantity<40.0, p95 = 80.0>} {agent.node = "work.*.reply", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.text) -> !agent.text
// CHECK-NEXT:       agent.yield %reply : !agent.text
// CHECK-NEXT:     } attributes {agent.node = "work", agent.source = "agent.yaml:{{[0-9:]+}}"}
// CHECK-NEXT:     memory.observe @tickets(%message, %kind, %work) {agent.node = "log", agent.source = "agent.yaml:{{[0-9:]+}}", agent.async} : !agent.text, !agent.text, !agent.text
// CHECK-NEXT:     agent.output ["answer", "kind"](%work, %kind) : !agent.text, !agent.text
// CHECK-NEXT:   } {agent.source = "agent.yaml:{{[0-9:]+}}", limits = [#agent.limit<{metric = "ttft", seconds = 4.000000e-01 : f64}>, #agent.limit<{metric = "tbt", seconds = 4.000000e-02 : f64}>, #agent.limit<{metric = "end_to_end", seconds = 9.000000e+00 : f64}>], load = #agent.load<{requests_per_second = 1.200000e+01 : f64}>}
// CHECK-NEXT: }
