// RUN: agentc-opt %s | agentc-opt | filecheck %s
// RUN: agentc-opt %s --print-op-generic | agentc-opt | filecheck %s

%x, %e, %p, %f = "test.op"() : () -> (tensor<?x9xf32>, tensor<?x9xf32>, tensor<?x9xi64>, tensor<?x9xi64>)
%v, %i, %rows, %m = "test.op"() : () -> (tensor<?x3xf32>, tensor<?x3xi64>, tensor<?xi64>, memref<4x9xf32>)

// CHECK: %{{.*}}, %{{.*}} = linalg_ext.sort "signed" ins(%x, %p : tensor<?x9xf32>, tensor<?x9xi64>) outs(%e, %f : tensor<?x9xf32>, tensor<?x9xi64>) -> tensor<?x9xf32>, tensor<?x9xi64>
%s:2 = linalg_ext.sort "signed" ins(%x, %p : tensor<?x9xf32>, tensor<?x9xi64>) outs(%e, %f : tensor<?x9xf32>, tensor<?x9xi64>) -> tensor<?x9xf32>, tensor<?x9xi64>
// CHECK: linalg_ext.top_k "signed" ins(%x : tensor<?x9xf32>) outs(%v, %i : tensor<?x3xf32>, tensor<?x3xi64>) -> tensor<?x3xf32>, tensor<?x3xi64>
%t:2 = linalg_ext.top_k "signed" ins(%x : tensor<?x9xf32>) outs(%v, %i : tensor<?x3xf32>, tensor<?x3xi64>) -> tensor<?x3xf32>, tensor<?x3xi64>
// CHECK: linalg_ext.scan "add" "signed" ins(%x : tensor<?x9xf32>) outs(%e : tensor<?x9xf32>) -> tensor<?x9xf32>
%c = linalg_ext.scan "add" "signed" ins(%x : tensor<?x9xf32>) outs(%e : tensor<?x9xf32>) -> tensor<?x9xf32>
// CHECK: linalg_ext.scatter "max" "unsigned" ins(%x, %rows : tensor<?x9xf32>, tensor<?xi64>) outs(%e : tensor<?x9xf32>) -> tensor<?x9xf32>
%d = linalg_ext.scatter "max" "unsigned" ins(%x, %rows : tensor<?x9xf32>, tensor<?xi64>) outs(%e : tensor<?x9xf32>) -> tensor<?x9xf32>
// CHECK: linalg_ext.scan "max" "signed" ins(%m : memref<4x9xf32>) outs(%m : memref<4x9xf32>)
linalg_ext.scan "max" "signed" ins(%m : memref<4x9xf32>) outs(%m : memref<4x9xf32>)

%text, %table, %states = "test.op"() : () -> (tensor<?xi8>, tensor<4x256xi8>, tensor<?xi8>)
// CHECK: linalg_ext.automaton ins(%text, %table : tensor<?xi8>, tensor<4x256xi8>) outs(%states : tensor<?xi8>) {backward} -> tensor<?xi8>
%a = linalg_ext.automaton ins(%text, %table : tensor<?xi8>, tensor<4x256xi8>) outs(%states : tensor<?xi8>) {backward} -> tensor<?xi8>
%waves, %bins = "test.op"() : () -> (tensor<?x40xf32>, tensor<?x21xf32>)
// CHECK: linalg_ext.fourier ins(%waves : tensor<?x40xf32>) outs(%bins, %bins : tensor<?x21xf32>, tensor<?x21xf32>) -> tensor<?x21xf32>, tensor<?x21xf32>
%q:2 = linalg_ext.fourier ins(%waves : tensor<?x40xf32>) outs(%bins, %bins : tensor<?x21xf32>, tensor<?x21xf32>) -> tensor<?x21xf32>, tensor<?x21xf32>
