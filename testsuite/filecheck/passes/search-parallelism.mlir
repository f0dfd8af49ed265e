// RUN: agentc-opt %s -p 'annotate-work,attach-fleet{fleet="local-cpu"},search-parallelism' | filecheck %s

tool.spec @search latency <0.18> cpu <0.002> {python = "tools.py:search", pure}

agent.graph entry @a {
  %q = agent.input "question" : !agent.text
  %h = tool.lookup @search(%q) {agent.node = "find"} : (!agent.text) -> !tool.handle
  %p = tool.compute @search(%h) {agent.node = "find"} : !tool.handle -> !agent.text
  agent.output ["p"](%p) : !agent.text
} {load = #agent.load<{requests_per_second = 2.0 : f64}>}

// CHECK: tool.lookup @search(%q) {{.*}}place.options = [#place.option<{name = "cpu/cpu-local", pool = "cpu/cpu-local", place = "cpu-local", device = "cpu-local", mode = "single", seconds = {{[^,]*}} : f64, busy_seconds
// CHECK: tool.compute @search({{.*}}place.options = [#place.option<{name = "cpu/cpu-local"
