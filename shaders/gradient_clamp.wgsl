// Limits every element of a gradient to ±most, in place. What is not a number stays so, which clamp would not promise.

struct Uniforms {
  most: f32,
  vectors: u32,
}

@group(0) @binding(0) var<storage, read_write> gradients: array<vec4f>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.vectors) { return; }
  let most = vec4f(uniforms.most);
  let gradient = gradients[i];
  gradients[i] = select(select(gradient, most, gradient > most), -most, gradient < -most);
}
