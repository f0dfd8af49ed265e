// RUN: agentc-opt %s -p lower-linalg-ext | filecheck %s

// An ordered loop that carries the state. Backward it begins at the last byte.
// CHECK-LABEL: func.func @backward
// CHECK: %[[LAST:.*]] = arith.subi %{{.*}}, %{{.*}} : index
// CHECK: scf.for %[[I:.*]] = %{{.*}} to %{{.*}} step %{{.*}} iter_args(%[[STATE:.*]] = %{{.*}}) -> (index) {
// CHECK-NEXT: %[[AT:.*]] = arith.subi %[[LAST]], %[[I]] : index
// CHECK-NEXT: %[[BYTE:.*]] = memref.load %text[%[[AT]]] : memref<?xi8>
// CHECK: %[[NEXT:.*]] = memref.load %table[%[[STATE]], %{{.*}}] : memref<3x256xi8>
// CHECK: memref.store %[[NEXT]], %states[%[[AT]]] : memref<?xi8>
// CHECK: %[[KNOWN:.*]] = arith.cmpi slt, %[[FOUND:.*]], %{{.*}} : index
// CHECK-NEXT: %[[GO:.*]] = arith.select %[[KNOWN]], %[[FOUND]], %{{.*}} : index
// CHECK-NEXT: scf.yield %[[GO]] : index
func.func @backward(%text: memref<?xi8>, %table: memref<3x256xi8>, %states: memref<?xi8>) attributes {agentc.dims = [["n"], [3 : i64, 256 : i64], ["n"]]} {
  linalg_ext.automaton ins(%text, %table : memref<?xi8>, memref<3x256xi8>) outs(%states : memref<?xi8>) {backward}
  func.return
}

// Rows are independent: parallel around it.
// CHECK-LABEL: func.func @rows
// CHECK: "scf.parallel"
// CHECK: scf.for
func.func @rows(%text: memref<?x?xi8>, %table: memref<3x256xi8>, %states: memref<?x?xi8>) attributes {agentc.dims = [["m", "n"], [3 : i64, 256 : i64], ["m", "n"]]} {
  linalg_ext.automaton ins(%text, %table : memref<?x?xi8>, memref<3x256xi8>) outs(%states : memref<?x?xi8>)
  func.return
}
