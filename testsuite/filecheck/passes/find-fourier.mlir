// RUN: agentc-opt %s -p find-fourier | filecheck %s

// What the frontend computes by products with tables, and marks, is one op on the rows that were folded; tables and folds
// are gone with it. The second real part, which somebody else asked for, is that of the same op.
// CHECK-LABEL: func.func @parts
// CHECK-NOT: linalg.generic
// CHECK: %[[R:.*]], %[[I:.*]] = linalg_ext.fourier ins(%x : tensor<?x40xf32>) outs(%{{.*}}, %{{.*}} : tensor<?x21xf32>, tensor<?x21xf32>) -> tensor<?x21xf32>, tensor<?x21xf32>
// CHECK-NOT: linalg.generic
// CHECK: func.return %[[R]], %[[I]], %[[R]]
func.func @parts(%x: tensor<?x40xf32>, %n: index, %cosines: tensor<19x21xf32>, %sines: tensor<19x21xf32>) -> (tensor<?x21xf32>, tensor<?x21xf32>, tensor<?x21xf32>) {
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
  %c = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%even, %cosines : tensor<?x19xf32>, tensor<19x21xf32>) outs(%start : tensor<?x21xf32>) {
  ^bb2(%a: f32, %b: f32, %old: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %old, %p : f32
    linalg.yield %q : f32
  } -> tensor<?x21xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%odd, %sines : tensor<?x19xf32>, tensor<19x21xf32>) outs(%start : tensor<?x21xf32>) {
  ^bb3(%a: f32, %b: f32, %old: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %old, %p : f32
    linalg.yield %q : f32
  } -> tensor<?x21xf32>
  %first = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} outs(%t : tensor<?x21xf32>) {
  ^bb4(%old: f32):
    %zeroth = arith.constant 0 : index
    %i = linalg.index 0 : index
    %a = tensor.extract %x[%i, %zeroth] : tensor<?x40xf32>
    linalg.yield %a : f32
  } -> tensor<?x21xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%first, %c : tensor<?x21xf32>, tensor<?x21xf32>) outs(%t : tensor<?x21xf32>) attrs = {agentc.fourier = "real"} {
  ^bb4(%a: f32, %b: f32, %old: f32):
    %p = arith.addf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<?x21xf32>
  %i = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%s : tensor<?x21xf32>) outs(%t : tensor<?x21xf32>) attrs = {agentc.fourier = "imaginary"} {
  ^bb5(%a: f32, %old: f32):
    %p = arith.negf %a : f32
    linalg.yield %p : f32
  } -> tensor<?x21xf32>
  %again = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%first, %c : tensor<?x21xf32>, tensor<?x21xf32>) outs(%t : tensor<?x21xf32>) attrs = {agentc.fourier = "real"} {
  ^bb4(%a: f32, %b: f32, %old: f32):
    %p = arith.addf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<?x21xf32>
  func.return %r, %i, %again : tensor<?x21xf32>, tensor<?x21xf32>, tensor<?x21xf32>
}

// Where nothing else reads the parts, the power is all.
// CHECK-LABEL: func.func @power
// CHECK-NOT: linalg.generic
// CHECK: %[[P:.*]] = linalg_ext.fourier ins(%x : tensor<?x40xf32>) outs(%{{.*}} : tensor<?x21xf32>) -> tensor<?x21xf32>
// CHECK-NOT: linalg.generic
// CHECK: func.return %[[P]]
func.func @power(%x: tensor<?x40xf32>, %n: index, %cosines: tensor<19x21xf32>, %sines: tensor<19x21xf32>) -> tensor<?x21xf32> {
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
  %c = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%even, %cosines : tensor<?x19xf32>, tensor<19x21xf32>) outs(%start : tensor<?x21xf32>) {
  ^bb2(%a: f32, %b: f32, %old: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %old, %p : f32
    linalg.yield %q : f32
  } -> tensor<?x21xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%odd, %sines : tensor<?x19xf32>, tensor<19x21xf32>) outs(%start : tensor<?x21xf32>) {
  ^bb3(%a: f32, %b: f32, %old: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %old, %p : f32
    linalg.yield %q : f32
  } -> tensor<?x21xf32>
  %first = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} outs(%t : tensor<?x21xf32>) {
  ^bb4(%old: f32):
    %zeroth = arith.constant 0 : index
    %i = linalg.index 0 : index
    %a = tensor.extract %x[%i, %zeroth] : tensor<?x40xf32>
    linalg.yield %a : f32
  } -> tensor<?x21xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%first, %c : tensor<?x21xf32>, tensor<?x21xf32>) outs(%t : tensor<?x21xf32>) attrs = {agentc.fourier = "real"} {
  ^bb4(%a: f32, %b: f32, %old: f32):
    %p = arith.addf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<?x21xf32>
  %i = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%s : tensor<?x21xf32>) outs(%t : tensor<?x21xf32>) attrs = {agentc.fourier = "imaginary"} {
  ^bb5(%a: f32, %old: f32):
    %p = arith.negf %a : f32
    linalg.yield %p : f32
  } -> tensor<?x21xf32>
  %u = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%r : tensor<?x21xf32>) outs(%t : tensor<?x21xf32>) {
  ^bb6(%a: f32, %old: f32):
    %p = arith.mulf %a, %a : f32
    linalg.yield %p : f32
  } -> tensor<?x21xf32>
  %v = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%i : tensor<?x21xf32>) outs(%t : tensor<?x21xf32>) {
  ^bb6(%a: f32, %old: f32):
    %p = arith.mulf %a, %a : f32
    linalg.yield %p : f32
  } -> tensor<?x21xf32>
  %w = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%u, %v : tensor<?x21xf32>, tensor<?x21xf32>) outs(%t : tensor<?x21xf32>) attrs = {agentc.fourier = "power"} {
  ^bb7(%a: f32, %b: f32, %old: f32):
    %p = arith.addf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<?x21xf32>
  func.return %w : tensor<?x21xf32>
}

