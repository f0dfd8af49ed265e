// RUN: agentc-opt %s -p block-column-sums --split-input-file | filecheck %s

// Rows and columns in one loop, by blocks; each block sums columns from nothing, and all are added in the end.
// CHECK-LABEL: func.func @both
// CHECK: %[[PARTS:.*]] = memref.alloc(%[[BLOCKS:.*]], %d) {alignment = 64 : i64, agentc.dims = {{.*}}"d"]]} : memref<?x?xf32>
// CHECK-NEXT: "scf.parallel"(%c0, %[[BLOCKS]], %c1)
// CHECK-NEXT: ^bb0(%[[B:.*]]: index):
// CHECK: memref.store %{{.*}}, %[[PARTS]][%[[B]], %{{.*}}]
// CHECK: %[[LOW:.*]] = arith.muli %[[B]], %[[HEIGHT:.*]] : index
// CHECK-NEXT: %[[END:.*]] = arith.addi %[[LOW]], %[[HEIGHT]] : index
// CHECK-NEXT: %[[HIGH:.*]] = arith.minsi %[[END]], %n : index
// CHECK-NEXT: scf.for %[[I:.*]] = %[[LOW]] to %[[HIGH]] step %c1 {
// CHECK-NEXT: %[[SUM:.*]] = "scf.parallel"
// CHECK-NEXT: ^bb{{.*}}(%[[J:.*]]: index):
// CHECK-NEXT: %[[V:.*]] = memref.load %x[%[[I]], %[[J]]]
// CHECK-NEXT: %[[OLD:.*]] = memref.load %[[PARTS]][%[[B]], %[[J]]]
// CHECK-NEXT: %[[NEW:.*]] = arith.addf %[[OLD]], %[[V]] fastmath<reassoc>
// CHECK-NEXT: memref.store %[[NEW]], %[[PARTS]][%[[B]], %[[J]]]
// CHECK-NEXT: scf.reduce(%[[V]] : f32)
// CHECK: memref.store %[[SUM]], %rows[%[[I]]]
// CHECK: scf.for %[[P:.*]] = %c0 to %[[BLOCKS]] step %c1 {
// CHECK: %[[TOTAL:.*]] = memref.load %columns[%[[K:.*]]]
// CHECK-NEXT: %[[PART:.*]] = memref.load %[[PARTS]][%[[P]], %[[K]]]
// CHECK-NEXT: %[[ALL:.*]] = arith.addf %[[TOTAL]], %[[PART]]
// CHECK-NEXT: memref.store %[[ALL]], %columns[%[[K]]]
// CHECK: memref.dealloc %[[PARTS]]
func.func @both(%x: memref<?x?xf32>, %rows: memref<?xf32>, %columns: memref<?xf32>) attributes {agentc.outputs = 2 : i64, agentc.dims = [["n", "d"], ["n"], ["d"]]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %zero = arith.constant 0.0 : f32
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  %d = memref.dim %x, %c1 : memref<?x?xf32>
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    %s = "scf.parallel"(%c0, %d, %c1, %zero) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
    ^bb1(%j: index):
      %v = memref.load %x[%i, %j] : memref<?x?xf32>
      scf.reduce(%v : f32) {
      ^bb2(%a: f32, %b: f32):
        %t = arith.addf %a, %b fastmath<reassoc> : f32
        scf.reduce.return %t : f32
      }
    }) : (index, index, index, f32) -> f32
    memref.store %s, %rows[%i] : memref<?xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  scf.for %i = %c0 to %n step %c1 {
    "scf.parallel"(%c0, %d, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
    ^bb3(%j: index):
      %old = memref.load %columns[%j] : memref<?xf32>
      %v = memref.load %x[%i, %j] : memref<?x?xf32>
      %t = arith.addf %old, %v fastmath<reassoc> : f32
      memref.store %t, %columns[%j] : memref<?xf32>
      scf.reduce
    }) : (index, index, index) -> ()
  }
  func.return
}

// -----

