// RUN: agentc-opt %s -p merge-kernel-twins --split-input-file | filecheck %s

// The second sum is the first; the one of another operand and the maximum are not.
// CHECK-LABEL: func.func @twins
// CHECK: %[[Z:.*]] = linalg.fill
// CHECK-NOT: linalg.fill
// CHECK: %[[A:.*]] = linalg.generic {{.*}} ins(%x : tensor<?xf32>) outs(%[[Z]] : tensor<f32>)
// CHECK: %[[C:.*]] = linalg.generic {{.*}} ins(%y : tensor<?xf32>)
// CHECK: %[[D:.*]] = linalg.generic {{.*}} ins(%x : tensor<?xf32>)
// CHECK: arith.maximumf
// CHECK: func.return %[[A]], %[[A]], %[[C]], %[[D]]
func.func @twins(%x: tensor<?xf32>, %y: tensor<?xf32>) -> (tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>) {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<f32>
  %z = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %w = linalg.fill ins(%zero : f32) outs(%e : tensor<f32>) -> tensor<f32>
  %a = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = ["reduction"]} ins(%x : tensor<?xf32>) outs(%z : tensor<f32>) {
  ^bb0(%v: f32, %acc: f32):
    %m = arith.addf %acc, %v : f32
    linalg.yield %m : f32
  } -> tensor<f32>
  %b = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = ["reduction"]} ins(%x : tensor<?xf32>) outs(%w : tensor<f32>) {
  ^bb0(%v: f32, %acc: f32):
    %m = arith.addf %acc, %v : f32
    linalg.yield %m : f32
  } -> tensor<f32>
  %c = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = ["reduction"]} ins(%y : tensor<?xf32>) outs(%z : tensor<f32>) {
  ^bb0(%v: f32, %acc: f32):
    %m = arith.addf %acc, %v : f32
    linalg.yield %m : f32
  } -> tensor<f32>
  %d = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = ["reduction"]} ins(%x : tensor<?xf32>) outs(%z : tensor<f32>) {
  ^bb0(%v: f32, %acc: f32):
    %m = arith.maximumf %acc, %v : f32
    linalg.yield %m : f32
  } -> tensor<f32>
  func.return %a, %b, %c, %d : tensor<f32>, tensor<f32>, tensor<f32>, tensor<f32>
}