// Where something does, the power is computed of both parts.
// CHECK-LABEL: func.func @both
// CHECK: %[[R:.*]], %[[I:.*]] = linalg_ext.fourier
// CHECK: linalg.generic {{.*}} ins(%[[R]]
// CHECK: linalg.generic {{.*}} ins(%[[I]]
// CHECK: %[[P:.*]] = linalg.generic
// CHECK: func.return %[[P]], %[[I]]
func.func @both(%x: tensor<?x40xf32>, %n: index, %cosines: tensor<19x21xf32>, %sines: tensor<19x21xf32>) -> (tensor<?x21xf32>, tensor<?x21xf32>) {
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
  %c = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%even, %cosines : tensor<?x19xf32>, tensor<19x21xf32>) outs(%start : tensor<?x21xf32>) {
  ^bb2(%a: f32, %b: f32, %old: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %old, %p : f32
    linalg.yield %q : f32
  } -> tensor<?x21xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0, d1, d2) -> (d0, d2)>, affine_map<(d0, d1, d2) -> (d2, d1)>, affine_map<(d0, d1, d2) -> (d0, d1)>], iterator_types = ["parallel", "parallel", "reduction"]} ins(%odd, %sines : tensor<?x19xf32>, tensor<19x21xf32>) outs(%start : tensor<?x21xf32>) {
  ^bb3(%a: f32, %b: f32, %old: f32):
    %p = arith.mulf %a, %b : f32
    %q = arith.addf %old, %p : f32
    linalg.yield %q : f32
  } -> tensor<?x21xf32>
  %first = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} outs(%t : tensor<?x21xf32>) {
  ^bb4(%old: f32):
    %zeroth = arith.constant 0 : index
    %i = linalg.index 0 : index
    %a = tensor.extract %x[%i, %zeroth] : tensor<?x40xf32>
    linalg.yield %a : f32
  } -> tensor<?x21xf32>
  %r = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%first, %c : tensor<?x21xf32>, tensor<?x21xf32>) outs(%t : tensor<?x21xf32>) attrs = {agentc.fourier = "real"} {
  ^bb4(%a: f32, %b: f32, %old: f32):
    %p = arith.addf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<?x21xf32>
  %i = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%s : tensor<?x21xf32>) outs(%t : tensor<?x21xf32>) attrs = {agentc.fourier = "imaginary"} {
  ^bb5(%a: f32, %old: f32):
    %p = arith.negf %a : f32
    linalg.yield %p : f32
  } -> tensor<?x21xf32>
  %u = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%r : tensor<?x21xf32>) outs(%t : tensor<?x21xf32>) {
  ^bb6(%a: f32, %old: f32):
    %p = arith.mulf %a, %a : f32
    linalg.yield %p : f32
  } -> tensor<?x21xf32>
  %v = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%i : tensor<?x21xf32>) outs(%t : tensor<?x21xf32>) {
  ^bb6(%a: f32, %old: f32):
    %p = arith.mulf %a, %a : f32
    linalg.yield %p : f32
  } -> tensor<?x21xf32>
  %w = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%u, %v : tensor<?x21xf32>, tensor<?x21xf32>) outs(%t : tensor<?x21xf32>) attrs = {agentc.fourier = "power"} {
  ^bb7(%a: f32, %b: f32, %old: f32):
    %p = arith.addf %a, %b : f32
    linalg.yield %p : f32
  } -> tensor<?x21xf32>
  func.return %w, %i : tensor<?x21xf32>, tensor<?x21xf32>
}
