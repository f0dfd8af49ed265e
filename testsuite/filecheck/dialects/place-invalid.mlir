// RUN: agentc-opt %s --verify-diagnostics --parsing-diagnostics --split-input-file | filecheck %s

"test.op"() {place.on = #place.on<{device = "x", mode = "magic"}>} : () -> ()
// CHECK: `magic` is none of single, disaggregated, aggregated, hosted

// -----

"test.op"() {place.on = #place.on<{mode = "single"}>} : () -> ()
// CHECK: Assignment: {{.*}}missing 1 required positional argument: 'device'

// -----

place.link "*->*" <{name = "ethernet", bytes_per_second = 1.0 : f64, latency_seconds = 0.0 : f64}>
// CHECK: place.link' expects parent op 'place.fleet'
