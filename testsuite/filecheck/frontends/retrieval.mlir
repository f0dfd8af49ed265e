// RUN: agentc compile %S/../../../examples/retrieval/agent.yaml --stop-after agent | filecheck %s

// CHECK: builtin.module {
// CHECK-NEXT:   model.spec @encoder <{name = "all-minilm-l6-v2", kind = "embedding"
// CHECK-NEXT:   model.spec @mind <{name = "llama-3.1-8b", kind = "decoder"
// CHECK-NEXT:   memory.spec @handbook kind "vector" documents 12 dimension 384 {agent.source = "agent.yaml:{{[0-9:]+}}", path = "docs", embed = @encoder}
// CHECK:   func.func @cosine_scores(%query: tensor<?xf32>, %docs: tensor<?x?xf32>) -> tensor<?xf32>
// CHECK:   func.func @sharpen(%scores: tensor<?xf32>) -> tensor<?xf32>
// CHECK:   agent.graph entry @retrieval {
// CHECK-NEXT:     %question = agent.input "question" {tokens = #agent.quantity<20.0, p95 = 60.0>, agent.node = "question", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.text
// CHECK-NEXT:     %query = model.embed @encoder(%question) shape {input_tokens = #agent.quantity<20.0, p95 = 60.0>} {agent.node = "query", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.text) -> !agent.embedding
// CHECK-NEXT:     %found = memory.lookup @handbook(%query) k 6 {agent.node = "found", agent.source = "agent.yaml:{{[0-9:]+}}"} : !agent.embedding -> !agent.documents
// CHECK-NEXT:     %vectors = model.embed @encoder(%found) shape {input_tokens = #agent.quantity<120.0>, documents = #agent.quantity<6.0>} {agent.node = "vectors", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.documents) -> !agent.list<!agent.embedding>
// CHECK-NEXT:     %scores = compute.kernel @cosine_scores(%query, %vectors) {agent.node = "scores", agent.source = "agent.yaml:{{[0-9:]+}}", agent.placement = #agent.placement<{pin = "l40s", source = "agent.yaml:{{[0-9:]+}}"}>, work = #agent.work<{flops = {fp32 = "batch * (n * d + n * d + (d + d) + (n + n + (n * d * 2 + n)) + n)"}, bytes_read = "batch * (4 * d + 4 * n * d)", bytes_written = "batch * (4 * n)", activation_bytes = "batch * (4 * d + 4 * n * d) + batch * (4 * n)", network_bytes = "batch * (4 * n)"}>, shape = {d = #agent.quantity<384.0>, n = #agent.quantity<6.0>}} : (!agent.embedding, !agent.list<!agent.embedding>) -> tensor<?xf32>
// CHECK-NEXT:     %weights = compute.kernel @sharpen(%scores) {agent.node = "weights", agent.source = "agent.yaml:{{[0-9:]+}}", work = #agent.work<{flops = {fp32 = "batch * (n + n + (n + n) + (n + n))"}, bytes_read = "batch * (4 * n)", bytes_written = "batch * (4 * n)", activation_bytes = "batch * (4 * n) + batch * (4 * n)", network_bytes = "batch * (4 * n)"}>, shape = {n = #agent.quantity<6.0>}} : (tensor<?xf32>) -> tensor<?xf32>
// CHECK-NEXT:     %best = compute.python "ranking.py:best"(%found, %weights) {agent.node = "best", agent.source = "agent.yaml:{{[0-9:]+}}", shape = {cpu_seconds = #agent.quantity<0.0002>}} : (!agent.documents, tensor<?xf32>) -> !agent.documents
// CHECK-NEXT:     %answer = llm.call @mind(%question, %best) system "Answer from the passages only. Name the passage that you used. If none helps, say so." prompt "Passages:\0A{1}\0A\0AQuestion: {0}\0A" shape {input_tokens = #agent.quantity<480.0, p95 = 800.0>, output_tokens = #agent.quantity<90.0, p95 = 220.0>} {agent.node = "answer", agent.source = "agent.yaml:{{[0-9:]+}}"} : (!agent.text, !agent.documents) -> !agent.text
// CHECK-NEXT:     agent.output ["answer", "sources"](%answer, %best) : !agent.text, !agent.documents
// CHECK-NEXT:   } {agent.source = "agent.yaml:{{[0-9:]+}}", limits = [#agent.limit<{metric = "ttft", seconds = 3.000000e-01 : f64}>, #agent.limit<{metric = "tbt", seconds = 2.500000e-02 : f64}>, #agent.limit<{metric = "end_to_end", seconds = 6.000000e+00 : f64}>], load = #agent.load<{requests_per_second = 3.000000e+01 : f64}>}
// CHECK-NEXT: }
