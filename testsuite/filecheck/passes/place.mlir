// RUN: agentc-opt %s -p 'annotate-work,attach-fleet{fleet="local-cpu"},search-parallelism,place' | filecheck %s

tool.spec @search latency <0.18> cpu <0.002> {python = "tools.py:search", pure}

agent.graph entry @a {
  %q = agent.input "question" : !agent.text
  %h = tool.lookup @search(%q) {agent.node = "find"} : (!agent.text) -> !tool.handle
  %p = tool.compute @search(%h) {agent.node = "find"} : !tool.handle -> !agent.text
  agent.output ["p"](%p) : !agent.text
} {load = #agent.load<{requests_per_second = 2.0 : f64}>}

// The options are gone, the decision is there, and the plan with its proof.
// CHECK-NOT: place.options
// CHECK: tool.lookup @search(%q) {{.*}}place.on = #place.on<{device = "cpu-local", mode = "single", pool = "cpu/cpu-local", devices_held = 1 : i64, seconds =
// CHECK: tool.compute @search({{.*}}place.on = #place.on<{device = "cpu-local"
// CHECK: place.plan @a <{status = "optimal", objective = "cost", usd_per_hour = {{.*}}critical_path = ["find.lookup", "find.compute"], pools = [{name = "cpu/cpu-local", device = "cpu-local", replicas = 1 : i64, devices = 1 : i64
