// RUN: agentc-opt %s -p cut-automata | filecheck %s

// The first state of each piece, from the window before it; those in doubt, in order; eight pieces at once; the rest.
// CHECK-LABEL: func.func @long
// CHECK: %[[FIRST:.*]] = memref.alloc(%{{.*}}) {alignment = 64 : i64, agentc.dims = {{\[\[}}"8*(n//67072)"]]}
// CHECK: "scf.parallel"(
// CHECK: scf.for
// CHECK: memref.store %{{.*}}, %[[FIRST]]
// CHECK: scf.for
// CHECK: scf.if
// CHECK: "scf.parallel"(
// CHECK: scf.for %{{.*}} iter_args(%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}, %{{.*}})
// CHECK: memref.store %{{.*}}, %states
// CHECK: scf.for
// CHECK: memref.store %{{.*}}, %states
func.func @long(%text: memref<?xi8>, %table: memref<13x256xi8>, %states: memref<?xi8>) attributes {agentc.dims = [["n"], [13 : i64, 256 : i64], ["n"]]} {
  linalg_ext.automaton ins(%text, %table : memref<?xi8>, memref<13x256xi8>) outs(%states : memref<?xi8>)
  func.return
}

// Known to be short, or rows of their own: left as they are.
// CHECK-LABEL: func.func @short
// CHECK-NEXT: linalg_ext.automaton
// CHECK-NEXT: linalg_ext.automaton
func.func @short(%text: memref<99xi8>, %rows: memref<?x?xi8>, %table: memref<13x256xi8>, %a: memref<99xi8>, %b: memref<?x?xi8>) {
  linalg_ext.automaton ins(%text, %table : memref<99xi8>, memref<13x256xi8>) outs(%a : memref<99xi8>)
  linalg_ext.automaton ins(%rows, %table : memref<?x?xi8>, memref<13x256xi8>) outs(%b : memref<?x?xi8>)
  func.return
}
