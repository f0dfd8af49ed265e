// RUN: AGENTC_ROUNDTRIP
// RUN: AGENTC_GENERIC_ROUNDTRIP

place.fleet @small financing <{years = 3.0 : f64}> {
  place.link "*->*" <{name = "ethernet", bytes_per_second = 1250000000.0 : f64, latency_seconds = 0.00003 : f64}>
} {source = "mine"}
%q = "test.op"() {place.on = #place.on<{device = "h100-sxm", mode = "disaggregated", pool = "p", tp = 2 : i64}>, place.alternatives = [#place.alternative<{device = "l4", option = "", verdict = "infeasible", why = "no room"}>], place.options = [#place.option<{name = "o", pool = "p", place = "h100-sxm", device = "h100-sxm", mode = "single"}>]} : () -> !agent.text
%r = place.transfer %q from "h100-sxm" to "cpu" over "ethernet" bytes 160.0 seconds 0.25 : !agent.text
agent.graph @a {
  agent.output []()
}
place.plan @a <{status = "feasible", objective = "cost", gap = 0.125 : f64, critical_path = ["x", "y"]}>

// CHECK:      place.fleet @small financing <{years = 3.000000e+00 : f64}> {
// CHECK-NEXT:   place.link "*->*" <{name = "ethernet"
// CHECK-NEXT: } {source = "mine"}
// CHECK:      place.on = #place.on<{device = "h100-sxm", mode = "disaggregated", pool = "p", tp = 2 : i64}>, place.alternatives = [#place.alternative<{device = "l4", option = "", verdict = "infeasible", why = "no room"}>], place.options = [#place.option<{name = "o"
// CHECK-NEXT: %r = place.transfer %q from "h100-sxm" to "cpu" over "ethernet" bytes 1.600000e+02 seconds 2.500000e-01 : !agent.text
// CHECK:      place.plan @a <{status = "feasible", objective = "cost", gap = 1.250000e-01 : f64, critical_path = ["x", "y"]}>
