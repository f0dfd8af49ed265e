// llm, kv, gate, expert, comm and model.
// RUN: AGENTC_ROUNDTRIP
// RUN: AGENTC_GENERIC_ROUNDTRIP

model.spec @moe <{name = "routed", kind = "decoder", layers = 2 : i64, hidden = 64 : i64, heads = 4 : i64, kv_heads = 2 : i64, head_dim = 16 : i64, vocab = 1000 : i64, experts = 8 : i64, experts_per_token = 2 : i64, expert_intermediate = 128 : i64}> precision "bf16"
model.spec @narrow <{name = "narrow", kind = "decoder"}> precision "bf16" kv "fp8"
model.spec @api <{name = "api", kind = "hosted"}> precision "bf16" {hosted = {ttft_seconds = 0.3 : f64}, weights = {path = "w"}}
%q = "test.op"() : () -> !agent.text
%docs = "test.op"() : () -> !agent.documents
%pic = "test.op"() : () -> !agent.image
%old = kv.load "prefix" : !kv.cache<@moe>
%a = llm.call @api(%q) system "S" prompt "{0}" fields {x = "text"} shape {input_tokens = #agent.quantity<5.0>} : (!agent.text) -> !agent.record
%b = llm.prefill @moe(%q) from %old : !kv.cache<@moe> system "S" prompt "{0}" shape {} {agent.node = "n"} : (!agent.text) -> !kv.cache<@moe>
%c = kv.transfer @moe(%b) shape {} {place.hop = #place.hop<{seconds = 0.5 : f64}>} : !kv.cache<@moe>
kv.store %c "key" tier "host" : !kv.cache<@moe>
%d = llm.decode @moe(%c) fields {x = "text"} shape {} : !kv.cache<@moe> -> !agent.record
%e = gate.select @moe(%q) phase "prefill" system "S" prompt "{0}" shape {} : (!agent.text) -> !expert.routing
%f = expert.prefill @moe(%e) tp 4 shape {} : !expert.routing -> !expert.hidden
%g = expert.decode @moe(%e) tp 1 shape {} : !expert.routing -> !expert.hidden
%h = expert.merge @moe(%g) phase "decode" shape {} : !expert.hidden
%i = comm.alltoall @moe(%h) : !expert.hidden
%j = comm.allreduce @moe(%i) phase "decode" fields {x = "text"} shape {} : !expert.hidden -> !agent.record
%k = model.embed @moe(%q) shape {} : (!agent.text) -> !agent.embedding
%l = model.rerank @moe(%q, %docs) shape {documents = #agent.quantity<20.0>} options {k = 3 : i64} : (!agent.text, !agent.documents) -> !agent.documents
%m = model.describe @moe(%pic) shape {} : (!agent.image) -> !agent.text

// CHECK:      model.spec @moe <{name = "routed"
// CHECK-NEXT: model.spec @narrow <{name = "narrow", kind = "decoder"}> precision "bf16" kv "fp8"
// CHECK-NEXT: model.spec @api <{name = "api", kind = "hosted"}> precision "bf16" {{{.*}}hosted = {ttft_seconds = 3.000000e-01 : f64}
// CHECK:      %old = kv.load "prefix" : !kv.cache<@moe>
// CHECK-NEXT: %a = llm.call @api(%q) system "S" prompt "{0}" fields {x = "text"} shape {input_tokens = #agent.quantity<5.0>} : (!agent.text) -> !agent.record
// CHECK-NEXT: %b = llm.prefill @moe(%q) from %old : !kv.cache<@moe> system "S" prompt "{0}" shape {} {agent.node = "n"} : (!agent.text) -> !kv.cache<@moe>
// CHECK-NEXT: %c = kv.transfer @moe(%b) shape {} {place.hop = #place.hop<{seconds = 5.000000e-01 : f64}>} : !kv.cache<@moe>
// CHECK-NEXT: kv.store %c "key" tier "host" : !kv.cache<@moe>
// CHECK-NEXT: %d = llm.decode @moe(%c) fields {x = "text"} shape {} : !kv.cache<@moe> -> !agent.record
// CHECK-NEXT: %e = gate.select @moe(%q) phase "prefill" system "S" prompt "{0}" shape {} : (!agent.text) -> !expert.routing
// CHECK-NEXT: %f = expert.prefill @moe(%e) tp 4 shape {} : !expert.routing -> !expert.hidden
// CHECK-NEXT: %g = expert.decode @moe(%e) tp 1 shape {} : !expert.routing -> !expert.hidden
// CHECK-NEXT: %h = expert.merge @moe(%g) phase "decode" shape {} : !expert.hidden
// CHECK-NEXT: %i = comm.alltoall @moe(%h) : !expert.hidden
// CHECK-NEXT: %j = comm.allreduce @moe(%i) phase "decode" fields {x = "text"} shape {} : !expert.hidden -> !agent.record
// CHECK-NEXT: %k = model.embed @moe(%q) shape {} : (!agent.text) -> !agent.embedding
// CHECK-NEXT: %l = model.rerank @moe(%q, %docs) shape {documents = #agent.quantity<20.0>} options {k = 3 : i64} : (!agent.text, !agent.documents) -> !agent.documents
// CHECK-NEXT: %m = model.describe @moe(%pic) shape {} : (!agent.image) -> !agent.text
