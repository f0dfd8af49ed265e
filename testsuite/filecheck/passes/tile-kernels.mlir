// RUN: agentc-opt %s -p tile-kernels | filecheck %s

// The right matrix is laid out, 16 rows at a time to each tile. Then blocks of six rows are summed, by four tiles where the
// target has the registers, and by one.
// CHECK-LABEL: func.func @square
// CHECK: %[[PACKED:.*]] = memref.alloc() {alignment = 64 : i64, agentc.dims = [[5 : i64, 32 : i64, 16 : i64]]}
// CHECK: "scf.parallel"(
// CHECK-NEXT: ^bb0(%[[PIECE:.*]]: index):
// CHECK: %[[LOW:.*]] = arith.muli %[[PIECE]]
// CHECK: %[[HIGH:.*]] = arith.minsi
// CHECK: scf.for %[[T:.*]] =
// CHECK: %[[J:.*]] = arith.minsi
// CHECK: scf.for %[[K:.*]] = %[[LOW]] to %[[HIGH]]
// CHECK-NEXT: %[[V:.*]] = vector.load %b[%[[K]], %[[J]]]
// CHECK-NEXT: vector.store %[[V]], %[[PACKED]][%[[T]], %[[K]], %{{.*}}]
// CHECK: "scf.parallel"(
// CHECK-NEXT: ^bb0(%[[SHARE:.*]]: index):
// CHECK-NEXT: %[[CHUNK:.*]] = arith.divui %[[SHARE]], %[[BLOCKS:.*]] : index
// CHECK-NEXT: %[[BLOCK:.*]] = arith.remui %[[SHARE]], %[[BLOCKS]] : index
// CHECK: %[[FIRST:.*]] = arith.muli %[[CHUNK]]
// CHECK: %[[END:.*]] = arith.minsi
// CHECK: %[[COUNT:.*]] = arith.subi %[[END]], %[[FIRST]]
// CHECK: %[[REST:.*]] = arith.remui %[[COUNT]], %[[FOUR:.*]] : index
// CHECK: %[[WHOLE:.*]] = arith.subi %[[END]], %[[REST]]
// CHECK: %[[BYTES:.*]] = vector_ext.registers : index
// CHECK: %[[WIDE:.*]] = arith.cmpi sge, %[[BYTES]], %{{.*}} : index
// CHECK: %[[MIDDLE:.*]] = arith.select %[[WIDE]], %[[WHOLE]], %[[FIRST]] : index
// CHECK: scf.for %{{.*}} = %[[FIRST]] to %[[MIDDLE]] step %[[FOUR]]
// CHECK: scf.for %{{.*}} iter_args(
// CHECK-COUNT-4: vector.load %[[PACKED]]
// CHECK-NEXT: %[[A:.*]] = memref.load %a
// CHECK-NEXT: %[[MANY:.*]] = vector.broadcast %[[A]]
// CHECK-NEXT: arith.mulf %[[MANY]]
// CHECK-NEXT: arith.addf
// CHECK-NEXT: arith.mulf %[[MANY]]
// CHECK-COUNT-24: vector.store
// CHECK: scf.for %{{.*}} = %[[MIDDLE]] to %[[END]] step
// CHECK: %{{.*}}, %{{.*}}, %{{.*}} = scf.for %{{.*}} iter_args(
// CHECK: %[[B:.*]] = vector.load %[[PACKED]]
// CHECK-NEXT: %[[A:.*]] = memref.load %a
// CHECK-NEXT: %[[MANY:.*]] = vector.broadcast %[[A]]
// CHECK-NEXT: %[[P:.*]] = arith.mulf %[[MANY]], %[[B]] fastmath<contract>
// CHECK-NEXT: arith.addf
// CHECK-COUNT-6: vector.store
// CHECK-NOT: vector.store
// CHECK-NOT: linalg.generic
func.func @square(%a: memref<32x32xf32>, %b: memref<32x80xf32>, %c: memref<32x80xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : memref<32x80xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<32x32xf32>, memref<32x80xf32>) outs(%c : memref<32x80xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y fastmath<contract> : f32
    %t = arith.addf %acc, %p fastmath<contract> : f32
    linalg.yield %t : f32
  }
  func.return
}

// Unknown sizes: at run time, few rows or columns are summed one by one, and then nothing is laid out.
// CHECK-LABEL: func.func @transposed
// CHECK: arith.floordivsi %{{.*}}
// CHECK: memref.alloc(%{{.*}}, %{{.*}}) {alignment = 64 : i64, agentc.dims = {{\[\[}}"{{.*}}min(1, {{.*}}", "k", 16 : i64]]}
// CHECK: scf.for %[[K:.*]] =
// CHECK: %[[ONE:.*]] = memref.load %b[%{{.*}}, %[[K]]]
// CHECK-COUNT-15: memref.load %b[%{{.*}}, %[[K]]]
// CHECK-NEXT: %[[LANES:.*]] = vector.broadcast %[[ONE]] : f32 to vector<16xf32>
// CHECK-NEXT: %[[TWO:.*]] = vector.insert %{{.*}}, %[[LANES]] [1] : f32 into vector<16xf32>
// CHECK: %[[ALL:.*]] = vector.insert %{{.*}} [15] : f32 into vector<16xf32>
// CHECK-NEXT: vector.store %[[ALL]], %{{.*}}[%{{.*}}, %[[K]], %{{.*}}]
// CHECK: "scf.parallel"(
// CHECK: scf.if
// CHECK: vector_ext.registers
// CHECK: } else {
// CHECK-NOT: vector.load
func.func @transposed(%a: memref<?x?xf32>, %b: memref<?x?xf32>, %c: memref<?x?xf32>) attributes {agentc.dims = [["n", "k"], ["m", "k"], ["n", "m"]]} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : memref<?x?xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (j, k)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<?x?xf32>, memref<?x?xf32>) outs(%c : memref<?x?xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %acc, %p : f32
    linalg.yield %t : f32
  }
  func.return
}

