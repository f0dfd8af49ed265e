// RUN: agentc-opt %s -p plan-kernel-arena --split-input-file | filecheck %s

// Two that are never alive at once begin at the same byte, and a third, alive with both, lies above whichever is longer.
// CHECK-LABEL: func.func @k
// CHECK: %[[ZERO:.*]] = arith.constant 0 : index
// CHECK-NEXT: %[[FOUR:.*]] = arith.constant 4 : index
// CHECK-NEXT: %[[BYTES:.*]] = arith.muli %[[FOUR]], %n : index
// CHECK-NEXT: %[[MORE:.*]] = arith.constant 63 : index
// CHECK-NEXT: %[[PADDED:.*]] = arith.addi %[[BYTES]], %[[MORE]] : index
// CHECK-NEXT: %[[LINE:.*]] = arith.constant -64 : index
// CHECK-NEXT: %[[S_END:.*]] = arith.andi %[[PADDED]], %[[LINE]] : index
// CHECK: %[[T_END:.*]] = arith.andi
// CHECK-NEXT: %[[ABOVE:.*]] = arith.maxsi %[[S_END]], %[[T_END]] : index
// CHECK-NEXT: %[[LAST:.*]] = arith.constant 256 : index
// CHECK-NEXT: %[[END:.*]] = arith.addi %[[ABOVE]], %[[LAST]] : index
// CHECK-NEXT: %[[ARENA:.*]] = memref.alloc(%[[END]]) {alignment = 64 : i64} : memref<?xi8>
// CHECK-NEXT: %[[S:.*]] = memref.view %[[ARENA]][%[[ZERO]]][%n] {agentc.dims = {{.*}}} : memref<?xi8> to memref<?xf32>
// CHECK-NEXT: %[[T:.*]] = memref.view %[[ARENA]][%[[ZERO]]][%m] {agentc.dims = {{.*}}} : memref<?xi8> to memref<?xi8>
// CHECK-NEXT: %[[U:.*]] = memref.view %[[ARENA]][%[[ABOVE]]][] {agentc.dims = {{.*}}} : memref<?xi8> to memref<8x4xi64>
// CHECK-NEXT: func.call @both(%[[S]], %[[U]])
// CHECK-NEXT: func.call @last(%[[T]], %[[U]])
// CHECK-NEXT: memref.dealloc %[[ARENA]]
// CHECK-NEXT: func.return
func.func @k(%n: index, %m: index) attributes {agentc.outputs = 0 : i64} {
  %s = memref.alloc(%n) {agentc.dims = [["n"]]} : memref<?xf32>
  %u = memref.alloc() {agentc.dims = [[8, 4]]} : memref<8x4xi64>
  func.call @both(%s, %u) : (memref<?xf32>, memref<8x4xi64>) -> ()
  memref.dealloc %s : memref<?xf32>
  %t = memref.alloc(%m) {agentc.dims = [["m"]]} : memref<?xi8>
  func.call @last(%t, %u) : (memref<?xi8>, memref<8x4xi64>) -> ()
  memref.dealloc %t : memref<?xi8>
  memref.dealloc %u : memref<8x4xi64>
  func.return
}
func.func private @both(memref<?xf32>, memref<8x4xi64>)
func.func private @last(memref<?xi8>, memref<8x4xi64>)

// -----

// One temporary is an arena already. A size that is computed later is computed earlier, where there are two.
// CHECK-LABEL: func.func @one
// CHECK: memref.alloc() {{.*}} : memref<1xf32>
// CHECK-NOT: memref.view
func.func @one() attributes {agentc.outputs = 0 : i64} {
  %s = memref.alloc() {agentc.dims = [[1]]} : memref<1xf32>
  func.call @first(%s) : (memref<1xf32>) -> ()
  memref.dealloc %s : memref<1xf32>
  func.return
}
// CHECK-LABEL: func.func @later
// CHECK: %[[TWICE:.*]] = arith.addi %n, %n : index
// CHECK-NEXT: %[[M:.*]] = arith.muli %[[TWICE]], %n : index
// CHECK: %[[ARENA:.*]] = memref.alloc(%{{.*}}) {alignment = 64 : i64} : memref<?xi8>
// CHECK: memref.view %[[ARENA]][%{{.*}}][%[[M]]]
// CHECK: func.call @first
// CHECK-NEXT: func.call @second
// CHECK-NEXT: memref.dealloc %[[ARENA]]
func.func @later(%n: index) attributes {agentc.outputs = 0 : i64} {
  %s = memref.alloc() {agentc.dims = [[1]]} : memref<1xf32>
  func.call @first(%s) : (memref<1xf32>) -> ()
  memref.dealloc %s : memref<1xf32>
  %twice = arith.addi %n, %n : index
  %m = arith.muli %twice, %n : index
  %t = memref.alloc(%m) {agentc.dims = [["2*n*n"]]} : memref<?xi8>
  func.call @second(%t) : (memref<?xi8>) -> ()
  memref.dealloc %t : memref<?xi8>
  func.return
}
func.func private @first(memref<1xf32>)
func.func private @second(memref<?xi8>)
