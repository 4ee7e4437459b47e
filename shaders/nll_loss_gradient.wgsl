// dx of the negative log-likelihood: -dy · weight at the class of the row, 0 elsewhere; NaN for all of a row whose class
// is outside of it. An element a thread.
// In front: what class_weights.wgsl needs; isReduced: dy is one number for all rows; isMean: and is divided
// by the weight of all rows.

struct Uniforms {
  length: u32, // of a row: the number of classes
  inner: u32,  // from one of its elements to the next
  count: u32,  // elements
  ignoreIndex: u32,
}

@group(0) @binding(0) var<storage, read> classes: array<u32>;
@group(0) @binding(1) var<storage, read> classWeights: array<f32>;
@group(0) @binding(2) var<storage, read> mean: array<vec2f>; // of the losses, and the weight of all rows
@group(0) @binding(3) var<storage, read> gradients: array<f32>;
@group(0) @binding(4) var<storage, read_write> result: array<f32>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.count) { return; }
  let line = i / uniforms.inner;
  let row = line / uniforms.length * uniforms.inner + i % uniforms.inner;
  let label = classes[row];
  var gradient = 0.0;
  if (label != uniforms.ignoreIndex) {
    if (label >= uniforms.length) {
      gradient = notANumber(label);
    } else if (label == line % uniforms.length) {
      gradient = -weightOf(label) * gradients[select(row, 0u, isReduced)];
      if (isMean) { gradient /= mean[0].y; }
    }
  }
  result[i] = gradient;
}
