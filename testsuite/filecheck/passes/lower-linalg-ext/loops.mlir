// RUN: agentc-opt %s -p lower-linalg-ext --split-input-file | filecheck %s

// Rows are independent, a row is in order.
// CHECK-LABEL: func.func @cumulative
// CHECK: "scf.parallel"(%{{.*}}, %n, %{{.*}})
// CHECK: %{{.*}} = scf.for %{{.*}} = %{{.*}} to %m step %{{.*}} iter_args(%{{.*}} = %{{.*}}) -> (f32)
// CHECK: memref.load %x
// CHECK: arith.addf
// CHECK: memref.store {{.*}}, %y
// CHECK-NOT: linalg_ext
func.func @cumulative(%x: memref<?x?xf32>, %y: memref<?x?xf32>) attributes {agentc.dims = [["n", "m"], ["n", "m"]]} {
  linalg_ext.scan "add" "signed" ins(%x : memref<?x?xf32>) outs(%y : memref<?x?xf32>)
  func.return
}

// -----

// Most elements are passed over by one question to 64 of them.
// CHECK-LABEL: func.func @best
// CHECK: arith.cmpf ugt
// CHECK: arith.ori
// CHECK: scf.if
// CHECK-NOT: linalg_ext
func.func @best(%x: memref<?xf32>, %v: memref<4xf32>, %i: memref<4xi64>) attributes {agentc.dims = [["n"], [4], [4]]} {
  linalg_ext.top_k "signed" ins(%x : memref<?xf32>) outs(%v, %i : memref<4xf32>, memref<4xi64>)
  func.return
}

// -----

// A merge sort has a temporary for each output, and frees it.
// CHECK-LABEL: func.func @sorted
// CHECK: %[[T:.*]] = memref.alloc(%n) {alignment = 64 : i64, agentc.dims = {{\[\[}}"n"]]}
// CHECK: arith.cmpi ult
// CHECK: memref.dealloc %[[T]]
// CHECK-NEXT: func.return
func.func @sorted(%x: memref<?xi32>, %y: memref<?xi32>) attributes {agentc.dims = [["n"], ["n"]]} {
  linalg_ext.sort "unsigned" ins(%x : memref<?xi32>) outs(%y : memref<?xi32>)
  func.return
}

// -----

// What is beyond either end is dropped.
// CHECK-LABEL: func.func @placed
// CHECK: scf.for
// CHECK: arith.cmpi slt
// CHECK: scf.if
// CHECK: "scf.parallel"
// CHECK: memref.store
func.func @placed(%u: memref<?x8xf32>, %r: memref<?xi64>, %y: memref<?x8xf32>) attributes {agentc.dims = [["u", 8], ["u"], ["n", 8]]} {
  linalg_ext.scatter "add" "signed" ins(%u, %r : memref<?x8xf32>, memref<?xi64>) outs(%y : memref<?x8xf32>)
  func.return
}
