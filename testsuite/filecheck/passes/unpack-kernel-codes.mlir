// RUN: agentc-opt %s -p unpack-kernel-codes | filecheck %s

// Low halves of bytes times numbers that all rows share: those are laid out first, in the order of the bytes of words.
// CHECK-LABEL: func.func @rows
// CHECK: %[[STEPS:.*]] = arith.floordivsi %g, %{{.*}} : index
// CHECK: %[[LAID:.*]] = memref.alloc(%[[STEPS]]) {alignment = 64 : i64, agentc.dims = {{\[\[}}"g//4", 4 : i64, 16 : i64]]}
// CHECK: "scf.parallel"(%{{.*}}, %[[STEPS]], %{{.*}})
// CHECK-NEXT: ^bb0(%[[P:.*]]: index):
// CHECK-COUNT-4: memref.store %{{.*}}, %[[LAID]][%[[P]], %{{.*}}, %{{.*}}]
// CHECK: "scf.parallel"(
// CHECK-NEXT: ^bb0(%[[ROW:.*]]: index):
// CHECK: %[[SUM:.*]] = scf.for %[[STEP:.*]] = %{{.*}} to %[[STEPS]] step %{{.*}} iter_args(%[[OLD:.*]] = %{{.*}}) -> (vector<16xf32>)
// CHECK-NEXT: %[[FIRST:.*]] = arith.muli %[[STEP]]
// CHECK-NEXT: %[[BYTES:.*]] = vector.load %codes[%[[ROW]], %[[FIRST]], %{{.*}}] : memref<?x?x16xi8>, vector<4x16xi8>
// CHECK-NEXT: %[[WORDS:.*]] = vector_ext.words %[[BYTES]] : vector<4x16xi8> to vector<16xi32>
// CHECK-NEXT: vector_ext.field %[[WORDS]] at 0 bits 4 plus -8
// CHECK-NEXT: vector.load %[[LAID]][%[[STEP]], %{{.*}}, %{{.*}}] : memref<?x4x16xf32>, vector<16xf32>
// CHECK: vector_ext.field %[[WORDS]] at 8 bits 4 plus -8
// CHECK: vector_ext.field %[[WORDS]] at 16 bits 4 plus -8
// CHECK: vector_ext.field %[[WORDS]] at 24 bits 4 plus -8
// The scale of a group waits until its sum is there.
// CHECK: %[[FEW:.*]] = vector.load %scale[%[[ROW]], %[[FIRST]]] : memref<?x?xf32>, vector<4xf32>
// CHECK-NEXT: %[[MANY:.*]] = vector.shuffle %[[FEW]], %[[FEW]] [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]
// CHECK-NEXT: %[[SCALED:.*]] = arith.mulf %{{.*}}, %[[MANY]]
// CHECK-NEXT: %[[NEW:.*]] = arith.addf %[[OLD]], %[[SCALED]]
// CHECK-NEXT: scf.yield %[[NEW]]
// CHECK: vector.reduction <add>, %[[SUM]]
// Up to three groups are left.
// CHECK: scf.if %{{.*}} -> (f32)
// CHECK: memref.load %codes
// CHECK: memref.dealloc %[[LAID]]
func.func @rows(%codes: memref<?x?x16xi8>, %scale: memref<?x?xf32>, %x: memref<?x16xf32>, %out: memref<?xf32>) attributes {agentc.dims = [["m", "g", 16 : i64], ["m", "g"], ["g", 16 : i64], ["m"]], agentc.outputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0.0 : f32
  %m = memref.dim %codes, %c0 : memref<?x?x16xi8>
  %n = memref.dim %codes, %c1 : memref<?x?x16xi8>
  "scf.parallel"(%c0, %m, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%row: index):
    %s = "scf.parallel"(%c0, %n, %c1, %zero) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
    ^bb1(%g: index):
      %f = memref.load %scale[%row, %g] : memref<?x?xf32>
      %r = "scf.parallel"(%c0, %c16, %c1, %zero) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
      ^bb2(%i: index):
        %byte = memref.load %codes[%row, %g, %i] : memref<?x?x16xi8>
        %fifteen = arith.constant 15 : i8
        %low = arith.andi %byte, %fifteen : i8
        %code = arith.uitofp %low : i8 to f32
        %eight = arith.constant 8.0 : f32
        %about = arith.subf %code, %eight fastmath<reassoc,contract> : f32
        %y = memref.load %x[%g, %i] : memref<?x16xf32>
        %p = arith.mulf %about, %y fastmath<reassoc,contract> : f32
        %v = arith.mulf %p, %f fastmath<reassoc,contract> : f32
        scf.reduce(%v : f32) {
        ^bb3(%a: f32, %b: f32):
          %t = arith.addf %a, %b fastmath<reassoc,contract> : f32
          scf.reduce.return %t : f32
        }
      }) : (index, index, index, f32) -> f32
      scf.reduce(%r : f32) {
      ^bb4(%a: f32, %b: f32):
        %t = arith.addf %a, %b fastmath<reassoc,contract> : f32
        scf.reduce.return %t : f32
      }
    }) : (index, index, index, f32) -> f32
    memref.store %s, %out[%row] : memref<?xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  func.return
}

