// RUN: agentc-opt %s -p find-fourier | filecheck %s

// Both products are one op on the rows that were folded; tables and folds are gone with them.
// CHECK-LABEL: func.func @folded
// CHECK-NOT: linalg.generic
// CHECK: %[[C:.*]], %[[S:.*]] = linalg_ext.fourier ins(%x : tensor<?x40xf32>) outs(%{{.*}}, %{{.*}} : tensor<?x21xf32>, tensor<?x21xf32>) -> tensor<?x21xf32>, tensor<?x21xf32>
// CHECK: func.return %[[C]], %[[S]]
func.func @folded(%x: tensor<?x40xf32>, %n: index, %cosines: tensor<19x21xf32>, %sines: tensor<19x21xf32>) -> (tensor<?x21xf32>, tensor<?x21xf32>) {
  %zero = arith.constant 0.000000e+00 : f32
  %one = arith.constant 1 : index
  %last = arith.constant 39 : index
  %e = tensor.empty(%n) : tensor<?x19xf32>
  %even = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} outs(%e : tensor<?x19xf32>) {
  ^bb0(%old: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %k = arith.addi %j, %one : index
    %l = arith.subi %last, %j : index
    %a = tensor.extract %x[%i, %k] : tensor<?x40xf32>
    %b = tensor.extract %x[%i, %l] : tensor<?x40xf32>
    %c = arith.addf %a, %b : f32
    linalg.yield %c : f32
  } -> tensor<?x19xf32>
  %odd = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} outs(%e : tensor<?x19xf32>) {
  ^bb1(%old: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %k = arith.addi %j, %one : index
    %l = arith.subi %last, %j : index
    %a = tensor.extract %x[%i, %k] : tensor<?x40xf32>
    %b = tensor.extract %x[%i, %l] : tensor<?x40xf32>
    %c = arith.subf %a, %b : f32
    linalg.yield %c : f32
  } -> tensor<?x19xf32>
  %t = tensor.empty(%n) : tensor<?x21xf32>
  %start = linalg.fill ins(%zero : f32) outs(%t : tensor<?x21xf32>) -> tensor<?x21xf32>
  %c = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%even, %cosines : tensor<?x19xf32>, tensor<19x21xf32>) outs(%start : tensor<?x21xf32>) attrs = {agentc.fourier = "cos"} {
  ^bb2(%a: f32, %b: f32, %old: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %old, %p : f32
    linalg.yield %q : f32
  } -> tensor<?x21xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%odd, %sines : tensor<?x19xf32>, tensor<19x21xf32>) outs(%start : tensor<?x21xf32>) attrs = {agentc.fourier = "sin"} {
  ^bb3(%a: f32, %b: f32, %old: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %old, %p : f32
    linalg.yield %q : f32
  } -> tensor<?x21xf32>
  func.return %c, %s : tensor<?x21xf32>, tensor<?x21xf32>
}
