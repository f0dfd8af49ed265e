// RUN: agentc-opt %s -p fuse-kernel-loops --split-input-file | filecheck %s

// The second loop reads, at its own index only, what the first wrote: one loop, and the memory between is gone.
// CHECK-LABEL: func.func @fused
// CHECK-NOT: memref.alloc
// CHECK: "scf.parallel"
// CHECK-NEXT: ^bb0(%[[I:.*]]: index):
// CHECK-NEXT: %[[X:.*]] = memref.load %x[%[[I]]]
// CHECK-NEXT: %[[E:.*]] = math.exp %[[X]]
// CHECK-NEXT: %[[N:.*]] = arith.negf %[[E]]
// CHECK-NEXT: memref.store %[[N]], %y[%[[I]]]
// CHECK-NOT: "scf.parallel"
func.func @fused(%x: memref<?xf32>, %y: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %t = memref.alloc(%n) : memref<?xf32>
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    %v = memref.load %x[%i] : memref<?xf32>
    %e = math.exp %v : f32
    memref.store %e, %t[%i] : memref<?xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    %v = memref.load %t[%i] : memref<?xf32>
    %e = arith.negf %v : f32
    memref.store %e, %y[%i] : memref<?xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  memref.dealloc %t : memref<?xf32>
  func.return
}

// -----

// Every iteration of the second loop reads the same element that the first wrote: they stay apart.
// CHECK-LABEL: func.func @apart
// CHECK-COUNT-2: "scf.parallel"
func.func @apart(%x: memref<?xf32>, %y: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    %v = memref.load %x[%i] : memref<?xf32>
    memref.store %v, %y[%i] : memref<?xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    %v = memref.load %y[%c0] : memref<?xf32>
    memref.store %v, %x[%i] : memref<?xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  func.return
}

// -----

// Two reductions of one row become one loop; the store between them moves behind it.
// CHECK-LABEL: func.func @siblings
// CHECK: %[[A:.*]], %[[B:.*]] = "scf.parallel"(%{{.*}}, %n, %{{.*}}, %z, %z)
// CHECK: scf.reduce(%{{.*}}, %{{.*}} : f32, f32)
// CHECK: memref.store %[[A]], %s[%c0]
// CHECK-NEXT: memref.store %[[B]], %s[%c1]
func.func @siblings(%x: memref<?xf32>, %s: memref<2xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %z = arith.constant 0.0 : f32
  %a = "scf.parallel"(%c0, %n, %c1, %z) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
  ^bb0(%i: index):
    %v = memref.load %x[%i] : memref<?xf32>
    scf.reduce(%v : f32) {
    ^bb0(%p: f32, %q: f32):
      %r = arith.addf %p, %q : f32
      scf.reduce.return %r : f32
    }
  }) : (index, index, index, f32) -> f32
  memref.store %a, %s[%c0] : memref<2xf32>
  %b = "scf.parallel"(%c0, %n, %c1, %z) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
  ^bb0(%i: index):
    %v = memref.load %x[%i] : memref<?xf32>
    %w = arith.mulf %v, %v : f32
    scf.reduce(%w : f32) {
    ^bb0(%p: f32, %q: f32):
      %r = arith.addf %p, %q : f32
      scf.reduce.return %r : f32
    }
  }) : (index, index, index, f32) -> f32
  memref.store %b, %s[%c1] : memref<2xf32>
  func.return
}

// -----

// Another store in between may be to the same place: the load stays.
// CHECK-LABEL: func.func @aliased
// CHECK: memref.store %{{.*}}, %y[%[[I:.*]]]
// CHECK-NEXT: memref.store %{{.*}}, %y[%c0]
// CHECK-NEXT: memref.load %y[%[[I]]]
func.func @aliased(%x: memref<?xf32>, %y: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    %v = memref.load %x[%i] : memref<?xf32>
    memref.store %v, %y[%i] : memref<?xf32>
    memref.store %v, %y[%c0] : memref<?xf32>
    %u = memref.load %y[%i] : memref<?xf32>
    memref.store %u, %x[%i] : memref<?xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  func.return
}

// -----