// As many groups as fill vectors, high halves, nothing that rows share: nothing is laid out and nothing is left.
// CHECK-LABEL: func.func @whole
// CHECK-NOT: memref.alloc
// CHECK: vector_ext.field %{{.*}} at 4 bits 4 plus 0
// CHECK-NOT: scf.if
// CHECK: func.return
func.func @whole(%codes: memref<3x8x16xi8>, %out: memref<3xf32>) attributes {agentc.dims = [[3 : i64, 8 : i64, 16 : i64], [3 : i64]], agentc.outputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0.0 : f32
  "scf.parallel"(%c0, %c3, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%row: index):
    %s = "scf.parallel"(%c0, %c8, %c1, %zero) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
    ^bb1(%g: index):
      %r = "scf.parallel"(%c0, %c16, %c1, %zero) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
      ^bb2(%i: index):
        %byte = memref.load %codes[%row, %g, %i] : memref<3x8x16xi8>
        %four = arith.constant 4 : i8
        %high = arith.shrui %byte, %four : i8
        %code = arith.uitofp %high : i8 to f32
        scf.reduce(%code : f32) {
        ^bb3(%a: f32, %b: f32):
          %t = arith.addf %a, %b fastmath<reassoc> : f32
          scf.reduce.return %t : f32
        }
      }) : (index, index, index, f32) -> f32
      scf.reduce(%r : f32) {
      ^bb4(%a: f32, %b: f32):
        %t = arith.addf %a, %b fastmath<reassoc> : f32
        scf.reduce.return %t : f32
      }
    }) : (index, index, index, f32) -> f32
    memref.store %s, %out[%row] : memref<3xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  func.return
}

// Whole bytes are converted as they are.
// CHECK-LABEL: func.func @bytes
// CHECK-NOT: vector
func.func @bytes(%codes: memref<3x8x16xi8>, %out: memref<3xf32>) attributes {agentc.dims = [[3 : i64, 8 : i64, 16 : i64], [3 : i64]], agentc.outputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c3 = arith.constant 3 : index
  %c8 = arith.constant 8 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0.0 : f32
  "scf.parallel"(%c0, %c3, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%row: index):
    %s = "scf.parallel"(%c0, %c8, %c1, %zero) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
    ^bb1(%g: index):
      %r = "scf.parallel"(%c0, %c16, %c1, %zero) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
      ^bb2(%i: index):
        %byte = memref.load %codes[%row, %g, %i] : memref<3x8x16xi8>
        %code = arith.uitofp %byte : i8 to f32
        scf.reduce(%code : f32) {
        ^bb3(%a: f32, %b: f32):
          %t = arith.addf %a, %b fastmath<reassoc> : f32
          scf.reduce.return %t : f32
        }
      }) : (index, index, index, f32) -> f32
      scf.reduce(%r : f32) {
      ^bb4(%a: f32, %b: f32):
        %t = arith.addf %a, %b fastmath<reassoc> : f32
        scf.reduce.return %t : f32
      }
    }) : (index, index, index, f32) -> f32
    memref.store %s, %out[%row] : memref<3xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  func.return
}

