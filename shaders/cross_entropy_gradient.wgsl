// dlogits of the cross entropy: (softmax · Σ target - target) · dy, where the target of class k is its weight times its
// share: labelSmoothing / length for all, and what is left of 1 for the class of the row. NaN for a class outside of the
// row, 0 where it is ignoreIndex.
// In front: what rows.wgsl and class_weights.wgsl need; isSmoothed; isReduced: dy is one number for all rows;
// isMean: and is divided by the weight of all rows; isWhole: one workgroup has all rows, each thread every 64th (teamSize is 1).

struct Uniforms {
  length: u32,
  inner: u32,
  rows: u32,
  ignoreIndex: u32,
  labelSmoothing: f32,
}

@group(0) @binding(0) var<storage, read> logits: array<f32>;
@group(0) @binding(1) var<storage, read> classes: array<u32>;
@group(0) @binding(2) var<storage, read> classWeights: array<f32>;
@group(0) @binding(3) var<storage, read> logSums: array<vec2f>; // the largest logit, and the rest
@group(0) @binding(4) var<storage, read> mean: array<vec2f>;    // of the losses, and the weight of all rows
@group(0) @binding(5) var<storage, read> gradients: array<f32>;
@group(0) @binding(6) var<storage, read_write> result: array<f32>;

fn main(workgroup: u32, local: u32) {
  if (isWhole) {
    for (var first = 0u; first < uniforms.rows; first += 64u) { storeGradient(rowAt(first + local, 0u), local); }
  } else {
    storeGradient(rowOf(workgroup, local), local);
  }
}

fn storeGradient(row: Row, local: u32) {
  let logSum = logSums[row.index];
  let label = classes[row.index];
  var dy = gradients[select(row.index, 0u, isReduced)];
  if (isMean) { dy /= mean[0].y; }
  var ofClass = 0.0;
  if (label < uniforms.length) { ofClass = weightOf(label); }
  var total = ofClass;
  let ofAllClasses = uniforms.labelSmoothing / f32(uniforms.length);
  if (isSmoothed) {
    var weights = 0.0;
    for (var k = row.member; k < row.length; k += teamSize) { weights += weightOf(k); }
    ofClass *= 1.0 - uniforms.labelSmoothing;
    total = ofClass + ofAllClasses * sumOfTeam(weights, local);
  }
  if (label >= uniforms.length) { dy = notANumber(label); }
  for (var k = row.member; k < row.length; k += teamSize) {
    let i = row.start + k * uniforms.inner;
    var own = select(0.0, ofClass, k == label);
    if (isSmoothed) { own += ofAllClasses * weightOf(k); }
    let gradient = (exp((logits[i] - logSum.x) - logSum.y) * total - own) * dy;
    result[i] = select(gradient, 0.0, label == uniforms.ignoreIndex);
  }
}