// Nobody else reads the rows: blocks of 256 have sums of their own, the rest is added to the result, then each block's.
// CHECK-LABEL: func.func @alone
// CHECK: %[[BLOCKS:.*]] = arith.floordivsi %n, %{{.*}} : index
// CHECK-NEXT: %[[PARTS:.*]] = memref.alloc(%[[BLOCKS]], %d) {alignment = 64 : i64, agentc.dims = {{.*}}"n//256", "d"]]} : memref<?x?xf32>
// CHECK-NEXT: "scf.parallel"(%c0, %[[BLOCKS]], %c1)
// CHECK-NEXT: ^bb0(%[[B:.*]]: index):
// CHECK: memref.store %{{.*}}, %[[PARTS]][%[[B]], %{{.*}}]
// CHECK: %[[LOW:.*]] = arith.muli %[[B]], %{{.*}} : index
// CHECK-NEXT: %[[HIGH:.*]] = arith.addi %[[LOW]], %{{.*}} : index
// CHECK-NEXT: scf.for %[[I:.*]] = %[[LOW]] to %[[HIGH]] step %c1 {
// CHECK: %[[OLD:.*]] = memref.load %[[PARTS]][%[[B]], %[[J:.*]]]
// CHECK-NEXT: %[[V:.*]] = memref.load %x[%[[I]], %[[J]]]
// CHECK-NEXT: %[[NEW:.*]] = arith.maximumf %[[OLD]], %[[V]]
// CHECK-NEXT: memref.store %[[NEW]], %[[PARTS]][%[[B]], %[[J]]]
// CHECK: %[[REST:.*]] = arith.muli %[[BLOCKS]], %{{.*}} : index
// CHECK-NEXT: scf.for %{{.*}} = %[[REST]] to %n step %c1 {
// CHECK: memref.load %columns
// CHECK: scf.for %[[P:.*]] = %c0 to %[[BLOCKS]] step %c1 {
// CHECK: %[[TOTAL:.*]] = memref.load %columns[%[[K:.*]]]
// CHECK-NEXT: %[[PART:.*]] = memref.load %[[PARTS]][%[[P]], %[[K]]]
// CHECK-NEXT: %[[ALL:.*]] = arith.maximumf %[[TOTAL]], %[[PART]]
// CHECK-NEXT: memref.store %[[ALL]], %columns[%[[K]]]
// CHECK: memref.dealloc %[[PARTS]]
func.func @alone(%x: memref<?x?xf32>, %columns: memref<?xf32>) attributes {agentc.outputs = 1 : i64, agentc.dims = [["n", "d"], ["d"]]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  %d = memref.dim %x, %c1 : memref<?x?xf32>
  scf.for %i = %c0 to %n step %c1 {
    "scf.parallel"(%c0, %d, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
    ^bb0(%j: index):
      %old = memref.load %columns[%j] : memref<?xf32>
      %v = memref.load %x[%i, %j] : memref<?x?xf32>
      %t = arith.maximumf %old, %v : f32
      memref.store %t, %columns[%j] : memref<?xf32>
      scf.reduce
    }) : (index, index, index) -> ()
  }
  func.return
}

// -----

// Not where a sum keeps its order, nor where rows are few for certain.
// CHECK-LABEL: func.func @ordered
// CHECK-NOT: memref.alloc
func.func @ordered(%x: memref<?x?xf32>, %few: memref<300x?xf32>, %columns: memref<?xf32>, %others: memref<?xf32>) attributes {agentc.outputs = 2 : i64, agentc.dims = [["n", "d"], [300, "d"], ["d"], ["d"]]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c300 = arith.constant 300 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  %d = memref.dim %x, %c1 : memref<?x?xf32>
  scf.for %i = %c0 to %n step %c1 {
    "scf.parallel"(%c0, %d, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
    ^bb0(%j: index):
      %old = memref.load %others[%j] : memref<?xf32>
      %v = memref.load %x[%i, %j] : memref<?x?xf32>
      %t = arith.addf %old, %v : f32
      memref.store %t, %others[%j] : memref<?xf32>
      scf.reduce
    }) : (index, index, index) -> ()
  }
  scf.for %i = %c0 to %c300 step %c1 {
    "scf.parallel"(%c0, %d, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
    ^bb0(%j: index):
      %old = memref.load %columns[%j] : memref<?xf32>
      %v = memref.load %few[%i, %j] : memref<300x?xf32>
      %t = arith.maximumf %old, %v : f32
      memref.store %t, %columns[%j] : memref<?xf32>
      scf.reduce
    }) : (index, index, index) -> ()
  }
  func.return
}

// -----

// Each for itself where what reads the rows needs the sums.
// CHECK-LABEL: func.func @needed
// CHECK: memref.alloc(%{{.*}}, %d) {alignment = 64 : i64, agentc.dims = {{.*}}"n//256", "d"]]}
// CHECK: memref.store %{{.*}}, %rows
func.func @needed(%x: memref<?x?xf32>, %rows: memref<?xf32>, %columns: memref<?xf32>) attributes {agentc.outputs = 2 : i64, agentc.dims = [["n", "d"], ["n"], ["d"]]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  %d = memref.dim %x, %c1 : memref<?x?xf32>
  scf.for %i = %c0 to %n step %c1 {
    "scf.parallel"(%c0, %d, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
    ^bb0(%j: index):
      %old = memref.load %columns[%j] : memref<?xf32>
      %v = memref.load %x[%i, %j] : memref<?x?xf32>
      %t = arith.addf %old, %v fastmath<reassoc> : f32
      memref.store %t, %columns[%j] : memref<?xf32>
      scf.reduce
    }) : (index, index, index) -> ()
  }
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    %v = memref.load %x[%i, %c0] : memref<?x?xf32>
    %w = memref.load %columns[%c0] : memref<?xf32>
    %t = arith.addf %v, %w : f32
    memref.store %t, %rows[%i] : memref<?xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  func.return
}
