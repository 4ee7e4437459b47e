// Stochastic gradient descent with momentum, four weights a thread.
// In front: const nesterov: bool; fn isSkipped() -> bool: whether nothing is to change.

struct Uniforms {
  learningRate: f32,
  momentum: f32,
  gradientShare: f32, // 1 - dampening; 1 in the first step, when the buffer is still zero
  weightDecay: f32,
  vectors: u32,
}

@group(0) @binding(0) var<storage, read_write> weights: array<vec4f>;
@group(0) @binding(1) var<storage, read> gradients: array<vec4f>;
@group(0) @binding(2) var<storage, read_write> buffers: array<vec4f>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.vectors) { return; }
  if (isSkipped()) { return; }
  let weight = weights[i];
  let gradient = gradients[i] + uniforms.weightDecay * weight;
  let buffer = uniforms.momentum * buffers[i] + uniforms.gradientShare * gradient;
  let direction = select(buffer, gradient + uniforms.momentum * buffer, nesterov);
  buffers[i] = buffer;
  weights[i] = weight - uniforms.learningRate * direction;
}
