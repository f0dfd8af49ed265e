// RUN: agentc-opt %s -p shorten-kernel-buffers --split-input-file | filecheck %s

// CHECK-LABEL: func.func @k
// CHECK: %[[S:.*]] = memref.alloc(%n)
// CHECK-NEXT: func.call @first(%[[S]])
// CHECK-NEXT: %[[T:.*]] = memref.alloc()
// CHECK-NEXT: func.call @both(%[[S]], %[[T]])
// CHECK-NEXT: memref.dealloc %[[S]]
// CHECK-NEXT: func.call @last(%[[T]])
// CHECK-NEXT: memref.dealloc %[[T]]
// CHECK-NEXT: func.return
func.func @k(%n: index) {
  %t = memref.alloc() : memref<256xi8>
  %s = memref.alloc(%n) : memref<?xf32>
  func.call @first(%s) : (memref<?xf32>) -> ()
  func.call @both(%s, %t) : (memref<?xf32>, memref<256xi8>) -> ()
  func.call @last(%t) : (memref<256xi8>) -> ()
  memref.dealloc %s : memref<?xf32>
  memref.dealloc %t : memref<256xi8>
  func.return
}
func.func private @first(memref<?xf32>)
func.func private @both(memref<?xf32>, memref<256xi8>)
func.func private @last(memref<256xi8>)

// -----

// Memory that nobody frees, or that is used inside of a loop only, is no other matter.
// CHECK-LABEL: func.func @inside
// CHECK: %[[T:.*]] = memref.alloc()
// CHECK-NEXT: "scf.parallel"
// CHECK: memref.dealloc %[[T]]
// CHECK-NEXT: func.call @other()
func.func @inside(%n: index, %v: f32) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %t = memref.alloc() : memref<1xf32>
  func.call @other() : () -> ()
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    memref.store %v, %t[%c0] : memref<1xf32>
    scf.reduce
  }) : (index, index, index) -> ()
  func.call @other() : () -> ()
  memref.dealloc %t : memref<1xf32>
  func.return
}
func.func private @other()
