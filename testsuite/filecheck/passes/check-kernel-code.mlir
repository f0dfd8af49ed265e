// RUN: agentc-opt %s -p 'annotate-work,attach-fleet{fleet="mixed-2026"},check-kernel-code,search-parallelism,place' | filecheck %s
// RUN: agentc-opt %s -p 'annotate-work,attach-fleet{fleet="mixed-2026"},search-parallelism,place' | filecheck %s --check-prefix=BLIND

// CUDA has no integers of 24 bits, Gaudi has no backend, LLVM has both for processors and for AMD's.
func.func @wrap(%x: tensor<?xf32>) -> tensor<?xf32> attributes {agentc.dims = [["n"], ["n"]], agent.source = "wrap.py:3:1"} {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) attrs = {agent.source = "wrap.py:5:12"} {
  ^bb0(%a: f32, %b: f32):
    %i = arith.fptosi %a : f32 to i24
    %s = arith.sitofp %i : i24 to f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  func.return %r : tensor<?xf32>
}

agent.graph entry @a {
  %x = agent.input "x" : tensor<?xf32>
  %y = compute.kernel @wrap(%x) {work = #agent.work<{flops = {fp32 = "100 * n"}, bytes_read = "4 * n", bytes_written = "4 * n"}>, shape = {n = #agent.quantity<1.0e9>}, agent.node = "wrapped", agent.placement = #agent.placement<{forbid = ["mi300x"]}>} : (tensor<?xf32>) -> tensor<?xf32>
  agent.output ["y"](%y) : tensor<?xf32>
} {load = #agent.load<{requests_per_second = 20.0 : f64}>}

// CHECK: compute.kernel @wrap
// CHECK-SAME: place.no_code = [#place.no_code<{device = "b200", why = "kernel `wrap`: `i24` has no CUDA form in a kernel", backend = "CUDA", source = "wrap.py:5:12"}>
// CHECK-SAME: #place.no_code<{device = "gaudi3", why = "its target is `gaudi3`"}>]
// CHECK-SAME: place.on = #place.on<{device = "cpu-epyc-9655"
// CHECK-SAME: {device = "b200", option = "", verdict = "infeasible", why = "the CUDA backend has no code for it: kernel `wrap`: `i24` has no CUDA form in a kernel (wrap.py:5:12)"}
// CHECK-SAME: {device = "mi300x", option = "", verdict = "infeasible", why = "the definition forbids it"}
// CHECK-SAME: {device = "gaudi3", option = "", verdict = "infeasible", why = "no backend emits kernels for it: its target is `gaudi3`"}

// Where nobody asks, it goes where it is cheapest.
// BLIND: compute.kernel @wrap
// BLIND-SAME: place.on = #place.on<{device = "{{l40s|h100-sxm|gaudi3|a100-80gb|h200|b200}}"