// Too narrow, no start of its own, or another body: left as they are.
// CHECK-LABEL: func.func @narrow
// CHECK: linalg.generic
// CHECK: linalg.generic
// CHECK-NOT: vector
func.func @narrow(%a: memref<32x32xf32>, %b: memref<32x8xf32>, %c: memref<32x8xf32>, %d: memref<32x32xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : memref<32x8xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<32x32xf32>, memref<32x8xf32>) outs(%c : memref<32x8xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %acc, %p : f32
    linalg.yield %t : f32
  }
  linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %a : memref<32x32xf32>, memref<32x32xf32>) outs(%d : memref<32x32xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %acc, %p : f32
    linalg.yield %t : f32
  }
  func.return
}

// What one product has laid out another takes, unless it was written to in between.
// CHECK-LABEL: func.func @chained
// CHECK: %[[PACKED:.*]] = memref.alloc()
// CHECK: vector.store %{{.*}}, %[[PACKED]]
// CHECK: vector.load %[[PACKED]]
// CHECK-NOT: memref.alloc
// CHECK: vector.load %[[PACKED]]
// CHECK: linalg.fill
// CHECK: %[[AGAIN:.*]] = memref.alloc()
// CHECK: vector.load %[[AGAIN]]
// CHECK-NOT: vector.load %[[PACKED]]
func.func @chained(%a: memref<32x32xf32>, %b: memref<32x32xf32>, %c: memref<32x32xf32>, %d: memref<32x32xf32>, %e: memref<32x32xf32>) {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%c : memref<32x32xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<32x32xf32>, memref<32x32xf32>) outs(%c : memref<32x32xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %acc, %p : f32
    linalg.yield %t : f32
  }
  linalg.fill ins(%zero : f32) outs(%d : memref<32x32xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%c, %b : memref<32x32xf32>, memref<32x32xf32>) outs(%d : memref<32x32xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %acc, %p : f32
    linalg.yield %t : f32
  }
  linalg.fill ins(%zero : f32) outs(%b : memref<32x32xf32>)
  linalg.fill ins(%zero : f32) outs(%e : memref<32x32xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%d, %b : memref<32x32xf32>, memref<32x32xf32>) outs(%e : memref<32x32xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %acc, %p : f32
    linalg.yield %t : f32
  }
  func.return
}

// A constant is laid out while compiling: no phase, no memory, no other way for few rows, which are the last one again.
// CHECK-NOT: "table"
// CHECK: sym_name = "table_packed", type = memref<2x2x16xf32>
// CHECK-LABEL: func.func @constant
// CHECK: %[[PACKED:.*]] = memref.get_global @table_packed : memref<2x2x16xf32>
// CHECK-NOT: memref.alloc
// CHECK-NOT: scf.if
// CHECK: %[[FIRST:.*]] = arith.maxsi
// CHECK: %[[LAST:.*]] = arith.subi
// CHECK-COUNT-5: arith.minsi %{{.*}}, %[[LAST]]
// CHECK: vector.load %[[PACKED]]
// CHECK-NOT: vector_ext.registers
// CHECK-COUNT-6: vector.store
"memref.global"() <{sym_name = "table", type = memref<2x17xf32>, initial_value = dense<2.0> : tensor<2x17xf32>, sym_visibility = "private", constant, alignment = 64 : i64}> : () -> ()
func.func @constant(%a: memref<?x2xf32>, %c: memref<?x17xf32>) attributes {agentc.dims = [["n", 2], ["n", 17]]} {
  %zero = arith.constant 0.0 : f32
  %b = memref.get_global @table : memref<2x17xf32>
  linalg.fill ins(%zero : f32) outs(%c : memref<?x17xf32>)
  linalg.generic {indexing_maps = [affine_map<(i, j, k) -> (i, k)>, affine_map<(i, j, k) -> (k, j)>, affine_map<(i, j, k) -> (i, j)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%a, %b : memref<?x2xf32>, memref<2x17xf32>) outs(%c : memref<?x17xf32>) {
  ^bb0(%x: f32, %y: f32, %acc: f32):
    %p = arith.mulf %x, %y : f32
    %t = arith.addf %acc, %p : f32
    linalg.yield %t : f32
  }
  func.return
}
