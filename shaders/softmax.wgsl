// Softmax, or its logarithm, of every row of x.
// In front: what rows.wgsl needs; fn normalise(shifted: f32, total: f32) -> f32: the result, from x minus the largest
// element of its row, and the sum of exp of these.

struct Uniforms {
  length: u32,
  inner: u32,
  rows: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read_write> result: array<f32>;

fn main(workgroup: u32, local: u32) {
  let row = rowOf(workgroup, local);
  let largest = largestOf(row, local);
  let total = exponentialSumOf(row, largest, local);
  for (var k = row.member; k < row.length; k += teamSize) {
    let i = row.start + k * uniforms.inner;
    result[i] = normalise(x[i] - largest, total);
  }
}
