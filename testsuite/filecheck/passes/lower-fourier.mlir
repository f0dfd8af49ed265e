// RUN: agentc-opt %s -p lower-fourier | filecheck %s

// 40 samples are 20 complex points: a step of 5, one of 4, then real rows again. Eight rows of single precision at once.
// CHECK: "memref.global"() <{sym_name = "rows_turns0", type = memref<16xf32>
// CHECK: "memref.global"() <{sym_name = "rows_turns2", type = memref<3xf32>
// CHECK: "memref.global"() <{sym_name = "rows_turns5", type = memref<21xf32>
// CHECK-LABEL: func.func @rows
// CHECK: "scf.parallel"(
// CHECK: memref.alloca() {{.*}} : memref<21x8xf32>
// CHECK: arith.minsi
// CHECK: memref.load %x
// CHECK: scf.for
// CHECK: scf.for
// CHECK-COUNT-10: vector.load {{.*}} vector<8xf32>
// CHECK-COUNT-10: vector.store
// CHECK: scf.for
// CHECK: scf.for
// CHECK-COUNT-8: vector.load
// CHECK-COUNT-8: vector.store
// CHECK: scf.for
// CHECK: arith.select
// CHECK: memref.store {{.*}}, %c[
// CHECK: memref.store {{.*}}, %s[
// CHECK-NOT: linalg_ext
func.func @rows(%x: memref<?x40xf32>, %c: memref<?x21xf32>, %s: memref<?x21xf32>) attributes {agentc.dims = [["n", 40 : i64], ["n", 21 : i64], ["n", 21 : i64]]} {
  linalg_ext.fourier ins(%x : memref<?x40xf32>) outs(%c, %s : memref<?x21xf32>, memref<?x21xf32>)
  func.return
}
