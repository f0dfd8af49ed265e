// RUN: agentc-opt %s -p simplify-kernels --split-input-file | filecheck %s

// Known numbers are folded, through several ops; what is left over is gone.
// CHECK-LABEL: func.func @known
// CHECK-NEXT: %[[R:.*]] = arith.constant 7 : index
// CHECK-NEXT: func.return %[[R]]
func.func @known() -> index {
  %c2 = arith.constant 2 : index
  %c3 = arith.constant 3 : index
  %c1 = arith.constant 1 : index
  %six = arith.muli %c2, %c3 : index
  %seven = arith.addi %six, %c1 : index
  %unused = arith.addi %seven, %c1 : index
  func.return %seven : index
}

// -----

// Patterns apply, too: adding zero is nothing.
// CHECK-LABEL: func.func @zero
// CHECK-NEXT: func.return %n
func.func @zero(%n: index) -> index {
  %c0 = arith.constant 0 : index
  %same = arith.addi %n, %c0 : index
  func.return %same : index
}

// -----

// Inside of regions as well; what has an effect stays, though nobody takes its result.
// CHECK-LABEL: func.func @inside
// CHECK: func.call @effect() : () -> index
// CHECK: "scf.parallel"
// CHECK-NOT: arith.addi
// CHECK: memref.store %{{.*}}, %m[%{{.*}}]
func.func @inside(%m: memref<?xindex>, %n: index) {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %e = func.call @effect() : () -> index
  "scf.parallel"(%c0, %n, %c1) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
  ^bb0(%i: index):
    %j = arith.addi %i, %c0 : index
    memref.store %j, %m[%i] : memref<?xindex>
    scf.reduce
  }) : (index, index, index) -> ()
  func.return
}
func.func private @effect() -> index
