// RUN: agentc-opt %s -p privatize-kernel-rows --split-input-file | filecheck %s

// Each iteration has a row to itself: one row serves them all. What says where it is from still does.
// CHECK-LABEL: func.func @rows
// CHECK-NOT: memref.alloc(
// CHECK: ^bb0(%[[I:.*]]: index):
// CHECK-NEXT: %[[S:.*]] = memref.alloc(%m) {alignment = 64 : i64, agentc.dims = [["m", 2 : i64]]} : memref<?x2xf32>
// CHECK: memref.store %v, %[[S]][%[[J:.*]], %c1] {agent.source = "k.py:1:1"} : memref<?x2xf32>
// CHECK: memref.load %[[S]][%[[K:.*]], %c0] : memref<?x2xf32>
// CHECK: memref.dealloc %[[S]] : memref<?x2xf32>
// CHECK-NEXT: scf.reduce
// CHECK-NOT: memref.dealloc
func.func @rows(%n: index, %m: index, %v: f32, %out: memref<?x?xf32>) attributes {agentc.outputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %s = memref.alloc(%n, %m) {agentc.dims = [["n", "m", 2]]} : memref<?x?x2xf32>
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    "scf.parallel"(%c0, %m, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
    ^bb1(%j: index):
      memref.store %v, %s[%i, %j, %c1] {agent.source = "k.py:1:1"} : memref<?x?x2xf32>
      scf.reduce
    }) : (index, index, index) -> ()
    scf.for %k = %c0 to %m step %c1 {
      %w = memref.load %s[%i, %k, %c0] : memref<?x?x2xf32>
      memref.store %w, %out[%i, %k] : memref<?x?xf32>
    }
    scf.reduce
  }) : (index, index, index) -> ()
  memref.dealloc %s : memref<?x?x2xf32>
  func.return
}

// -----

// A single number lies on the stack, and the inner loop of both is where it goes.
// CHECK-LABEL: func.func @number
// CHECK: ^bb0(%{{.*}}: index):
// CHECK: ^bb{{.*}}(%{{.*}}: index):
// CHECK-NEXT: %[[S:.*]] = memref.alloca() {alignment = 64 : i64} : memref<f32>
// CHECK-NEXT: memref.store %v, %[[S]][] : memref<f32>
// CHECK-NEXT: memref.load %[[S]][] : memref<f32>
func.func @number(%n: index, %v: f32, %out: memref<?x?xf32>) attributes {agentc.outputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %s = memref.alloc(%n, %n) {agentc.dims = [["n", "n"]]} : memref<?x?xf32>
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
    ^bb1(%j: index):
      memref.store %v, %s[%i, %j] : memref<?x?xf32>
      %w = memref.load %s[%i, %j] : memref<?x?xf32>
      memref.store %w, %out[%i, %j] : memref<?x?xf32>
      scf.reduce
    }) : (index, index, index) -> ()
    scf.reduce
  }) : (index, index, index) -> ()
  memref.dealloc %s : memref<?x?xf32>
  func.return
}

// -----

// Not where another iteration reads it, where two loops exchange it, where the index is another's, or where the loop
// around carries it on from one iteration to the next.
// CHECK-LABEL: func.func @shared
// CHECK-COUNT-4: memref.alloc(%n) {{.*}} : memref<?xf32>
// CHECK-NOT: memref.alloc
func.func @shared(%n: index, %v: f32, %out: memref<?xf32>) attributes {agentc.outputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %s = memref.alloc(%n) {agentc.dims = [["n"]]} : memref<?xf32>
  %t = memref.alloc(%n) {agentc.dims = [["n"]]} : memref<?xf32>
  %u = memref.alloc(%n) {agentc.dims = [["n"]]} : memref<?xf32>
  %w = memref.alloc(%n) {agentc.dims = [["n"]]} : memref<?xf32>
  scf.for %i = %c0 to %n step %c1 {
    memref.store %v, %s[%i] : memref<?xf32>
    %a = memref.load %s[%c0] : memref<?xf32>
    memref.store %a, %out[%i] : memref<?xf32>
    memref.store %v, %t[%i] : memref<?xf32>
    memref.store %v, %u[%c1] : memref<?xf32>
    scf.for %j = %c0 to %n step %c1 {
      %d = memref.load %w[%j] : memref<?xf32>
      memref.store %v, %w[%j] : memref<?xf32>
    }
  }
  scf.for %i = %c0 to %n step %c1 {
    %b = memref.load %t[%i] : memref<?xf32>
    memref.store %b, %out[%i] : memref<?xf32>
  }
  memref.dealloc %s : memref<?xf32>
  memref.dealloc %t : memref<?xf32>
  memref.dealloc %u : memref<?xf32>
  memref.dealloc %w : memref<?xf32>
  func.return
}

// -----

// A vector keeps the index that it lies along.
// CHECK-LABEL: func.func @vectors
// CHECK: memref.alloc(%n)
// CHECK: vector.store %v, %s[%{{.*}}]
func.func @vectors(%n: index, %v: vector<4xf32>) attributes {agentc.outputs = 0 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %s = memref.alloc(%n) {agentc.dims = [["n"]]} : memref<?xf32>
  scf.for %i = %c0 to %n step %c1 {
    vector.store %v, %s[%i] : memref<?xf32>, vector<4xf32>
  }
  memref.dealloc %s : memref<?xf32>
  func.return
}
