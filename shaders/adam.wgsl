// Adam and AdamW, four weights a thread. The host works out, in float64, what depends on the number of the step.
// In front: fn isSkipped() -> bool: whether nothing is to change.

struct Uniforms {
  firstDecay: f32,    // beta 1
  firstShare: f32,    // 1 - beta 1
  secondDecay: f32,   // beta 2
  secondShare: f32,   // 1 - beta 2
  stepSize: f32,      // learning rate / (1 - beta 1 ^ step)
  correction: f32,    // 1 / sqrt(1 - beta 2 ^ step)
  epsilon: f32,
  gradientDecay: f32, // Adam: the weight decay that joins the gradient
  weightFactor: f32,  // AdamW: 1 - learning rate · weight decay
  vectors: u32,
}

@group(0) @binding(0) var<storage, read_write> weights: array<vec4f>;
@group(0) @binding(1) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> firstMoments: array<vec4f>;
@group(0) @binding(3) var<storage, read_write> secondMoments: array<vec4f>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.vectors) { return; }
  if (isSkipped()) { return; }
  let weight = weights[i];
  let gradient = gradients[i] + uniforms.gradientDecay * weight;
  let first = uniforms.firstDecay * firstMoments[i] + uniforms.firstShare * gradient;
  let second = uniforms.secondDecay * secondMoments[i] + uniforms.secondShare * gradient * gradient;
  firstMoments[i] = first;
  secondMoments[i] = second;
  let denominator = uniforms.correction * sqrt(second) + uniforms.epsilon;
  weights[i] = uniforms.weightFactor * weight - uniforms.stepSize * first / denominator;
}
