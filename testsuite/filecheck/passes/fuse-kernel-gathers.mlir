// RUN: agentc-opt %s -p fuse-kernel-gathers --split-input-file | filecheck %s

// One op is cheap: it is computed at each place that is read, the loop's own index and the axis of one element included.
// CHECK-LABEL: func.func @cheap
// CHECK-COUNT-1: linalg.generic
// CHECK: %[[AT:.*]] = arith.index_cast %{{.*}} : i64 to index
// CHECK-NEXT: %[[V:.*]] = tensor.extract %x[%[[AT]]] : tensor<?xf32>
// CHECK-NEXT: %[[ZERO:.*]] = arith.constant 0 : index
// CHECK-NEXT: %[[W:.*]] = tensor.extract %one[%[[ZERO]]] : tensor<1xf32>
// CHECK-NEXT: %[[M:.*]] = arith.mulf %[[V]], %[[W]] : f32
// CHECK-NEXT: linalg.yield %[[M]]
func.func @cheap(%x: tensor<?xf32>, %one: tensor<1xf32>, %places: tensor<?xi64>, %e: tensor<?xf32>, %f: tensor<?xf32>) -> tensor<?xf32> {
  %p = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x, %one : tensor<?xf32>, tensor<1xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.mulf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<?xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%places : tensor<?xi64>) outs(%f : tensor<?xf32>) {
  ^bb0(%at: i64, %o: f32):
    %i = arith.index_cast %at : i64 to index
    %v = tensor.extract %p[%i] : tensor<?xf32>
    linalg.yield %v : f32
  } -> tensor<?xf32>
  func.return %y : tensor<?xf32>
}

// -----

// An exponential is computed where it is read if each element is read once: the index is the loop's, moved.
// CHECK-LABEL: func.func @moved
// CHECK-COUNT-1: linalg.generic
// CHECK: %[[AT:.*]] = arith.subi
// CHECK: tensor.extract %x[%[[AT]]]
// CHECK-NEXT: math.exp
func.func @moved(%x: tensor<?xf32>, %by: index, %e: tensor<?xf32>, %f: tensor<?xf32>) -> tensor<?xf32> {
  %p = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = math.exp %a : f32
    linalg.yield %m : f32
  } -> tensor<?xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%f : tensor<?xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %at = arith.subi %i, %by : index
    %v = tensor.extract %p[%at] : tensor<?xf32>
    linalg.yield %v : f32
  } -> tensor<?xf32>
  func.return %y : tensor<?xf32>
}

// -----

// A place that the data say may come again and again, and so does the one of a loop that is not among the indices: kept.
// CHECK-LABEL: func.func @kept
// CHECK: math.exp
// CHECK: tensor.extract %{{.*}}[%{{.*}}] : tensor<?xf32>
// CHECK-NOT: math.exp
// CHECK: func.return
func.func @kept(%x: tensor<?xf32>, %places: tensor<?xi64>, %e: tensor<?xf32>, %f: tensor<?x?xf32>) -> tensor<?x?xf32> {
  %p = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = math.exp %a : f32
    linalg.yield %m : f32
  } -> tensor<?xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} outs(%f : tensor<?x?xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %v = tensor.extract %p[%i] : tensor<?xf32>
    linalg.yield %v : f32
  } -> tensor<?x?xf32>
  func.return %y : tensor<?x?xf32>
}

// -----

// The loop's index moved by what the data say is nobody's own: the exponential stays where it is.
// CHECK-LABEL: func.func @moved_by_data
// CHECK-COUNT-2: linalg.generic
func.func @moved_by_data(%x: tensor<?xf32>, %by: tensor<?xi64>, %e: tensor<?xf32>, %f: tensor<?xf32>) -> tensor<?xf32> {
  %p = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = math.exp %a : f32
    linalg.yield %m : f32
  } -> tensor<?xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%by : tensor<?xi64>) outs(%f : tensor<?xf32>) {
  ^bb0(%b: i64, %o: f32):
    %i = linalg.index 0 : index
    %step = arith.index_cast %b : i64 to index
    %at = arith.subi %i, %step : index
    %v = tensor.extract %p[%at] : tensor<?xf32>
    linalg.yield %v : f32
  } -> tensor<?xf32>
  func.return %y : tensor<?xf32>
}

// -----

// A row between zeros, of which each element is read by several sums: they do not branch, the row is kept. One that is read
// once is computed in its place.
// CHECK-LABEL: func.func @summed
// CHECK-COUNT-1: scf.if
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "reduction"]
// CHECK-NOT: scf.if
// CHECK-LABEL: func.func @read_once
// CHECK-COUNT-1: linalg.generic
// CHECK: scf.if
// CHECK-NOT: linalg.generic
func.func @summed(%x: tensor<?xf32>, %w: tensor<?xf32>, %e: tensor<?xf32>, %z: tensor<?xf32>, %n: index) -> tensor<?xf32> {
  %p = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%e : tensor<?xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %inside = arith.cmpi slt, %i, %n : index
    %v = scf.if %inside -> (f32) {
      %a = tensor.extract %x[%i] : tensor<?xf32>
      scf.yield %a : f32
    } else {
      %zero = arith.constant 0.0 : f32
      scf.yield %zero : f32
    }
    linalg.yield %v : f32
  } -> tensor<?xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%w : tensor<?xf32>) outs(%z : tensor<?xf32>) {
  ^bb0(%t: f32, %acc: f32):
    %i = linalg.index 0 : index
    %j = linalg.index 1 : index
    %at = arith.addi %i, %j : index
    %v = tensor.extract %p[%at] : tensor<?xf32>
    %m = arith.mulf %v, %t : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<?xf32>
  func.return %y : tensor<?xf32>
}
func.func @read_once(%x: tensor<?xf32>, %e: tensor<?xf32>, %z: tensor<f32>, %w: tensor<?xf32>, %n: index) -> tensor<f32> {
  %p = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%e : tensor<?xf32>) {
  ^bb0(%o: f32):
    %i = linalg.index 0 : index
    %inside = arith.cmpi slt, %i, %n : index
    %v = scf.if %inside -> (f32) {
      %a = tensor.extract %x[%i] : tensor<?xf32>
      scf.yield %a : f32
    } else {
      %zero = arith.constant 0.0 : f32
      scf.yield %zero : f32
    }
    linalg.yield %v : f32
  } -> tensor<?xf32>
  %y = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = ["reduction"]} ins(%w : tensor<?xf32>) outs(%z : tensor<f32>) {
  ^bb0(%t: f32, %acc: f32):
    %i = linalg.index 0 : index
    %v = tensor.extract %p[%i] : tensor<?xf32>
    %m = arith.mulf %v, %t : f32
    %s = arith.addf %acc, %m : f32
    linalg.yield %s : f32
  } -> tensor<f32>
  func.return %y : tensor<f32>
}
