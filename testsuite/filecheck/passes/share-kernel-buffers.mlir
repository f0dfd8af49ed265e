// RUN: agentc-opt %s -p share-kernel-buffers --split-input-file | filecheck %s

// The first temporary is read for the last time before the second is written, which is over before the result begins:
// both live in the result's memory. One of another size keeps its own.
// CHECK-LABEL: func.func @lives
// CHECK-NOT: memref.alloc(%n)
// CHECK: %[[U:.*]] = memref.alloc(%m)
// CHECK: memref.store %{{.*}}, %out[%{{.*}}]
// CHECK: memref.load %out[%c0]
// CHECK: memref.store %{{.*}}, %out[%{{.*}}]
// CHECK: memref.load %out[%c0]
// CHECK: memref.store %{{.*}}, %[[U]][%{{.*}}]
// CHECK: memref.load %[[U]][%c0]
// CHECK: memref.store %{{.*}}, %out[%{{.*}}]
// CHECK: memref.dealloc %[[U]]
// CHECK-NOT: memref.dealloc
func.func @lives(%x: memref<?xf32>, %y: memref<?xf32>, %out: memref<?xf32>) attributes {agentc.dims = [["n"], ["m"], ["n"]], agentc.outputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %m = memref.dim %y, %c0 : memref<?xf32>
  %s = memref.alloc(%n) {agentc.dims = [["n"]]} : memref<?xf32>
  %t = memref.alloc(%n) {agentc.dims = [["n"]]} : memref<?xf32>
  %u = memref.alloc(%m) {agentc.dims = [["m"]]} : memref<?xf32>
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    %v = memref.load %x[%i] : memref<?xf32>
    memref.store %v, %s[%i] : memref<?xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  %a = memref.load %s[%c0] : memref<?xf32>
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    memref.store %a, %t[%i] : memref<?xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  %b = memref.load %t[%c0] : memref<?xf32>
  "scf.parallel"(%c0, %m, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    memref.store %b, %u[%i] : memref<?xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  %c = memref.load %u[%c0] : memref<?xf32>
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    memref.store %c, %out[%i] : memref<?xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  memref.dealloc %s : memref<?xf32>
  memref.dealloc %t : memref<?xf32>
  memref.dealloc %u : memref<?xf32>
  func.return
}

// -----

// Both are used by the one loop over rows, each row of the first before that row of the second: one memory.
// CHECK-LABEL: func.func @rows
// CHECK-COUNT-1: memref.alloc(%n, %d)
// CHECK-NOT: memref.alloc
// CHECK: func.return
func.func @rows(%x: memref<?x?xf32>, %out: memref<?xf32>) attributes {agentc.dims = [["n", "d"], ["n"]], agentc.outputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  %d = memref.dim %x, %c1 : memref<?x?xf32>
  %s = memref.alloc(%n, %d) {agentc.dims = [["n", "d"]]} : memref<?x?xf32>
  %t = memref.alloc(%n, %d) {agentc.dims = [["n", "d"]]} : memref<?x?xf32>
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    "scf.parallel"(%c0, %d, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
    ^bb0(%j: index):
      %v = memref.load %x[%i, %j] : memref<?x?xf32>
      memref.store %v, %s[%i, %j] : memref<?x?xf32>
      scf.reduce
    }) : (index, index, index) -> ()
    %a = memref.load %s[%i, %c0] : memref<?x?xf32>
    "scf.parallel"(%c0, %d, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
    ^bb0(%j: index):
      memref.store %a, %t[%i, %j] : memref<?x?xf32>
      scf.reduce
    }) : (index, index, index) -> ()
    %b = memref.load %t[%i, %c0] : memref<?x?xf32>
    memref.store %b, %out[%i] : memref<?xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  memref.dealloc %s : memref<?x?xf32>
  memref.dealloc %t : memref<?x?xf32>
  func.return
}

// -----

