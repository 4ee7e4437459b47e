// Stochastic gradient descent without momentum, four weights a thread.
// In front: fn isSkipped() -> bool: whether nothing is to change.

struct Uniforms {
  learningRate: f32,
  weightDecay: f32,
  vectors: u32,
}

@group(0) @binding(0) var<storage, read_write> weights: array<vec4f>;
@group(0) @binding(1) var<storage, read> gradients: array<vec4f>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.vectors) { return; }
  if (isSkipped()) { return; }
  let weight = weights[i];
  weights[i] = weight - uniforms.learningRate * (gradients[i] + uniforms.weightDecay * weight);
}
