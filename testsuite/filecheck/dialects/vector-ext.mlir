// RUN: agentc-opt %s | agentc-opt | filecheck %s

// CHECK-LABEL: func.func @casts
// CHECK: vector_ext.cast "uitofp" %x : vector<16xi8> to vector<16xf32>
// CHECK: vector_ext.cast "extsi" %x : vector<16xi8> to vector<16xi32>
// CHECK: vector_ext.cast "truncf" %{{.*}} : vector<16xf32> to vector<16xf16>
func.func @casts(%x: vector<16xi8>) {
  %f = vector_ext.cast "uitofp" %x : vector<16xi8> to vector<16xf32>
  %i = vector_ext.cast "extsi" %x : vector<16xi8> to vector<16xi32>
  %h = vector_ext.cast "truncf" %f : vector<16xf32> to vector<16xf16>
  func.return
}

// CHECK-LABEL: func.func @codes
// CHECK: vector_ext.words %bytes : vector<4x16xi8> to vector<16xi32>
// CHECK: vector_ext.field %{{.*}} at 20 bits 4 plus -8 : vector<16xi32> to vector<16xf32>
func.func @codes(%bytes: vector<4x16xi8>) {
  %words = vector_ext.words %bytes : vector<4x16xi8> to vector<16xi32>
  %f = vector_ext.field %words at 20 bits 4 plus -8 : vector<16xi32> to vector<16xf32>
  func.return
}

// CHECK-LABEL: func.func @choices
// CHECK: %[[C:.*]] = vector_ext.compare "sgt" %a, %b : vector<8xi64>, vector<8xi64> to vector<8xi1>
// CHECK: %[[P:.*]] = vector_ext.select %[[C]], %a, %b : vector<8xi1>, vector<8xi64>
// CHECK: vector_ext.gather %x[%[[P]]] : memref<?xf32>, vector<8xi64> to vector<8xf32>
func.func @choices(%x: memref<?xf32>, %a: vector<8xi64>, %b: vector<8xi64>) {
  %c = vector_ext.compare "sgt" %a, %b : vector<8xi64>, vector<8xi64> to vector<8xi1>
  %p = vector_ext.select %c, %a, %b : vector<8xi1>, vector<8xi64>
  %v = vector_ext.gather %x[%p] : memref<?xf32>, vector<8xi64> to vector<8xf32>
  func.return
}

// CHECK-LABEL: func.func @target
// CHECK: vector_ext.registers : index
func.func @target() {
  %bytes = vector_ext.registers : index
  func.return
}