// A row reads the first element of another row: what comes later in this row may come earlier in that one.
// CHECK-LABEL: func.func @crossing
// CHECK-COUNT-2: memref.alloc(%n)
func.func @crossing(%x: memref<?xf32>, %out: memref<?xf32>) attributes {agentc.dims = [["n"], ["m"]], agentc.outputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %s = memref.alloc(%n) {agentc.dims = [["n"]]} : memref<?xf32>
  %t = memref.alloc(%n) {agentc.dims = [["n"]]} : memref<?xf32>
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    %v = memref.load %x[%i] : memref<?xf32>
    memref.store %v, %s[%i] : memref<?xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    %a = memref.load %s[%c0] : memref<?xf32>
    memref.store %a, %t[%i] : memref<?xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  %b = memref.load %t[%c0] : memref<?xf32>
  memref.store %b, %out[%c0] : memref<?xf32>
  memref.dealloc %s : memref<?xf32>
  memref.dealloc %t : memref<?xf32>
  func.return
}

// -----

// Other elements, the same order: what is written last is the result, so nothing may come after it.
// CHECK-LABEL: func.func @result_first
// CHECK: memref.alloc(%n)
func.func @result_first(%x: memref<?xf32>, %out: memref<?xf32>) attributes {agentc.dims = [["n"], ["n"]], agentc.outputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %s = memref.alloc(%n) {agentc.dims = [["n"]]} : memref<?xf32>
  %v = memref.load %x[%c0] : memref<?xf32>
  memref.store %v, %out[%c0] : memref<?xf32>
  memref.store %v, %s[%c0] : memref<?xf32>
  %w = memref.load %s[%c0] : memref<?xf32>
  memref.store %w, %x[%c0] : memref<?xf32>
  memref.dealloc %s : memref<?xf32>
  func.return
}

// -----

// Other work lies between the two lives: each is freed when it ends, and what is between may have its place.
// CHECK-LABEL: func.func @pause
// CHECK-COUNT-3: memref.alloc
// CHECK: func.return
func.func @pause(%x: memref<?xf32>, %out: memref<1xf32>) attributes {agentc.dims = [["n"], [1 : i64]], agentc.outputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %s = memref.alloc(%n) {agentc.dims = [["n"]]} : memref<?xf32>
  %large = memref.alloc(%n) {agentc.dims = [["n", 9 : i64]]} : memref<?x9xf32>
  %t = memref.alloc(%n) {agentc.dims = [["n"]]} : memref<?xf32>
  %v = memref.load %x[%c0] : memref<?xf32>
  memref.store %v, %s[%c0] : memref<?xf32>
  %a = memref.load %s[%c0] : memref<?xf32>
  memref.store %a, %large[%c0, %c0] : memref<?x9xf32>
  %b = memref.load %large[%c0, %c0] : memref<?x9xf32>
  memref.store %b, %t[%c0] : memref<?xf32>
  %c = memref.load %t[%c0] : memref<?xf32>
  memref.store %c, %out[%c0] : memref<1xf32>
  memref.dealloc %s : memref<?xf32>
  memref.dealloc %large : memref<?x9xf32>
  memref.dealloc %t : memref<?xf32>
  func.return
}

// -----

// A vector goes further than its index: what one iteration writes the next would have to read.
// CHECK-LABEL: func.func @vectors
// CHECK-COUNT-2: memref.alloc(%n)
func.func @vectors(%x: memref<?xf32>, %out: memref<1xf32>) attributes {agentc.dims = [["n"], [1 : i64]], agentc.outputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c0 : memref<?xf32>
  %s = memref.alloc(%n) {agentc.dims = [["n"]]} : memref<?xf32>
  %t = memref.alloc(%n) {agentc.dims = [["n"]]} : memref<?xf32>
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    %v = memref.load %x[%i] : memref<?xf32>
    memref.store %v, %s[%i] : memref<?xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    %v = vector.load %s[%i] : memref<?xf32>, vector<4xf32>
    vector.store %v, %t[%i] : memref<?xf32>, vector<4xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  %c = memref.load %t[%c0] : memref<?xf32>
  memref.store %c, %out[%c0] : memref<1xf32>
  memref.dealloc %s : memref<?xf32>
  memref.dealloc %t : memref<?xf32>
  func.return
}
