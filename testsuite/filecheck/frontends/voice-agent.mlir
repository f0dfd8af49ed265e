// RUN: agentc compile %S/../../../examples/voice-agent/agent.yaml --stop-after agent | filecheck %s

// CHECK: builtin.module {
// CHECK-NEXT:   model.spec @ears <{name = "whisper-large-v3", kind = "stt"
// CHECK-NEXT:   model.spec @mind <{name = "llama-3.1-70b", kind = "decoder"
// CHECK-NEXT:   model.spec @voice <{name = "orpheus-3b", kind = "tts"
// CHECK-NEXT:   tool.spec @search latency <0.235295, p50 = 0.18, p95 = 0.6> cpu <0.002> {agent.source = "agent.yaml:{{[0-9:]+}}", python = "tools.py:web_search", parameters = {query = !agent.text}, description = "Passages of the web that answer a query", pure}
// CHECK-NEXT:   memory.spec @episodes kind "log" documents 0 dimension 0 {agent.source = "agent.yaml:{{[0-9:]+}}"}
// CHECK-NEXT:   agent.graph entry @"voice-agent" {
// CHECK-NEXT:     %speech = agent.input "speech" {audio_seconds = #agent.quantity<6.0, p95 = 14.0>, agent.node = "speech", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.audio
// CHECK-NEXT:     %hear = model.transcribe @ears(%speech) shape {audio_seconds = #agent.quantity<6.0, p95 = 14.0>, output_tokens = #agent.quantity<19.8, p95 = 46.2, assumed>} {agent.node = "hear", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.audio) -> !agent.text
// CHECK-NEXT:     %no_decide = agent.none {agent.node = "think", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.record
// CHECK-NEXT:     %no_find = agent.none {agent.node = "think", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.documents
// CHECK-NEXT:     %think_decide, %think_find = agent.loop(%no_decide, %no_find) expected 1.400000e+00 max 4 : (!agent.record, !agent.documents) -> (!agent.record, !agent.documents) {
// CHECK-NEXT:     ^bb0(%last_decide: !agent.record, %last_find: !agent.documents):
// CHECK-NEXT:       %decide = llm.call @mind(%hear, %last_find) system "You answer spoken questions in one or two short sentences.\0AIf you need facts that were not found yet, set needs_search and give a query; else answer.\0A" prompt "Question: {0}\0AFound so far: {1}\0A" fields {needs_search = "bool", query = "text", answer = "text"} shape {input_tokens = #agent.quantity<512.0, p95 = 1400.0>, output_tokens = #agent.quantity<80.0, p95 = 160.0>} {agent.node = "think.decide", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.text, !agent.documents) -> !agent.record
// CHECK-NEXT:       %needs_search = agent.get %decide "needs_search" {agent.node = "think.decide", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.record -> i1
// CHECK-NEXT:       %find = agent.branch %needs_search ["true", "false"] probabilities [2.857140e-01 : f64, 7.142860e-01 : f64] : i1 -> !agent.documents {
// CHECK-NEXT:         %query = agent.get %decide "query" {agent.node = "think.decide", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.record -> !agent.text
// CHECK-NEXT:         %0 = tool.invoke @search(%query) {arguments = ["query"], agent.node = "think.find", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.text) -> !agent.documents
// CHECK-NEXT:         agent.yield %0 : !agent.documents
// CHECK-NEXT:       } {
// CHECK-NEXT:         %1 = agent.none {agent.node = "think.find", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.documents
// CHECK-NEXT:         agent.yield %1 : !agent.documents
// CHECK-NEXT:       } attributes {agent.node = "think.find", agent.source = "agent.yaml:{{[0-9:]+}}"}
// CHECK-NEXT:       agent.continue %needs_search(%decide, %find) : !agent.record, !agent.documents
// CHECK-NEXT:     } {agent.node = "think", agent.source = "agent.yaml:{{[0-9:]+}}"}
// CHECK-NEXT:     %answer = agent.get %think_decide "answer" {agent.node = "think", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.record -> !agent.text
// CHECK-NEXT:     %tidy = compute.python "text.py:speakable"(%answer) {agent.node = "tidy", agent.source = "agent.yaml:{{[0-9:]+}}", shape = {cpu_seconds = #agent.quantity<0.0002>}} : (!agent.text) -> !agent.text
// CHECK-NEXT:     %speak = model.synthesize @voice(%tidy) shape {input_tokens = #agent.quantity<60.0, p95 = 110.0>, audio_seconds = #agent.quantity<18.0, p95 = 33.0>} {agent.node = "speak", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.text) -> !agent.audio
// CHECK-NEXT:     memory.observe @episodes(%hear, %tidy) {agent.node = "log", agent.source = "agent.yaml:{{[0-9:]+}}", agent.async} : !agent.text, !agent.text
// CHECK-NEXT:     agent.output ["answer", "transcript", "text"](%speak, %hear, %tidy) : !agent.audio, !agent.text, !agent.text
// CHECK-NEXT:   } {agent.source = "agent.yaml:{{[0-9:]+}}", limits = [#agent.limit<{metric = "ttft", seconds = 2.500000e-01 : f64}>, #agent.limit<{metric = "tbt", seconds = 2.000000e-02 : f64}>, #agent.limit<{metric = "end_to_end", seconds = 1.200000e+01 : f64}>], load = #agent.load<{requests_per_second = 2.000000e+01 : f64}>}
// CHECK-NEXT: }
