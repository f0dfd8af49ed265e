// RUN: agentc-opt %s -p fuse-kernels --split-input-file | filecheck %s

// An elementwise op goes into the reduction that reads it; the operand that was given twice is read once.
// CHECK-LABEL: func.func @square_sum
// CHECK-NOT: iterator_types = ["parallel", "parallel"]
// CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<?x?xf32>)
// CHECK-NEXT: ^bb0(%[[X:.*]]: f32, %[[SUM:.*]]: f32):
// CHECK-NEXT: %[[P:.*]] = arith.mulf %[[X]], %[[X]] : f32
// CHECK-NEXT: arith.addf %[[SUM]], %[[P]] : f32
// CHECK-NOT: linalg.generic
func.func @square_sum(%x: tensor<?x?xf32>, %e: tensor<?x?xf32>, %z: tensor<?xf32>) -> tensor<?xf32> {
  %p = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%x, %x : tensor<?x?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %m = arith.mulf %a, %b : f32
    linalg.yield %m : f32
  } -> tensor<?x?xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>], iterator_types = ["parallel", "reduction"]} ins(%p : tensor<?x?xf32>) outs(%z : tensor<?xf32>) {
  ^bb0(%c: f32, %acc: f32):
    %t = arith.addf %acc, %c : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  func.return %s : tensor<?xf32>
}

// -----

// An exponential with two readers is computed once, and one that a broadcast would repeat is kept.
// CHECK-LABEL: func.func @kept
// CHECK-COUNT-2: math.exp
// CHECK-NOT: math.exp
func.func @kept(%x: tensor<?x?xf32>, %r: tensor<?xf32>, %e: tensor<?x?xf32>, %f: tensor<?xf32>) -> (tensor<?x?xf32>, tensor<?x?xf32>) {
  %p = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = math.exp %a : f32
    linalg.yield %m : f32
  } -> tensor<?x?xf32>
  %q = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%r : tensor<?xf32>) outs(%f : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = math.exp %a : f32
    linalg.yield %m : f32
  } -> tensor<?xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%p, %q : tensor<?x?xf32>, tensor<?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %t = arith.addf %a, %b : f32
    linalg.yield %t : f32
  } -> tensor<?x?xf32>
  %u = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%p : tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %t = arith.negf %a : f32
    linalg.yield %t : f32
  } -> tensor<?x?xf32>
  func.return %s, %u : tensor<?x?xf32>, tensor<?x?xf32>
}

// -----

// What a loop finds is not looked for again for each row that it is spread over.
// CHECK-LABEL: func.func @looked_up
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel"]
// CHECK: scf.for
// CHECK: linalg.generic {{.*}}iterator_types = ["parallel", "parallel"]
// CHECK-NOT: scf.for
func.func @looked_up(%x: tensor<?xf32>, %y: tensor<?x?xf32>, %e: tensor<?x?xf32>, %f: tensor<?xf32>) -> tensor<?x?xf32> {
  %c0 = arith.constant 0 : index
  %c1 = arith.constant 1 : index
  %c4 = arith.constant 4 : index
  %p = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<?xf32>) outs(%f : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = scf.for %i = %c0 to %c4 step %c1 iter_args(%s = %a) -> (f32) {
      %t = arith.addf %s, %a : f32
      scf.yield %t : f32
    }
    linalg.yield %m : f32
  } -> tensor<?xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%p, %y : tensor<?xf32>, tensor<?x?xf32>) outs(%e : tensor<?x?xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %t = arith.addf %a, %b : f32
    linalg.yield %t : f32
  } -> tensor<?x?xf32>
  func.return %s : tensor<?x?xf32>
}

// -----

// A sum of indices: were they computed inside, nothing would tell how many there are.
// CHECK-LABEL: func.func @sizes
// CHECK-COUNT-2: linalg.generic
func.func @sizes(%e: tensor<?xi64>, %z: tensor<i64>) -> tensor<i64> {
  %p = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} outs(%e : tensor<?xi64>) {
  ^bb0(%o: i64):
    %i = linalg.index 0 : index
    %c = arith.index_cast %i : index to i64
    linalg.yield %c : i64
  } -> tensor<?xi64>
  %s = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> ()>], iterator_types = ["reduction"]} ins(%p : tensor<?xi64>) outs(%z : tensor<i64>) {
  ^bb0(%c: i64, %acc: i64):
    %t = arith.addi %acc, %c : i64
    linalg.yield %t : i64
  } -> tensor<i64>
  func.return %s : tensor<i64>
}

// -----

