// RUN: agentc-opt %s --verify-diagnostics --parsing-diagnostics --split-input-file | filecheck %s

%x, %m = "test.op"() : () -> (tensor<?x9xf32>, memref<?x9xf32>)
%c = linalg_ext.scan "add" "signed" ins(%m : memref<?x9xf32>) outs(%x : tensor<?x9xf32>) -> tensor<?x9xf32>
// CHECK: operands have an axis and are all tensors, with results, or all memory, without

// -----

%x = "test.op"() : () -> (tensor<?x9xf32>)
%c = linalg_ext.scan "add" "signed" ins(%x : tensor<?x9xf32>) outs(%x : tensor<?x9xf32>) -> tensor<9x9xf32>
// CHECK: results have the types of the outputs

// -----

%x = "test.op"() : () -> (tensor<?x9xf32>)
%c = linalg_ext.scan "median" "signed" ins(%x : tensor<?x9xf32>) outs(%x : tensor<?x9xf32>) -> tensor<?x9xf32>
// CHECK: "median" is none of add, mul, max, min

// -----

%x, %y = "test.op"() : () -> (tensor<?x9xf32>, tensor<?x8xf32>)
%c = linalg_ext.scan "add" "signed" ins(%x : tensor<?x9xf32>) outs(%y : tensor<?x8xf32>) -> tensor<?x8xf32>
// CHECK: one input and one output of the same shape and element type

// -----

%x, %y = "test.op"() : () -> (tensor<?x9xf32>, tensor<?x9xf64>)
%c = linalg_ext.sort "signed" ins(%x : tensor<?x9xf32>) outs(%y : tensor<?x9xf64>) -> tensor<?x9xf64>
// CHECK: each input has an output of its element type, and all have the shape of the keys

// -----

%x = "test.op"() : () -> (tensor<9xf32>)
%v, %i = linalg_ext.top_k "signed" ins(%x : tensor<9xf32>) outs(%x, %x : tensor<9xf32>, tensor<9xf32>) -> tensor<9xf32>, tensor<9xf32>
// CHECK: one input gives values of its element type and places that are integers

// -----

%x, %p = "test.op"() : () -> (tensor<2x9xf32>, tensor<3x9xi64>)
%v, %i = linalg_ext.top_k "signed" ins(%x : tensor<2x9xf32>) outs(%x, %p : tensor<2x9xf32>, tensor<3x9xi64>) -> tensor<2x9xf32>, tensor<3x9xi64>
// CHECK: values and places have one shape, the input's but for the last axis

// -----

%x, %p = "test.op"() : () -> (tensor<2x9xf32>, tensor<3xi64>)
%y = linalg_ext.scatter "set" "signed" ins(%x, %p : tensor<2x9xf32>, tensor<3xi64>) outs(%x : tensor<2x9xf32>) -> tensor<2x9xf32>
// CHECK: there is one row number for each update, and updates have the shape of rows

// -----

%t, %s = "test.op"() : () -> (tensor<?xi8>, tensor<4x99xi8>)
%y = linalg_ext.automaton ins(%t, %s : tensor<?xi8>, tensor<4x99xi8>) outs(%t : tensor<?xi8>) -> tensor<?xi8>
// CHECK: states have the shape of the text, and the table 256 columns

// -----

%x, %y = "test.op"() : () -> (tensor<?x40xf32>, tensor<?x20xf32>)
%q:2 = linalg_ext.fourier ins(%x : tensor<?x40xf32>) outs(%y, %y : tensor<?x20xf32>, tensor<?x20xf32>) -> tensor<?x20xf32>, tensor<?x20xf32>
// CHECK: rows have a known length, and outputs half of it and one more

// -----

%x, %y = "test.op"() : () -> (tensor<?x40xi32>, tensor<?x21xi32>)
%q:2 = linalg_ext.fourier ins(%x : tensor<?x40xi32>) outs(%y, %y : tensor<?x21xi32>, tensor<?x21xi32>) -> tensor<?x21xi32>, tensor<?x21xi32>
// CHECK: one input and one or two outputs, of one type of floats
