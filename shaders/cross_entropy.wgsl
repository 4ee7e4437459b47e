// The cross entropy of every row of logits and its class, log Σ exp(logits) - logits[class], times the weight of the
// class. With label smoothing, a share of it is the same for all classes of the row, averaged. log Σ exp is kept for the
// gradient in two numbers, the largest logit and log Σ exp(logits - largest), because their sum would be rounded. For a
// class outside of the row the loss is NaN, and nothing is read; where the class is ignoreIndex it is 0.
// In front: what rows.wgsl and class_weights.wgsl need; isSmoothed;
// alias Loss, fn lossOf(loss: f32, weight: f32) -> Loss: what is stored.

struct Uniforms {
  length: u32,
  inner: u32,
  rows: u32,
  ignoreIndex: u32,
  labelSmoothing: f32,
}

@group(0) @binding(0) var<uniform> uniforms: Uniforms;
@group(1) @binding(0) var<storage, read> x: array<f32>;
@group(1) @binding(1) var<storage, read> classes: array<u32>; // a negative one is a large one
@group(1) @binding(2) var<storage, read> classWeights: array<f32>;
@group(1) @binding(3) var<storage, read_write> losses: array<Loss>;
@group(1) @binding(4) var<storage, read_write> logSums: array<vec2f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let row = rowOf(workgroupIndex(workgroup, workgroups), local);
  let largest = largestOf(row, local);
  let logTotal = log(exponentialSumOf(row, largest, local));
  var ofAllClasses = 0.0;
  if (isSmoothed) {
    for (var k = row.member; k < row.length; k += teamSize) {
      ofAllClasses += weightOf(k) * (largest - x[row.start + k * uniforms.inner] + logTotal);
    }
    ofAllClasses = sumOfTeam(ofAllClasses, local);
  }
  if (row.member != 0u || row.index >= uniforms.rows) { return; }
  let label = classes[row.index];
  logSums[row.index] = vec2f(largest, logTotal);
  if (label == uniforms.ignoreIndex) {
    losses[row.index] = lossOf(0.0, 0.0);
  } else if (label < row.length) {
    let weight = weightOf(label);
    let ofClass = weight * (largest - x[row.start + label * uniforms.inner] + logTotal);
    var loss = ofClass;
    if (isSmoothed) { loss = mix(ofClass, ofAllClasses / f32(row.length), uniforms.labelSmoothing); }
    losses[row.index] = lossOf(loss, weight);
  } else {
    losses[row.index] = lossOf(notANumber(label), 1.0);
  }
}
