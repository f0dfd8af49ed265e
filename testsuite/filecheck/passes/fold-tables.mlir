// RUN: agentc-opt %s -p fold-tables | filecheck %s

// A chain from the loop's own indices is one table; what was on the way is gone.
// CHECK-LABEL: func.func @squares
// CHECK-NOT: linalg.index
// CHECK: %[[TABLE:.*]] = arith.constant dense<[0.000000e+00, 1.000000e+00, 4.000000e+00, 9.000000e+00]> : tensor<4xf32>
// CHECK: linalg.generic
// CHECK-SAME: ins(%x, %[[TABLE]] : tensor<4xf32>, tensor<4xf32>)
func.func @squares(%x: tensor<4xf32>) -> tensor<4xf32> {
  %i = tensor.empty() : tensor<4xi64>
  %places = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%i : tensor<4xi64>) {
  ^bb0(%old: i64):
    %n = linalg.index 0 : index
    %m = arith.index_cast %n : index to i64
    linalg.yield %m : i64
  } -> tensor<4xi64>
  %e = tensor.empty() : tensor<4xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%places : tensor<4xi64>) outs(%e : tensor<4xf32>) {
  ^bb1(%p: i64, %old: f32):
    %q = arith.muli %p, %p : i64
    %f = arith.sitofp %q : i64 to f32
    linalg.yield %f : f32
  } -> tensor<4xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x, %s : tensor<4xf32>, tensor<4xf32>) outs(%e : tensor<4xf32>) {
  ^bb2(%a: f32, %b: f32, %old: f32):
    %t = arith.addf %a, %b : f32
    linalg.yield %t : f32
  } -> tensor<4xf32>
  func.return %y : tensor<4xf32>
}

// An index costs less than a load; a remainder by zero is not known; a size is not known.
// CHECK-LABEL: func.func @left
// CHECK-NOT: dense
// CHECK: linalg.index
// CHECK: arith.remsi
// CHECK: func.return
func.func @left(%x: tensor<4xi64>) -> (tensor<4xi64>, tensor<4xi64>) {
  %e = tensor.empty() : tensor<4xi64>
  %places = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%e : tensor<4xi64>) {
  ^bb0(%old: i64):
    %n = linalg.index 0 : index
    %m = arith.index_cast %n : index to i64
    linalg.yield %m : i64
  } -> tensor<4xi64>
  %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x, %places : tensor<4xi64>, tensor<4xi64>) outs(%e : tensor<4xi64>) {
  ^bb1(%a: i64, %b: i64, %old: i64):
    %t = arith.addi %a, %b : i64
    linalg.yield %t : i64
  } -> tensor<4xi64>
  %z = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%places : tensor<4xi64>) outs(%e : tensor<4xi64>) {
  ^bb2(%p: i64, %old: i64):
    %t = arith.remsi %p, %p : i64
    linalg.yield %t : i64
  } -> tensor<4xi64>
  func.return %y, %z : tensor<4xi64>, tensor<4xi64>
}
