// The cross entropy of every row of logits and its class, log Σ exp(logits) - logits[class], times the weight of the
// class. With label smoothing, a share of it is the same for all classes of the row, averaged. log Σ exp is kept for the
// gradient in two numbers, the largest logit and log Σ exp(logits - largest), because their sum would be rounded. For a
// class outside of the row the loss is NaN, and nothing is read; where the class is ignoreIndex it is 0.
// In front: what rows.wgsl and class_weights.wgsl need; weighted_sum.wgsl; isSmoothed;
// alias Loss, fn lossOf(loss: f32, weight: f32) -> Loss: what is stored;
// isWhole: one workgroup has all rows, each thread every 64th (teamSize is 1), and stores the sum of their losses, or
// (isMean) their weighted mean.

struct Uniforms {
  length: u32,
  inner: u32,
  rows: u32,
  ignoreIndex: u32,
  labelSmoothing: f32,
}

@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> classes: array<u32>; // a negative one is a large one
@group(0) @binding(2) var<storage, read> classWeights: array<f32>;
@group(0) @binding(3) var<storage, read_write> losses: array<Loss>;
@group(0) @binding(4) var<storage, read_write> logSums: array<vec2f>;

fn main(workgroup: u32, local: u32) {
  if (isWhole) {
    var own = vec2f();
    for (var first = 0u; first < uniforms.rows; first += 64u) { own += weightedLoss(rowAt(first + local, 0u), local); }
    let all = weightedSum(own, local);
    if (local == 0u) { losses[0] = lossOf(select(all.x, all.x / all.y, isMean), all.y); }
  } else {
    let row = rowOf(workgroup, local);
    let loss = weightedLoss(row, local);
    if (row.member == 0u && row.index < uniforms.rows) { losses[row.index] = lossOf(loss.x, loss.y); }
  }
}

// The loss of a row times its weight, and the weight.
fn weightedLoss(row: Row, local: u32) -> vec2f {
  let largest = largestOf(row, local);
  let logTotal = log(exponentialSumOf(row, largest, local));
  var ofAllClasses = 0.0;
  if (isSmoothed) {
    for (var k = row.member; k < row.length; k += teamSize) {
      ofAllClasses += weightOf(k) * (largest - x[row.start + k * uniforms.inner] + logTotal);
    }
    ofAllClasses = sumOfTeam(ofAllClasses, local);
  }
  if (row.member != 0u || row.index >= uniforms.rows) { return vec2f(); }
  let label = classes[row.index];
  logSums[row.index] = vec2f(largest, logTotal);
  if (label == uniforms.ignoreIndex) { return vec2f(); }
  if (label >= row.length) { return vec2f(notANumber(label), 1.0); }
  let weight = weightOf(label);
  let ofClass = weight * (largest - x[row.start + label * uniforms.inner] + logTotal);
  if (!isSmoothed) { return vec2f(ofClass, weight); }
  return vec2f(mix(ofClass, ofAllClasses / f32(row.length), uniforms.labelSmoothing), weight);
}
