// The negative log-likelihood of every row and its class: -x[class] · the weight of the class; NaN for a class outside
// of the row, 0 where it is ignoreIndex. A row a thread.
// In front: what class_weights.wgsl needs; alias Loss, fn lossOf(loss: f32, weight: f32) -> Loss: what is stored.

struct Uniforms {
  length: u32, // of a row: the number of classes
  inner: u32,  // from one of its elements to the next
  rows: u32,
  ignoreIndex: u32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> classes: array<u32>; // a negative one is a large one
@group(0) @binding(2) var<storage, read> classWeights: array<f32>;
@group(0) @binding(3) var<storage, read_write> losses: array<Loss>;

fn main(workgroup: u32, local: u32) {
  let row = workgroup * 64u + local;
  if (row >= uniforms.rows) { return; }
  let label = classes[row];
  if (label == uniforms.ignoreIndex) {
    losses[row] = lossOf(0.0, 0.0);
  } else if (label < uniforms.length) {
    let start = row / uniforms.inner * uniforms.length * uniforms.inner + row % uniforms.inner;
    let weight = weightOf(label);
    losses[row] = lossOf(-weight * x[start + label * uniforms.inner], weight);
  } else {
    losses[row] = lossOf(notANumber(label), 1.0);
  }
}
