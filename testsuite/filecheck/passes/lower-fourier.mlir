// RUN: agentc-opt %s -p lower-fourier | filecheck %s

// 40 samples are 20 complex points: a step of 5, one of 4, then real rows again. Eight rows of single precision at once,
// their real parts before their imaginary ones. The table: for 5 four vectors, for 4 one, for the end three and 21 numbers,
// then what the results of both steps are turned by.
// CHECK: "memref.global"() <{sym_name = "rows_turns", type = memref<210xf32>
// CHECK-NOT: memref.global
// CHECK-LABEL: func.func @rows
// CHECK: "scf.parallel"(
// CHECK: memref.alloca() {{.*}} : memref<336xf32>
// CHECK-COUNT-8: arith.minsi
// CHECK: scf.for
// CHECK-COUNT-8: vector.load %x{{.*}} vector<2xf32>
// CHECK-COUNT-4: vector.shuffle {{.*}}, {{.*}} [0, 2, 1, 3] : vector<2xf32>, vector<2xf32>
// CHECK: vector.shuffle {{.*}}, {{.*}} [0, 1, 4, 5, 2, 3, 6, 7]
// CHECK: scf.for
// CHECK: vector.load {{.*}} vector<8xf32>
// CHECK: arith.negf
// CHECK: vector.shuffle {{.*}}, {{.*}} [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
// CHECK: vector.shuffle {{.*}}, {{.*}} [12, 12, 12, 12, 12, 12, 12, 12, 4, 4, 4, 4, 4, 4, 4, 4]
// CHECK-NOT: scf.for
// CHECK-COUNT-5: vector.load {{.*}} vector<16xf32>
// CHECK: vector.shuffle {{.*}}, {{.*}} [8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7]
// CHECK-COUNT-5: vector.store
// CHECK: scf.for
// CHECK-NOT: scf.for
// CHECK-COUNT-4: vector.load
// CHECK-COUNT-4: vector.store
// CHECK: scf.for
// CHECK: scf.for
// CHECK: arith.minsi
// CHECK-COUNT-2: vector.load {{.*}} vector<1xf32>
// CHECK: vector.store {{.*}}, %r[{{.*}} vector<2xf32>
// CHECK: vector.store {{.*}}, %i[{{.*}} vector<2xf32>
// CHECK-NOT: linalg_ext
func.func @rows(%x: memref<?x40xf32>, %r: memref<?x21xf32>, %i: memref<?x21xf32>) attributes {agentc.dims = [["n", 40 : i64], ["n", 21 : i64], ["n", 21 : i64]]} {
  linalg_ext.fourier ins(%x : memref<?x40xf32>) outs(%r, %i : memref<?x21xf32>, memref<?x21xf32>)
  func.return
}

// The power: squares of both parts, added, and stored once. A single row is one block.
// CHECK-LABEL: func.func @power
// CHECK: scf.for
// CHECK: %[[Q:.*]] = arith.mulf %[[V:.*]], %[[V]] fastmath<contract> {{.*}}: vector<16xf32>
// CHECK: %[[A:.*]] = vector.shuffle %[[Q]], %[[Q]] [0, 1, 2, 3, 4, 5, 6, 7]
// CHECK: %[[B:.*]] = vector.shuffle %[[Q]], %[[Q]] [8, 9, 10, 11, 12, 13, 14, 15]
// CHECK: arith.addf %[[A]], %[[B]] {{.*}} vector<8xf32>
// CHECK: vector.store {{.*}}, %p[{{.*}} vector<2xf32>
// CHECK-NOT: linalg_ext
func.func @power(%x: memref<40xf32>, %p: memref<21xf32>) attributes {agentc.dims = [[40 : i64], [21 : i64]]} {
  linalg_ext.fourier ins(%x : memref<40xf32>) outs(%p : memref<21xf32>)
  func.return
}
