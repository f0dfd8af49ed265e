// RUN: agentc-opt %s -p bufferize-kernels --split-input-file | filecheck %s

// What is returned is computed in the caller's memory; the second op writes over the first's result.
// CHECK-LABEL: func.func @chain(%x: memref<?xf32>, %out: memref<?xf32>) attributes {{.*}}agentc.dims = {{\[\[}}"n"], ["n"]], agentc.outputs = 1 : i64
// CHECK-NOT: memref.alloc
// CHECK: linalg.generic {{.*}} ins(%x : memref<?xf32>) outs(%out : memref<?xf32>)
// CHECK: linalg.generic {{.*}} ins(%out : memref<?xf32>) outs(%out : memref<?xf32>)
// CHECK: func.return
func.func @chain(%x: tensor<?xf32>) -> tensor<?xf32> attributes {agentc.dims = [["n"], ["n"]]} {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %p = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = math.exp %a : f32
    linalg.yield %m : f32
  } -> tensor<?xf32>
  %q = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%p : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = math.sqrt %a : f32
    linalg.yield %m : f32
  } -> tensor<?xf32>
  func.return %q : tensor<?xf32>
}

// -----

// A value that is read later keeps its own memory, which is freed; an argument that is returned is copied.
// CHECK-LABEL: func.func @kept(%x: memref<?xf32>, %out0: memref<?xf32>, %out1: memref<?xf32>)
// CHECK: %[[T:.*]] = memref.alloc() {{.*}} : memref<f32>
// CHECK-NEXT: linalg.fill ins(%{{.*}} : f32) outs(%[[T]] : memref<f32>)
// CHECK: linalg.generic {{.*}} ins(%x : memref<?xf32>) outs(%[[T]] : memref<f32>)
// CHECK: linalg.generic {{.*}} ins(%x, %[[T]] : memref<?xf32>, memref<f32>) outs(%out0 : memref<?xf32>)
// CHECK: linalg.generic {{.*}} ins(%x : memref<?xf32>) outs(%out1 : memref<?xf32>)
// CHECK: memref.dealloc %[[T]]
func.func @kept(%x: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %c0 = arith.constant 0 : index
  %zero = arith.constant 0.0 : f32
  %n = tensor.dim %x, %c0 : tensor<?xf32>
  %e = tensor.empty(%n) : tensor<?xf32>
  %e0 = tensor.empty() : tensor<f32>
  %z = linalg.fill ins(%zero : f32) outs(%e0 : tensor<f32>) -> tensor<f32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = ["reduction"]} ins(%x : tensor<?xf32>) outs(%z : tensor<f32>) {
  ^bb0(%a: f32, %acc: f32):
    %m = arith.addf %acc, %a : f32
    linalg.yield %m : f32
  } -> tensor<f32>
  %q = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x, %s : tensor<?xf32>, tensor<f32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.divf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<?xf32>
  func.return %q, %x : tensor<?xf32>, tensor<?xf32>
}

// -----

// The sum of a matrix and its transpose reads elements that were written long ago: it keeps to a memory of its own.
// CHECK-LABEL: func.func @transposed
// CHECK: %[[T:.*]] = memref.alloc(%n, %n)
// CHECK: linalg.generic {{.*}} ins(%x : memref<?x?xf32>) outs(%[[T]] : memref<?x?xf32>)
// CHECK: linalg.generic {{.*}} ins(%[[T]], %[[T]] : memref<?x?xf32>, memref<?x?xf32>) outs(%out : memref<?x?xf32>)
func.func @transposed(%x: tensor<?x?xf32>) -> tensor<?x?xf32> attributes {agentc.dims = [["n", "n"], ["n", "n"]]} {
  %c0 = arith.constant 0 : index
  %n = tensor.dim %x, %c0 : tensor<?x?xf32>
  %e = tensor.empty(%n, %n) : tensor<?x?xf32>
  %p = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = math.exp %a : f32
    linalg.yield %m : f32
  } -> tensor<?x?xf32>
  %q = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%p, %p : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.addf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<?x?xf32>
  func.return %q : tensor<?x?xf32>
}
