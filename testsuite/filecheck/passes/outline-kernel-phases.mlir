// RUN: agentc-opt %s -p outline-kernel-phases --split-input-file | filecheck %s

// CHECK-LABEL: func.func @k(%x: memref<?xf32>, %out: memref<?xf32>)
// CHECK: %[[T:.*]] = memref.alloc()
// CHECK: func.call @k_p0(%x, %[[T]]) : (memref<?xf32>, memref<f32>) -> ()
// CHECK: func.call @k_p1(%x, %out, %[[T]], %c0, %n) : (memref<?xf32>, memref<?xf32>, memref<f32>, index, index) -> ()
// CHECK: memref.dealloc %[[T]]
// CHECK: func.func @k_p0(%x: memref<?xf32>, %tmp0: memref<f32>) attributes {agentc.dims = {{\[\[}}"n"], []], agentc.names = ["x", "tmp0"], agentc.phase = "serial"}
// CHECK: memref.dim %x
// CHECK: "scf.parallel"
// CHECK: memref.store %{{.*}}, %tmp0[]
// CHECK: func.func @k_p1(%x: memref<?xf32>, %out: memref<?xf32>, %tmp0: memref<f32>, %low: index, %high: index) attributes {agentc.dims = {{\[\[}}"n"], ["n"], []], agentc.names = ["x", "out", "tmp0", "low", "high"], agentc.phase = "rows", agentc.rows = ["n"]}
// CHECK: "scf.parallel"(%low, %high, %{{.*}})
func.func @k(%x: memref<?xf32>, %out: memref<?xf32>) attributes {agentc.dims = [["n"], ["n"]], agentc.names = ["x", "out"], agentc.outputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %z = arith.constant 0.0 : f32
  %n = memref.dim %x, %c0 : memref<?xf32>
  %t = memref.alloc() {agentc.dims = [[]]} : memref<f32>
  %s = "scf.parallel"(%c0, %n, %c1, %z) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
  ^bb0(%i: index):
    %v = memref.load %x[%i] : memref<?xf32>
    scf.reduce(%v : f32) {
    ^bb0(%p: f32, %q: f32):
      %r = arith.addf %p, %q : f32
      scf.reduce.return %r : f32
    }
  }) : (index, index, index, f32) -> f32
  memref.store %s, %t[] : memref<f32>
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    %v = memref.load %x[%i] : memref<?xf32>
    %u = memref.load %t[] : memref<f32>
    %w = arith.divf %v, %u : f32
    memref.store %w, %out[%i] : memref<?xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  memref.dealloc %t : memref<f32>
  func.return
}

// -----

// What a target does whole is a phase by itself.
// CHECK-LABEL: func.func @selection(
// CHECK: func.call @selection_p0
// CHECK: func.func @selection_p0({{.*}}agentc.phase = "serial"
// CHECK: linalg_ext.top_k
func.func @selection(%x: memref<?xf32>, %v: memref<4xf32>, %i: memref<4xi64>) attributes {agentc.dims = [["n"], [4], [4]], agentc.outputs = 2 : i64} {
  linalg_ext.top_k "signed" ins(%x : memref<?xf32>) outs(%v, %i : memref<4xf32>, memref<4xi64>)
  func.return
}