// A batch inside out: rows of codes outside, two of them and four rows of x at once, then what is left one by one. Codes
// with a sign lie one group after the other; their highest bit is turned over in all bytes at once.
// CHECK-LABEL: func.func @batch
// CHECK: %[[LAID:.*]] = memref.alloc(%b, %{{.*}}) {alignment = 64 : i64, agentc.dims = {{\[\[}}"b", "g//4", 4 : i64, 16 : i64]]}
// CHECK: "scf.parallel"(%{{.*}}, %[[PAIRS:.*]], %{{.*}})
// CHECK-NEXT: ^bb0(%[[PAIR:.*]]: index):
// CHECK: %[[FULL:.*]] = arith.select
// CHECK: scf.for %[[B:.*]] = %{{.*}} to %[[FULL]] step %{{.*}} {
// CHECK: %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}} = scf.for
// CHECK: %[[BYTES:.*]] = vector.load %codes[%{{.*}}, %{{.*}}] : memref<?x?xi8>, vector<64xi8>
// CHECK-NEXT: %[[WORDS:.*]] = vector_ext.words %[[BYTES]]
// CHECK-NEXT: %[[MASK:.*]] = arith.constant 134744072 : i32
// CHECK-NEXT: %[[MASKS:.*]] = vector.broadcast %[[MASK]]
// CHECK-NEXT: %[[TURNED:.*]] = arith.xori %[[WORDS]], %[[MASKS]]
// CHECK-NEXT: vector_ext.field %[[TURNED]] at 0 bits 4 plus -8
// CHECK-COUNT-4: vector.load %[[LAID]]
// CHECK: vector_ext.words
// CHECK-COUNT-8: memref.store %{{.*}}, %out
// CHECK: scf.for %[[ROW:.*]] = %{{.*}} to
// CHECK-NEXT: scf.for %[[ONE:.*]] = %[[FULL]] to %b
// CHECK: vector_ext.words
// CHECK: memref.store %{{.*}}, %out[%[[ONE]], %[[ROW]]]
func.func @batch(%codes: memref<?x?xi8>, %x: memref<?x?xf32>, %groups: memref<?xf32>, %out: memref<?x?xf32>) attributes {agentc.dims = [["m", "16*g"], ["b", "16*g"], ["g"], ["b", "m"]], agentc.outputs = 1 : i64} {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c16 = arith.constant 16 : index
  %zero = arith.constant 0.0 : f32
  %b = memref.dim %x, %c0 : memref<?x?xf32>
  %m = memref.dim %codes, %c0 : memref<?x?xi8>
  %g = memref.dim %groups, %c0 : memref<?xf32>
  "scf.parallel"(%c0, %b, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%one: index):
    "scf.parallel"(%c0, %m, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
    ^bb1(%row: index):
      %s = "scf.parallel"(%c0, %g, %c1, %zero) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
      ^bb2(%group: index):
        %r = "scf.parallel"(%c0, %c16, %c1, %zero) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
        ^bb3(%i: index):
          %start = arith.muli %group, %c16 : index
          %place = arith.addi %start, %i : index
          %byte = memref.load %codes[%row, %place] : memref<?x?xi8>
          %four = arith.constant 4 : i8
          %up = arith.shli %byte, %four : i8
          %low = arith.shrsi %up, %four : i8
          %code = arith.sitofp %low : i8 to f32
          %y = memref.load %x[%one, %place] : memref<?x?xf32>
          %p = arith.mulf %code, %y fastmath<reassoc> : f32
          scf.reduce(%p : f32) {
          ^bb4(%a: f32, %c: f32):
            %t = arith.addf %a, %c fastmath<reassoc> : f32
            scf.reduce.return %t : f32
          }
        }) : (index, index, index, f32) -> f32
        scf.reduce(%r : f32) {
        ^bb5(%a: f32, %c: f32):
          %t = arith.addf %a, %c fastmath<reassoc> : f32
          scf.reduce.return %t : f32
        }
      }) : (index, index, index, f32) -> f32
      memref.store %s, %out[%one, %row] : memref<?x?xf32>
      scf.reduce
    }) : (index, index, index) -> ()
    scf.reduce
  }) : (index, index, index) -> ()
  func.return
}
