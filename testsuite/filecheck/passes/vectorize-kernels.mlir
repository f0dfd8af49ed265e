// RUN: agentc-opt %s -p vectorize-kernels | filecheck %s

// Sums over short rows, of quantized weights: a vector is carried, its lanes are added once.
// CHECK-LABEL: func.func @groups
// CHECK: %[[ZERO:.*]] = vector.broadcast %zero : f32 to vector<16xf32>
// CHECK: %[[SUM:.*]] = scf.for %[[G:.*]] = %c0 to %n step %c1 iter_args(%[[OLD:.*]] = %[[ZERO]]) -> (vector<16xf32>)
// CHECK: %[[S:.*]] = memref.load %scale[%[[G]]]
// CHECK: vector.load %codes[%[[G]], %{{.*}}] : memref<?x16xi8>, vector<16xi8>
// CHECK: vector_ext.cast "uitofp"
// CHECK: %[[MANY:.*]] = vector.broadcast %[[S]]
// CHECK: %[[V:.*]] = arith.mulf %{{.*}}, %[[MANY]]
// CHECK: %[[NEW:.*]] = arith.addf %[[OLD]], %[[V]]
// CHECK-NEXT: scf.yield %[[NEW]]
// CHECK: vector.reduction <add>, %[[SUM]]
func.func @groups(%codes: memref<?x16xi8>, %scale: memref<?xf32>, %out: memref<f32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0.0 : f32
  %s = "scf.parallel"(%c0, %n, %c1, %zero) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
  ^bb0(%g: index):
    %f = memref.load %scale[%g] : memref<?xf32>
    %r = "scf.parallel"(%c0, %c16, %c1, %zero) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
    ^bb0(%i: index):
      %c = memref.load %codes[%g, %i] : memref<?x16xi8>
      %x = arith.uitofp %c : i8 to f32
      %v = arith.mulf %x, %f fastmath<reassoc> : f32
      scf.reduce(%v : f32) {
      ^bb0(%a: f32, %b: f32):
        %t = arith.addf %a, %b fastmath<reassoc> : f32
        scf.reduce.return %t : f32
      }
    }) : (index, index, index, f32) -> f32
    scf.reduce(%r : f32) {
    ^bb0(%a: f32, %b: f32):
      %t = arith.addf %a, %b fastmath<reassoc> : f32
      scf.reduce.return %t : f32
    }
  }) : (index, index, index, f32) -> f32
  memref.store %s, %out[] : memref<f32>
  func.return
}

// The order of additions is fixed: left as it is.
// CHECK-LABEL: func.func @ordered
// CHECK-NOT: vector
func.func @ordered(%x: memref<?x16xf32>, %out: memref<f32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0.0 : f32
  %s = "scf.parallel"(%c0, %n, %c1, %zero) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
  ^bb0(%g: index):
    %r = "scf.parallel"(%c0, %c16, %c1, %zero) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
    ^bb0(%i: index):
      %v = memref.load %x[%g, %i] : memref<?x16xf32>
      scf.reduce(%v : f32) {
      ^bb0(%a: f32, %b: f32):
        %t = arith.addf %a, %b : f32
        scf.reduce.return %t : f32
      }
    }) : (index, index, index, f32) -> f32
    scf.reduce(%r : f32) {
    ^bb0(%a: f32, %b: f32):
      %t = arith.addf %a, %b : f32
      scf.reduce.return %t : f32
    }
  }) : (index, index, index, f32) -> f32
  memref.store %s, %out[] : memref<f32>
  func.return
}

// Across the rows, in strides: no vector is loaded from there.
// CHECK-LABEL: func.func @strided
// CHECK-NOT: vector
func.func @strided(%x: memref<16x?xf32>, %out: memref<f32>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0.0 : f32
  %s = "scf.parallel"(%c0, %n, %c1, %zero) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
  ^bb0(%g: index):
    %r = "scf.parallel"(%c0, %c16, %c1, %zero) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
    ^bb0(%i: index):
      %v = memref.load %x[%i, %g] : memref<16x?xf32>
      scf.reduce(%v : f32) {
      ^bb0(%a: f32, %b: f32):
        %t = arith.addf %a, %b fastmath<reassoc> : f32
        scf.reduce.return %t : f32
      }
    }) : (index, index, index, f32) -> f32
    scf.reduce(%r : f32) {
    ^bb0(%a: f32, %b: f32):
      %t = arith.addf %a, %b fastmath<reassoc> : f32
      scf.reduce.return %t : f32
    }
  }) : (index, index, index, f32) -> f32
  memref.store %s, %out[] : memref<f32>
  func.return
}
