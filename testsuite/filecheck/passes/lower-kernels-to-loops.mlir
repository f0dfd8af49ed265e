// RUN: agentc-opt %s -p lower-kernels-to-loops | filecheck %s
// RUN: agentc-opt %s -p 'lower-kernels-to-loops{accumulate=register}' | filecheck %s --check-prefix=REGISTER

// Down the columns: in memory, row by row, where there is a cache; each column by itself otherwise.
// CHECK-LABEL: func.func @columns
// CHECK: "scf.parallel"(%{{.*}}, %d, %{{.*}}) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
// CHECK-NEXT: ^bb0(%[[F:.*]]: index):
// CHECK-NEXT: memref.store %zero, %s[%[[F]]]
// CHECK: scf.for %[[I:.*]] = %{{.*}} to %n step
// CHECK-NEXT: "scf.parallel"(%{{.*}}, %d
// CHECK-NEXT: ^bb0(%[[J:.*]]: index):
// CHECK-NEXT: %[[OLD:.*]] = memref.load %s[%[[J]]]
// CHECK-NEXT: %[[X:.*]] = memref.load %x[%[[I]], %[[J]]]
// CHECK-NEXT: %[[NEW:.*]] = arith.addf %[[OLD]], %[[X]]
// CHECK-NEXT: memref.store %[[NEW]], %s[%[[J]]]

// REGISTER-LABEL: func.func @columns
// REGISTER: "scf.parallel"(%{{.*}}, %d, %{{.*}}) <{operandSegmentSizes = array<i32: 1, 1, 1, 0>}> ({
// REGISTER-NEXT: ^bb0(%[[J:.*]]: index):
// REGISTER-NEXT: %[[R:.*]] = "scf.parallel"(%{{.*}}, %n, %{{.*}}, %zero) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
// REGISTER-NEXT: ^bb0(%[[I:.*]]: index):
// REGISTER-NEXT: %[[X:.*]] = memref.load %x[%[[I]], %[[J]]]
// REGISTER-NEXT: scf.reduce(%[[X]] : f32) {
// REGISTER: memref.store %[[R]], %s[%[[J]]]
func.func @columns(%x: memref<?x?xf32>, %s: memref<?xf32>) attributes {agentc.dims = [["n", "d"], ["d"]]} {
  %zero = arith.constant 0.0 : f32
  linalg.fill ins(%zero : f32) outs(%s : memref<?xf32>)
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1)>], iterator_types = ["reduction", "parallel"]} ins(%x : memref<?x?xf32>) outs(%s : memref<?xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %t = arith.addf %acc, %a : f32
    linalg.yield %t : f32
  }
  func.return
}

// Along the rows, always in a register; a reduction that does not start from a fill reads its start.
// CHECK-LABEL: func.func @rows
// CHECK: ^bb0(%[[I:.*]]: index):
// CHECK-NEXT: %[[START:.*]] = memref.load %s[%[[I]]]
// CHECK-NEXT: %[[R:.*]] = "scf.parallel"(%{{.*}}, %{{.*}}, %{{.*}}, %[[START]]) <{operandSegmentSizes = array<i32: 1, 1, 1, 1>}> ({
// CHECK-NEXT: ^bb0(%[[J:.*]]: index):
// CHECK-NEXT: memref.load %x[%[[I]], %[[J]]]
// CHECK: memref.store %[[R]], %s[%[[I]]]
func.func @rows(%x: memref<4x?xf32>, %s: memref<4xf32>) {
  linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%x : memref<4x?xf32>) outs(%s : memref<4xf32>) {
  ^bb0(%a: f32, %acc: f32):
    %t = arith.maximumf %acc, %a : f32
    linalg.yield %t : f32
  }
  func.return
}

// The fill right before is of other memory: it is stored, and the sum goes on from what its own memory holds.
// CHECK-LABEL: func.func @another_start
// CHECK: memref.store %one, %s[]
// CHECK: %[[OLD:.*]] = memref.load %t[]
// CHECK: %[[SUM:.*]] = "scf.parallel"(%{{.*}}, %{{.*}}, %{{.*}}, %[[OLD]])
// CHECK: memref.store %[[SUM]], %t[]
func.func @another_start(%x: memref<?xf32>, %s: memref<f32>, %t: memref<f32>) {
  %one = arith.constant 1.0 : f32
  linalg.fill ins(%one : f32) outs(%s : memref<f32>)
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = ["reduction"]} ins(%x : memref<?xf32>) outs(%t : memref<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %m = arith.addf %acc, %a : f32
    linalg.yield %m : f32
  }
  func.return
}

// What is loaded is from the line that needs it, what is stored from the line that made it; loops from that of the whole.
// CHECK-LABEL: func.func @lines
// CHECK: memref.load %x[%[[I:.*]]] {agent.source = "k.py:2:5"}
// CHECK-NEXT: memref.load %y[%[[I]]] {agent.source = "k.py:3:5"}
// CHECK-NEXT: arith.mulf %{{.*}}, %{{.*}} {agent.source = "k.py:2:5"}
// CHECK-NEXT: arith.addf %{{.*}}, %{{.*}} {agent.source = "k.py:3:5"}
// CHECK-NEXT: memref.store %{{.*}}, %out[%[[I]]] {agent.source = "k.py:3:5"}
// CHECK: }) {agent.source = "k.py:4:1"}
func.func @lines(%x: memref<4xf32>, %y: memref<4xf32>, %out: memref<4xf32>) {
  linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x, %y : memref<4xf32>, memref<4xf32>) outs(%out : memref<4xf32>) attrs = {agent.source = "k.py:4:1"} {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.mulf %a, %a {agent.source = "k.py:2:5"} : f32
    %t = arith.addf %m, %b {agent.source = "k.py:3:5"} : f32
    linalg.yield %t : f32
  }
  func.return
}
