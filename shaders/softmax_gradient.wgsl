// dx of softmax, or of its logarithm, for every row.
// In front: what rows.wgsl needs; fn term(y: f32, dy: f32) -> f32, which is summed over the row, and
// fn backward(y: f32, dy: f32, total: f32) -> f32: dx from that sum.

struct Uniforms {
  length: u32,
  inner: u32,
  rows: u32,
}

@group(0) @binding(0) var<storage, read> outputs: array<f32>;
@group(0) @binding(1) var<storage, read> gradients: array<f32>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

fn main(workgroup: u32, local: u32) {
  let row = rowOf(workgroup, local);
  var total = 0.0;
  for (var k = row.member; k < row.length; k += teamSize) {
    let i = row.start + k * uniforms.inner;
    total += term(outputs[i], gradients[i]);
  }
  total = sumOfTeam(total, local);
  for (var k = row.member; k < row.length; k += teamSize) {
    let i = row.start + k * uniforms.inner;
    result[i] = backward(outputs[i], gradients[i], total);
  }
}
