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

// -----

%x = "test.op"() : () -> vector<4x16xi8>
%w = vector_ext.words %x : vector<4x16xi8> to vector<8xi32>
// CHECK: vector<8xi32> is not the words of vector<4x16xi8>

// -----

%x = "test.op"() : () -> vector<16xi32>
%f = vector_ext.field %x at 4 bits 4 plus -8 : vector<16xi32> to vector<8xf32>
// CHECK: a field of vector<16xi32> is no vector<8xf32>

// -----

%x = "test.op"() : () -> vector<16xi32>
%f = vector_ext.field %x at 30 bits 4 plus -8 : vector<16xi32> to vector<16xf32>
// CHECK: 4 bits at 30 are no field of at most 8 bits in a word

// -----

%x = "test.op"() : () -> vector<16xi32>
%f = vector_ext.field %x at 0 bits 4 plus 100000 : vector<16xi32> to vector<16xf32>
// CHECK: the constant 100000 is beyond 65536

// -----

%a, %b = "test.op"() : () -> (vector<8xi64>, vector<8xi32>)
// CHECK: two vectors of one type give a truth value for each lane
%c = vector_ext.compare "sgt" %a, %b : vector<8xi64>, vector<8xi32> to vector<8xi1>

// -----

%a, %b = "test.op"() : () -> (vector<8xf32>, vector<8xf32>)
// CHECK: `sgt` is no order of f32: expected one of
%c = vector_ext.compare "sgt" %a, %b : vector<8xf32>, vector<8xf32> to vector<8xi1>

// -----

%c, %a, %b = "test.op"() : () -> (vector<4xi1>, vector<8xf32>, vector<8xf32>)
// CHECK: truth values choose, one for each lane
%v = vector_ext.select %c, %a, %b : vector<4xi1>, vector<8xf32>

// -----

%x, %p = "test.op"() : () -> (memref<?x4xf32>, vector<8xi64>)
// CHECK: elements of an array with one axis are gathered by a vector of i64
%v = vector_ext.gather %x[%p] : memref<?x4xf32>, vector<8xi64> to vector<8xf32>

// -----

%x, %p = "test.op"() : () -> (memref<?xf32>, vector<8xi64>)
// CHECK: vector<4xf32> is not what vector<8xi64> gather of memref<?xf32>
%v = vector_ext.gather %x[%p] : memref<?xf32>, vector<8xi64> to vector<4xf32>
