// RUN: AGENTC_ROUNDTRIP
// RUN: agentc-opt %s --print-op-generic --split-input-file | filecheck %s --check-prefix=CHECK-GENERIC
// RUN: agentc-opt %s --split-input-file -p cse | filecheck %s --check-prefix=CHECK-CSE
// RUN: not agentc-opt %s -p no-such-pass 2>&1 | filecheck %s --check-prefix=CHECK-UNKNOWN

// agentc-opt knows upstream dialects and passes beside its own.

// CHECK-LABEL: func.func @twice
// CHECK-NEXT:    %{{.*}} = arith.addi %{{.*}}, %{{.*}} : i32
// CHECK-GENERIC: "func.func"() <{sym_name = "twice"
// CHECK-CSE:      %[[SUM:.*]] = arith.addi
// CHECK-CSE-NEXT: func.return %[[SUM]], %[[SUM]] : i32, i32
// CHECK-UNKNOWN: Unrecognized passes: ['no-such-pass']
func.func @twice(%a : i32, %b : i32) -> (i32, i32) {
  %x = arith.addi %a, %b : i32
  %y = arith.addi %a, %b : i32
  func.return %x, %y : i32, i32
}
