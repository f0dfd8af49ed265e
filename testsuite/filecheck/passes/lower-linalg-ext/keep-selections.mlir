// RUN: agentc-opt %s -p lower-linalg-ext{keep_selections=true} --split-input-file | filecheck %s

// A target that selects by itself keeps what it can: keys of at most 32 bits. A running sum is still a loop.
// CHECK-LABEL: func.func @best
// CHECK: linalg_ext.top_k
// CHECK: scf.for
func.func @best(%x: memref<?xf32>, %v: memref<4xf32>, %i: memref<4xi64>, %y: memref<?xf32>) attributes {agentc.dims = [["n"], [4], [4], ["n"]]} {
  linalg_ext.top_k "signed" ins(%x : memref<?xf32>) outs(%v, %i : memref<4xf32>, memref<4xi64>)
  linalg_ext.scan "add" "signed" ins(%x : memref<?xf32>) outs(%y : memref<?xf32>)
  func.return
}

// -----

// CHECK-LABEL: func.func @wide
// CHECK-NOT: linalg_ext
// CHECK: scf.for
func.func @wide(%x: memref<?xf64>, %y: memref<?xf64>) attributes {agentc.dims = [["n"], ["n"]]} {
  linalg_ext.sort "signed" ins(%x : memref<?xf64>) outs(%y : memref<?xf64>)
  func.return
}
