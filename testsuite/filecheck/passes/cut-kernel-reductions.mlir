// RUN: agentc-opt %s -p cut-kernel-reductions --split-input-file | filecheck %s

// What is exponentiated joins its sum: each block gives a part, in memory, and parts are added in their order.
// CHECK-LABEL: func.func @joined
// CHECK: %[[BLOCKS:.*]] = arith.floordivsi %{{.*}}, %{{.*}} : index
// CHECK-NEXT: %[[PARTS:.*]] = memref.alloc(%[[BLOCKS]]) {alignment = 64 : i64, agentc.dims = {{.*}}"(n + 8191)//8192"]]} : memref<?xf32>
// CHECK-NEXT: "scf.parallel"(%c0, %[[BLOCKS]], %c1)
// CHECK-NEXT: ^bb0(%[[B:.*]]: index):
// CHECK-NEXT: %[[LOW:.*]] = arith.muli %[[B]], %{{.*}} : index
// CHECK-NEXT: %[[END:.*]] = arith.addi %[[LOW]], %{{.*}} : index
// CHECK-NEXT: %[[HIGH:.*]] = arith.minsi %[[END]], %n : index
// CHECK-NEXT: %[[PART:.*]] = "scf.parallel"(%[[LOW]], %[[HIGH]], %c1, %{{.*}})
// CHECK: %[[E:.*]] = math.exp
// CHECK-NEXT: memref.store %[[E]], %out
// CHECK-NEXT: scf.reduce(%[[E]] : f32)
// CHECK: memref.store %[[PART]], %[[PARTS]][%[[B]]]
// CHECK: %[[SUM:.*]] = scf.for %[[P:.*]] = %c0 to %[[BLOCKS]] step %c1 iter_args(%[[OLD:.*]] = %start) -> (f32) {
// CHECK-NEXT: %[[NEW:.*]] = memref.load %[[PARTS]][%[[P]]]
// CHECK-NEXT: %[[BOTH:.*]] = arith.addf %[[OLD]], %[[NEW]] : f32
// CHECK-NEXT: scf.yield %[[BOTH]]
// CHECK: memref.store %[[SUM]], %total[]
// CHECK: memref.dealloc %[[PARTS]]
func.func @joined(%x: memref<?xf32>, %start: f32, %out: memref<?xf32>, %total: memref<f32>) attributes {agentc.outputs = 2 : i64, agentc.dims = [["n"], ["n"], []]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    %v = memref.load %x[%i] : memref<?xf32>
    %e = math.exp %v : f32
    memref.store %e, %out[%i] : memref<?xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  %s = "scf.parallel"(%c0, %n, %c1, %start) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
  ^bb1(%i: index):
    %v = memref.load %out[%i] : memref<?xf32>
    scf.reduce(%v : f32) {
    ^bb2(%a: f32, %b: f32):
      %t = arith.addf %a, %b fastmath<reassoc> : f32
      scf.reduce.return %t : f32
    }
  }) : (index, index, index, f32) -> f32
  memref.store %s, %total[] : memref<f32>
  func.return
}

// -----

// Rows of rows: as many as have 8,192 elements.
// CHECK-LABEL: func.func @rows
// CHECK: memref.alloc(%{{.*}}) {alignment = 64 : i64, agentc.dims = {{.*}}"(max(1, 8192//max(1, d)) + n - 1)//max(1, 8192//max(1, d))"]]}
func.func @rows(%x: memref<?x?xf32>, %greatest: memref<f32>) attributes {agentc.outputs = 1 : i64, agentc.dims = [["n", "d"], []]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %least = arith.constant 0xff800000 : f32
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  %d = memref.dim %x, %c1 : memref<?x?xf32>
  %s = "scf.parallel"(%c0, %n, %c1, %least) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
  ^bb0(%i: index):
    %r = "scf.parallel"(%c0, %d, %c1, %least) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
    ^bb1(%j: index):
      %v = memref.load %x[%i, %j] : memref<?x?xf32>
      scf.reduce(%v : f32) {
      ^bb2(%a: f32, %b: f32):
        %t = arith.maximumf %a, %b : f32
        scf.reduce.return %t : f32
      }
    }) : (index, index, index, f32) -> f32
    scf.reduce(%r : f32) {
    ^bb3(%a: f32, %b: f32):
      %t = arith.maximumf %a, %b : f32
      scf.reduce.return %t : f32
    }
  }) : (index, index, index, f32) -> f32
  memref.store %s, %greatest[] : memref<f32>
  func.return
}

// -----

// Not where an order is asked for, where there is little for certain, or where another argument is much larger.
// CHECK-LABEL: func.func @left
// CHECK-NOT: memref.alloc
func.func @left(%x: memref<?xf32>, %few: memref<9000xf32>, %sums: memref<2xf32>) attributes {agentc.outputs = 1 : i64, agentc.dims = [["n"], [9000], [2]]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c9000 = arith.constant 9000 : index
  %zero = arith.constant 0.0 : f32
  %n = memref.dim %x, %c0 : memref<?xf32>
  %s = "scf.parallel"(%c0, %n, %c1, %zero) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
  ^bb0(%i: index):
    %v = memref.load %x[%i] : memref<?xf32>
    scf.reduce(%v : f32) {
    ^bb1(%a: f32, %b: f32):
      %t = arith.addf %a, %b : f32
      scf.reduce.return %t : f32
    }
  }) : (index, index, index, f32) -> f32
  memref.store %s, %sums[%c0] : memref<2xf32>
  %r = "scf.parallel"(%c0, %c9000, %c1, %zero) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
  ^bb2(%i: index):
    %v = memref.load %few[%i] : memref<9000xf32>
    scf.reduce(%v : f32) {
    ^bb3(%a: f32, %b: f32):
      %t = arith.addf %a, %b fastmath<reassoc> : f32
      scf.reduce.return %t : f32
    }
  }) : (index, index, index, f32) -> f32
  memref.store %r, %sums[%c1] : memref<2xf32>
  func.return
}

// -----

// CHECK-LABEL: func.func @beside_more
// CHECK-NOT: memref.alloc
func.func @beside_more(%x: memref<?xf32>, %docs: memref<?x?xf32>, %total: memref<f32>) attributes {agentc.outputs = 1 : i64, agentc.dims = [["d"], ["n", "d"], []]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %d = memref.dim %x, %c0 : memref<?xf32>
  %s = "scf.parallel"(%c0, %d, %c1, %zero) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
  ^bb0(%i: index):
    %v = memref.load %x[%i] : memref<?xf32>
    scf.reduce(%v : f32) {
    ^bb1(%a: f32, %b: f32):
      %t = arith.addf %a, %b fastmath<reassoc> : f32
      scf.reduce.return %t : f32
    }
  }) : (index, index, index, f32) -> f32
  memref.store %s, %total[] : memref<f32>
  func.return
}