// Fused, each op still says which line it is from.
// CHECK-LABEL: func.func @lines
// CHECK: arith.mulf %{{.*}}, %{{.*}} {agent.source = "k.py:2:5"} : f32
// CHECK-NEXT: arith.addf %{{.*}}, %{{.*}} {agent.source = "k.py:3:5"} : f32
func.func @lines(%x: tensor<?xf32>, %e: tensor<?xf32>) -> tensor<?xf32> {
  %p = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) attrs = {agent.source = "k.py:2:5"} {
  ^bb0(%a: f32, %o: f32):
    %m = arith.mulf %a, %a : f32
    linalg.yield %m : f32
  } -> tensor<?xf32>
  %s = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%p : tensor<?xf32>) outs(%e : tensor<?xf32>) attrs = {agent.source = "k.py:3:5"} {
  ^bb0(%c: f32, %o: f32):
    %t = arith.addf %c, %c : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  func.return %s : tensor<?xf32>
}

// -----

// What is cheap is computed for each of two readers,
// CHECK-LABEL: func.func @read_twice
// CHECK-COUNT-2: arith.addf
// CHECK-NOT: arith.addf
func.func @read_twice(%x: tensor<?xf32>, %e: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
  %p = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %t = arith.addf %a, %a : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %u = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%p : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %t = math.exp %a : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %v = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%p : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %t = math.sqrt %a : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  func.return %u, %v : tensor<?xf32>, tensor<?xf32>
}

// -----

// and once for three.
// CHECK-LABEL: func.func @read_thrice
// CHECK-COUNT-1: arith.addf
// CHECK-NOT: arith.addf
func.func @read_thrice(%x: tensor<?xf32>, %e: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>, tensor<?xf32>) {
  %p = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%x : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %t = arith.addf %a, %a : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %u = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%p : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %t = math.exp %a : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %v = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%p : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %t = math.sqrt %a : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  %w = linalg.generic {indexing_maps = [affine_map<(d0) -> (d0)>, affine_map<(d0) -> (d0)>], iterator_types = ["parallel"]} ins(%p : tensor<?xf32>) outs(%e : tensor<?xf32>) {
  ^bb0(%a: f32, %o: f32):
    %t = arith.negf %a : f32
    linalg.yield %t : f32
  } -> tensor<?xf32>
  func.return %u, %v, %w : tensor<?xf32>, tensor<?xf32>, tensor<?xf32>
}

// -----

// A body that is longer than its reader's takes that one in: what both read is read once, and each loop has its place.
// CHECK-LABEL: func.func @longer
// CHECK: linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>]
// CHECK-SAME: ins(%x, %y : tensor<4x4xf32>, tensor<4x4xf32>)
// CHECK-NEXT: ^bb0(%[[A:.*]]: f32, %[[C:.*]]: f32, %{{.*}}: f32):
// CHECK-NEXT: %[[I:.*]] = linalg.index 1 : index
// CHECK-NEXT: %[[J:.*]] = arith.index_cast %[[I]] : index to i64
// CHECK-NEXT: %[[F:.*]] = arith.sitofp %[[J]] : i64 to f32
// CHECK-NEXT: %[[M:.*]] = arith.mulf %[[A]], %[[A]] : f32
// CHECK-NEXT: %[[N:.*]] = arith.addf %[[M]], %[[F]] : f32
// CHECK-NEXT: %[[S:.*]] = arith.subf %[[C]], %[[N]] : f32
// CHECK-NEXT: %[[T:.*]] = arith.divf %[[S]], %[[A]] : f32
// CHECK-NEXT: linalg.yield %[[T]] : f32
// CHECK-NOT: linalg.generic
func.func @longer(%x: tensor<4x4xf32>, %y: tensor<4x4xf32>) -> tensor<4x4xf32> {
  %e = tensor.empty() : tensor<4x4xf32>
  %p = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%x, %x : tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %i = linalg.index 0 : index
    %j = arith.index_cast %i : index to i64
    %f = arith.sitofp %j : i64 to f32
    %m = arith.mulf %a, %b : f32
    %n = arith.addf %m, %f : f32
    linalg.yield %n : f32
  } -> tensor<4x4xf32>
  %q = linalg.generic {indexing_maps = [affine_map<(d0, d1) -> (d0, d1)>, affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d1, d0)>, affine_map<(d0, d1) -> (d0, d1)>], iterator_types = ["parallel", "parallel"]} ins(%y, %p, %x : tensor<4x4xf32>, tensor<4x4xf32>, tensor<4x4xf32>) outs(%e : tensor<4x4xf32>) {
  ^bb0(%c: f32, %d: f32, %g: f32, %o: f32):
    %s = arith.subf %c, %d : f32
    %t = arith.divf %s, %g : f32
    linalg.yield %t : f32
  } -> tensor<4x4xf32>
  func.return %q : tensor<4x4xf32>
}