// Ordered loops that carry no value fuse as well, and then what is inside: each row is read once.
// CHECK-LABEL: func.func @columns
// CHECK: scf.for %[[K:.*]] = %c0 to %m step %c1 {
// CHECK-NEXT: "scf.parallel"(%c0, %n, %c1)
// CHECK: %[[X:.*]] = memref.load %x[%[[K]], %[[J:.*]]]
// CHECK: arith.addf %{{.*}}, %[[X]]
// CHECK: memref.store %{{.*}}, %s[%[[J]]]
// CHECK-NOT: memref.load %x
// CHECK: arith.maximumf %{{.*}}, %[[X]]
// CHECK: memref.store %{{.*}}, %t[%[[J]]]
// CHECK-NOT: scf.for
// CHECK: func.return
func.func @columns(%x: memref<?x?xf32>, %s: memref<?xf32>, %t: memref<?xf32>, %m: index, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %k = %c0 to %m step %c1 {
    "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
    ^bb0(%j: index):
      %o = memref.load %s[%j] : memref<?xf32>
      %v = memref.load %x[%k, %j] : memref<?x?xf32>
      %w = arith.addf %o, %v : f32
      memref.store %w, %s[%j] : memref<?xf32>
      scf.reduce
    }) : (index, index, index) -> ()
  }
  scf.for %k = %c0 to %m step %c1 {
    "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
    ^bb0(%j: index):
      %o = memref.load %t[%j] : memref<?xf32>
      %v = memref.load %x[%k, %j] : memref<?x?xf32>
      %w = arith.maximumf %o, %v : f32
      memref.store %w, %t[%j] : memref<?xf32>
      scf.reduce
    }) : (index, index, index) -> ()
  }
  func.return
}

// -----

// The second needs the whole column that the first sums up: they stay apart.
// CHECK-LABEL: func.func @columns_apart
// CHECK-COUNT-2: scf.for
func.func @columns_apart(%x: memref<?xf32>, %s: memref<1xf32>, %t: memref<1xf32>, %m: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  scf.for %k = %c0 to %m step %c1 {
    %o = memref.load %s[%c0] : memref<1xf32>
    %v = memref.load %x[%k] : memref<?xf32>
    %w = arith.addf %o, %v : f32
    memref.store %w, %s[%c0] : memref<1xf32>
  }
  scf.for %k = %c0 to %m step %c1 {
    %o = memref.load %t[%c0] : memref<1xf32>
    %v = memref.load %s[%c0] : memref<1xf32>
    %w = arith.addf %o, %v : f32
    memref.store %w, %t[%c0] : memref<1xf32>
  }
  func.return
}

// -----

// What is stored at one place twice is stored once, unless somebody may read it in between.
// CHECK-LABEL: func.func @overwritten
// CHECK: %[[V:.*]] = memref.load %x[%[[I:.*]]]
// CHECK-NEXT: memref.store %[[V]], %y[%[[I]]]
// CHECK-NEXT: %[[U:.*]] = memref.load %y[%c0]
// CHECK-NEXT: memref.store %[[U]], %y[%[[I]]]
// CHECK-NEXT: memref.store %[[U]], %z[%[[I]]]
// CHECK-NEXT: scf.reduce
func.func @overwritten(%x: memref<?xf32>, %y: memref<?xf32>, %z: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    %v = memref.load %x[%i] : memref<?xf32>
    memref.store %v, %y[%i] : memref<?xf32>
    %u = memref.load %y[%c0] : memref<?xf32>
    memref.store %u, %y[%i] : memref<?xf32>
    memref.store %v, %z[%i] : memref<?xf32>
    memref.store %u, %z[%i] : memref<?xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  func.return
}

// What has to run before a loop that is fused brings along what reads the memory that it writes.
// CHECK-LABEL: func.func @order
// CHECK: memref.store %{{.*}}, %b[
// CHECK: memref.store %{{.*}}, %a[
// CHECK: memref.store %{{.*}}, %y[
// CHECK: memref.store %{{.*}}, %z[
func.func @order(%x: memref<?xf32>, %a: memref<4xf32>, %b: memref<4xf32>, %y: memref<?xf32>, %z: memref<?xf32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c4 = arith.constant 4 : index
  %five = arith.constant 5.0 : f32
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    %v = memref.load %x[%i] : memref<?xf32>
    memref.store %v, %y[%i] : memref<?xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  "scf.parallel"(%c0, %c4, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    %v = memref.load %a[%i] : memref<4xf32>
    memref.store %v, %b[%i] : memref<4xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  "scf.parallel"(%c0, %c3, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    memref.store %five, %a[%i] : memref<4xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    %v = memref.load %a[%c0] : memref<4xf32>
    memref.store %v, %z[%i] : memref<?xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  func.return
}
