// Multiplies a gradient by a number that was computed on the device, in place.

struct Uniforms {
  vectors: u32,
}

@group(0) @binding(0) var<storage, read> factor: array<f32>;
@group(0) @binding(1) var<storage, read_write> gradients: array<vec4f>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.vectors) { return; }
  gradients[i] *= factor[0];
}
