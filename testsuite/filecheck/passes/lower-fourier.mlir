// RUN: agentc-opt %s -p lower-fourier | filecheck %s

// 40 samples are 20 complex points: a step of 5, one of 4, then real rows again. Eight rows of single precision at once,
// their real parts before their imaginary ones. The table: for 5 four vectors, for 4 one, for the end three and 21 numbers,
// then what the results of both steps are turned by.
// CHECK: "memref.global"() <{sym_name = "rows_turns", type = memref<210xf32>
// CHECK-NOT: memref.global
// CHECK-LABEL: func.func @rows
// CHECK: "scf.parallel"(
// CHECK-COUNT-8: arith.minsi
// CHECK: memref.alloca() {{.*}} : memref<336xf32>
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

// Rows that nobody else reads are computed on the way, eight at once: of each the elements k and k + 1.
// CHECK-LABEL: func.func @frames
// CHECK-NOT: memref.alloc(
// CHECK-DAG: %[[LANES:.*]] = arith.constant {{.*}}dense<[0, 1, 2, 3, 4, 5, 6, 7, 0, 1, 2, 3, 4, 5, 6, 7]> : vector<16xi64>
// CHECK-DAG: %[[SECOND:.*]] = arith.constant {{.*}}dense<[0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]> : vector<16xi64>
// CHECK-DAG: %[[AHEAD:.*]] = arith.addi %{{.*}}, %[[LANES]] : vector<16xi64>
// CHECK-DAG: %[[ROWS:.*]] = arith.minsi %[[AHEAD]], %{{.*}} : vector<16xi64>
// CHECK: scf.for
// CHECK: %[[PAIR:.*]] = vector.load %w{{.*}} vector<2xf32>
// CHECK: %[[W:.*]] = vector.shuffle %[[PAIR]], %[[PAIR]] [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1]
// CHECK: %[[K:.*]] = arith.addi %{{.*}}, %[[SECOND]] : vector<16xi64>
// CHECK: %[[H:.*]] = arith.muli %[[ROWS]], %{{.*}} : vector<16xi64>
// CHECK: %[[P:.*]] = arith.addi %[[H]], %[[K]] : vector<16xi64>
// CHECK: %[[X:.*]] = vector_ext.gather %x[%[[P]]] : memref<?xf32>, vector<16xi64> to vector<16xf32>
// CHECK: %[[V:.*]] = arith.mulf %[[X]], %[[W]] : vector<16xf32>
// CHECK: vector.store %[[V]]
// CHECK-NOT: linalg
func.func @frames(%x: memref<?xf32>, %w: memref<40xf32>, %p: memref<?x21xf32>) attributes {agentc.dims = [["t"], [40 : i64], ["t//16", 21 : i64]]} {
  %zero = arith.constant 0 : index
  %t = memref.dim %x, %zero : memref<?xf32>
  %hop = arith.constant 16 : index
  %n = arith.floordivsi %t, %hop : index
  %rows = memref.alloc(%n) {alignment = 64 : i64, agentc.dims = [["t//16", 40 : i64]]} : memref<?x40xf32>
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%w : memref<40xf32>) outs(%rows : memref<?x40xf32>) {
  ^bb0(%a: f32, %old: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %start = arith.muli %i, %hop : index
    %place = arith.addi %start, %j : index
    %v = memref.load %x[%place] : memref<?xf32>
    %s = arith.mulf %v, %a : f32
    linalg.yield %s : f32
  }
  linalg_ext.fourier ins(%rows : memref<?x40xf32>) outs(%p : memref<?x21xf32>)
  memref.dealloc %rows : memref<?x40xf32>
  func.return
}

// Rows that somebody else reads too are stored.
// CHECK-LABEL: func.func @read_twice
// CHECK: memref.alloc(
// CHECK: linalg.generic
// CHECK: vector.load %rows
// CHECK-NOT: vector_ext.gather
func.func @read_twice(%x: memref<?x40xf32>, %p: memref<?x21xf32>, %q: memref<?x21xf32>) attributes {agentc.dims = [["n", 40 : i64], ["n", 21 : i64], ["n", 21 : i64]]} {
  %zero = arith.constant 0 : index
  %n = memref.dim %x, %zero : memref<?x40xf32>
  %rows = memref.alloc(%n) {alignment = 64 : i64, agentc.dims = [["n", 40 : i64]]} : memref<?x40xf32>
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%x : memref<?x40xf32>) outs(%rows : memref<?x40xf32>) {
  ^bb0(%a: f32, %old: f32):
    %s = arith.addf %a, %a : f32
    linalg.yield %s : f32
  }
  linalg_ext.fourier ins(%rows : memref<?x40xf32>) outs(%p : memref<?x21xf32>)
  linalg_ext.fourier ins(%rows : memref<?x40xf32>) outs(%q : memref<?x21xf32>)
  memref.dealloc %rows : memref<?x40xf32>
  func.return
}
