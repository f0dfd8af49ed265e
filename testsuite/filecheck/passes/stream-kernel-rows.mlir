// RUN: agentc-opt %s -p stream-kernel-rows --split-input-file | filecheck %s

// A result of rows goes past the caches where it is large and its rows are whole lines. What says where it is from still does.
// CHECK-LABEL: func.func @rows
// CHECK: %[[BASE:.*]] = "memref.extract_aligned_pointer_as_index"(%out)
// CHECK: %[[ODD:.*]] = arith.remui
// CHECK: %[[WHOLE:.*]] = arith.cmpi eq, %[[ODD]], %c0 : index
// CHECK: %[[LARGE:.*]] = arith.cmpi sge
// CHECK: %[[PAYS:.*]] = arith.andi %[[WHOLE]], %[[LARGE]] : i1
// CHECK: scf.if %[[PAYS]] {
// CHECK: %[[LINE:.*]] = memref.alloca() {alignment = 64 : i64} : memref<16xf32>
// CHECK: scf.for %[[C:.*]] = %c0 to %d step %{{.*}} {
// CHECK: ^bb0(%[[L:.*]]: index):
// CHECK-NEXT: %[[J:.*]] = arith.addi %[[C]], %[[L]] : index
// CHECK-NEXT: %[[V:.*]] = memref.load %x[%i, %[[J]]] : memref<?x?xf32>
// CHECK-NEXT: %[[W:.*]] = arith.addf %[[V]], %[[V]] : f32
// CHECK-NEXT: memref.store %[[W]], %[[LINE]][%[[L]]] {agent.source = "k.py:3:5"} : memref<16xf32>
// CHECK: %[[ALL:.*]] = vector.load %[[LINE]][%c0] {agent.source = "k.py:3:5"} : memref<16xf32>, vector<16xf32>
// CHECK-NEXT: vector.store %[[ALL]], %out[%i, %[[C]]] {agent.source = "k.py:3:5", nontemporal = true} : memref<?x?xf32>, vector<16xf32>
// CHECK: } else {
// CHECK: memref.store %{{.*}}, %out[%i, %j] {agent.source = "k.py:3:5"} : memref<?x?xf32>
func.func @rows(%x: memref<?x?xf32>, %out: memref<?x?xf32>) attributes {agentc.outputs = 1 : i64, agentc.dims = [["n", "d"], ["n", "d"]]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c0 : memref<?x?xf32>
  %d = memref.dim %x, %c1 : memref<?x?xf32>
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    "scf.parallel"(%c0, %d, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
    ^bb1(%j: index):
      %v = memref.load %x[%i, %j] : memref<?x?xf32>
      %w = arith.addf %v, %v : f32
      memref.store %w, %out[%i, %j] {agent.source = "k.py:3:5"} : memref<?x?xf32>
      scf.reduce
    }) : (index, index, index) -> ()
    scf.reduce
  }) : (index, index, index) -> ()
  func.return
}

// -----

// What lives in the result's memory before gets a row of its own there, and stays elsewhere.
// CHECK-LABEL: func.func @others
// CHECK: scf.if
// CHECK: %[[OWN:.*]] = memref.alloc(%d) {alignment = 64 : i64, agentc.dims = [["d"]]} : memref<?xf64>
// CHECK: memref.store %{{.*}}, %[[OWN]][%{{.*}}] : memref<?xf64>
// CHECK: memref.alloca() {alignment = 64 : i64} : memref<8xf64>
// CHECK: memref.load %[[OWN]][%{{.*}}] : memref<?xf64>
// CHECK: vector.store %{{.*}}, %out[%i, %{{.*}}] {nontemporal = true} : memref<?x?xf64>, vector<8xf64>
// CHECK: memref.dealloc %[[OWN]] : memref<?xf64>
// CHECK: } else {
// CHECK: memref.store %{{.*}}, %out[%i, %{{.*}}] : memref<?x?xf64>
// CHECK: memref.load %out[%i, %{{.*}}] : memref<?x?xf64>
// CHECK: memref.store %{{.*}}, %out[%i, %{{.*}}] : memref<?x?xf64>
func.func @others(%x: memref<?x?xf64>, %out: memref<?x?xf64>) attributes {agentc.outputs = 1 : i64, agentc.dims = [["n", "d"], ["n", "d"]]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c0 : memref<?x?xf64>
  %d = memref.dim %x, %c1 : memref<?x?xf64>
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    "scf.parallel"(%c0, %d, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
    ^bb1(%j: index):
      %v = memref.load %x[%i, %j] : memref<?x?xf64>
      memref.store %v, %out[%i, %j] : memref<?x?xf64>
      scf.reduce
    }) : (index, index, index) -> ()
    "scf.parallel"(%c0, %d, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
    ^bb2(%j: index):
      %v = memref.load %out[%i, %j] : memref<?x?xf64>
      %w = arith.addf %v, %v : f64
      memref.store %w, %out[%i, %j] : memref<?x?xf64>
      scf.reduce
    }) : (index, index, index) -> ()
    scf.reduce
  }) : (index, index, index) -> ()
  func.return
}

// -----

// Left alone: rows of 12 elements are no whole lines, a known result is small, and what reads down columns waits for that.
// CHECK-NOT: nontemporal
func.func @short(%x: memref<?x12xf32>, %out: memref<?x12xf32>) attributes {agentc.outputs = 1 : i64, agentc.dims = [["n", 12], ["n", 12]]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c12 = arith.constant 12 : index
  %n = memref.dim %x, %c0 : memref<?x12xf32>
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    "scf.parallel"(%c0, %c12, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
    ^bb1(%j: index):
      %v = memref.load %x[%i, %j] : memref<?x12xf32>
      memref.store %v, %out[%i, %j] : memref<?x12xf32>
      scf.reduce
    }) : (index, index, index) -> ()
    scf.reduce
  }) : (index, index, index) -> ()
  func.return
}
func.func @small(%x: memref<100x32xf32>, %out: memref<100x32xf32>) attributes {agentc.outputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c32 = arith.constant 32 : index
  %c100 = arith.constant 100 : index
  "scf.parallel"(%c0, %c100, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    "scf.parallel"(%c0, %c32, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
    ^bb1(%j: index):
      %v = memref.load %x[%i, %j] : memref<100x32xf32>
      memref.store %v, %out[%i, %j] : memref<100x32xf32>
      scf.reduce
    }) : (index, index, index) -> ()
    scf.reduce
  }) : (index, index, index) -> ()
  func.return
}
func.func @turned(%x: memref<?x?xf32>, %out: memref<?x?xf32>) attributes {agentc.outputs = 1 : i64, agentc.dims = [["d", "n"], ["n", "d"]]} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %n = memref.dim %x, %c1 : memref<?x?xf32>
  %d = memref.dim %x, %c0 : memref<?x?xf32>
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    "scf.parallel"(%c0, %d, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
    ^bb1(%j: index):
      %v = memref.load %x[%j, %i] : memref<?x?xf32>
      memref.store %v, %out[%i, %j] : memref<?x?xf32>
      scf.reduce
    }) : (index, index, index) -> ()
    scf.reduce
  }) : (index, index, index) -> ()
  func.return
}
