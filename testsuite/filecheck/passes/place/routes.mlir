// RUN: agentc-opt %s -p 'split-llm,annotate-work,place' | filecheck %s

// One of the classes carries a part of the calls each, none all of them.
place.fleet @short financing <{}> {
  place.stock <{device = {name = "big", vendor = "none", kind = "gpu", family = "gpu", flops_per_second = {fp8 = 1979000000000000.0 : f64, bf16 = 989000000000000.0 : f64, fp32 = 67000000000000.0 : f64}, memory_bytes = 80000000000.0 : f64, bytes_per_second = 3350000000000.0 : f64, watts = 700.0 : f64, scale_up = {name = "none", bytes_per_second = 900000000000.0 : f64, latency_seconds = 0.0 : f64}, scale_up_size = 8 : i64, scale_out = {name = "none", bytes_per_second = 50000000000.0 : f64, latency_seconds = 0.0 : f64}}, count = 1 : i64, usd_per_hour = 2.0 : f64}>
  place.stock <{device = {name = "small", vendor = "none", kind = "gpu", family = "gpu", flops_per_second = {fp8 = 733000000000000.0 : f64, bf16 = 362000000000000.0 : f64, fp32 = 91000000000000.0 : f64}, memory_bytes = 48000000000.0 : f64, bytes_per_second = 864000000000.0 : f64, watts = 350.0 : f64, scale_up = {name = "none", bytes_per_second = 64000000000.0 : f64, latency_seconds = 0.0 : f64}, scale_up_size = 8 : i64, scale_out = {name = "none", bytes_per_second = 12500000000.0 : f64, latency_seconds = 0.0 : f64}}, count = 4 : i64, usd_per_hour = 0.8 : f64}>
}
model.spec @mind <{name = "m8b", kind = "decoder", layers = 32 : i64, hidden = 4096 : i64, heads = 32 : i64, kv_heads = 8 : i64, head_dim = 128 : i64, intermediate = 14336 : i64, vocab = 128256 : i64}> precision "fp8"

agent.graph entry @a {
  %q = agent.input "question" : !agent.text
  %r = llm.call @mind(%q) shape {input_tokens = #agent.quantity<1000.0>, output_tokens = #agent.quantity<200.0>} {agent.node = "think"} : (!agent.text) -> !agent.text
  agent.output ["r"](%r) : !agent.text
} {load = #agent.load<{requests_per_second = 30.0 : f64}>, limits = [#agent.limit<{metric = "tbt", seconds = 0.05 : f64}>]}

// CHECK: llm.prefill {{.*}}place.on = #place.on<{device = "small", mode = "disaggregated"{{.*}}share = 8.500000e-01 : f64}>, place.routes = [#place.on<{device = "small", mode = "aggregated"{{.*}}share = 1.500000e-01 : f64}>]
// CHECK: llm.decode {{.*}}place.on = #place.on<{device = "big", mode = "disaggregated"{{.*}}share = 8.500000e-01 : f64}>, place.routes = [#place.on<{device = "small", mode = "aggregated"
// CHECK: place.plan @a <{status = "feasible"
