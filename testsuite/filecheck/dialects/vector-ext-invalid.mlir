// RUN: agentc-opt %s --verify-diagnostics --parsing-diagnostics --split-input-file | filecheck %s

%x = "test.op"() : () -> vector<16xi8>
%f = vector_ext.cast "round" %x : vector<16xi8> to vector<16xf32>
// CHECK: `round` is no conversion: expected one of sitofp, uitofp

// -----

%x = "test.op"() : () -> vector<16xi8>
%f = vector_ext.cast "uitofp" %x : vector<16xi8> to vector<8xf32>
// CHECK: a conversion keeps the number of lanes

// -----

%x = "test.op"() : () -> vector<16xf32>
%f = vector_ext.cast "uitofp" %x : vector<16xf32> to vector<16xf32>
// CHECK: `uitofp` does not make vector<16xf32> of vector<16xf32>
