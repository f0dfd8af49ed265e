// RUN: agentc-opt %s -p merge-kernel-phases --split-input-file | filecheck %s

// Two phases that do the same to other memory are one function; what it is from is what both were from.
// CHECK-LABEL: func.func @k
// CHECK: func.call @k_p0(%x, %s)
// CHECK-NEXT: func.call @k_p0(%y, %t)
// CHECK: func.func @k_p0(%a: memref<?xf32>, %b: memref<f32>)
// CHECK-SAME: agent.source = ["k.py:1:1", "k.py:2:1"]
// CHECK-NOT: func.func @k_p1
func.func @k(%x: memref<?xf32>, %y: memref<?xf32>, %s: memref<f32>, %t: memref<f32>) attributes {agentc.outputs = 2 : i64} {
  func.call @k_p0(%x, %s) : (memref<?xf32>, memref<f32>) -> ()
  func.call @k_p1(%y, %t) : (memref<?xf32>, memref<f32>) -> ()
  func.return
}
func.func @k_p0(%a: memref<?xf32>, %b: memref<f32>) attributes {agentc.phase = "serial", agentc.names = ["a", "b"], agentc.dims = [["n"], []], agent.source = "k.py:1:1"} {
  %c0 = arith.constant 0 : index
  %v = memref.load %a[%c0] : memref<?xf32>
  memref.store %v, %b[] : memref<f32>
  func.return
}
func.func @k_p1(%c: memref<?xf32>, %d: memref<f32>) attributes {agentc.phase = "serial", agentc.names = ["c", "d"], agentc.dims = [["n"], []], agent.source = "k.py:2:1"} {
  %c0 = arith.constant 0 : index
  %v = memref.load %c[%c0] : memref<?xf32>
  memref.store %v, %d[] : memref<f32>
  func.return
}

// -----

// What differs stays: here by a number, by the order of operands, by a size, and by how rows are cut.
// CHECK-LABEL: func.func @number_p0
// CHECK: func.func @number_p1
func.func @number_p0(%b: memref<f32>) attributes {agentc.phase = "serial", agentc.dims = [[]]} {
  %v = arith.constant 1.0 : f32
  memref.store %v, %b[] : memref<f32>
  func.return
}
func.func @number_p1(%b: memref<f32>) attributes {agentc.phase = "serial", agentc.dims = [[]]} {
  %v = arith.constant 2.0 : f32
  memref.store %v, %b[] : memref<f32>
  func.return
}
// CHECK: func.func @order_p0
// CHECK: func.func @order_p1
func.func @order_p0(%a: memref<f32>, %b: memref<f32>) attributes {agentc.phase = "serial", agentc.dims = [[], []]} {
  %v = memref.load %a[] : memref<f32>
  memref.store %v, %b[] : memref<f32>
  func.return
}
func.func @order_p1(%a: memref<f32>, %b: memref<f32>) attributes {agentc.phase = "serial", agentc.dims = [[], []]} {
  %v = memref.load %b[] : memref<f32>
  memref.store %v, %a[] : memref<f32>
  func.return
}
// CHECK: func.func @size_p0
// CHECK: func.func @size_p1
func.func @size_p0(%a: memref<?xf32>) attributes {agentc.phase = "serial", agentc.dims = [["n"]]} {
  func.return
}
func.func @size_p1(%a: memref<?xf32>) attributes {agentc.phase = "serial", agentc.dims = [["m"]]} {
  func.return
}
// CHECK: func.func @rows_p0
// CHECK: func.func @rows_p1
func.func @rows_p0(%a: memref<?xf32>, %low: index, %high: index) attributes {agentc.phase = "rows", agentc.rows = ["n"], agentc.dims = [["n"]]} {
  func.return
}
func.func @rows_p1(%a: memref<?xf32>, %low: index, %high: index) attributes {agentc.phase = "rows", agentc.rows = ["n // 2"], agentc.dims = [["n"]]} {
  func.return
}

// -----

// Functions that are no phases are somebody's.
// CHECK-LABEL: func.func @first
// CHECK: func.func @second
func.func @first(%b: memref<f32>) {
  func.return
}
func.func @second(%b: memref<f32>) {
  func.return
}
