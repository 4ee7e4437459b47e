// The gradient of a loss that was summed: combine(a, b, dy · scale), where dy is one number; four elements a thread.
// In front: fn combine(a: f32, b: f32, dy: f32) -> f32, fn finishFour(v: vec4f, i: u32) -> vec4f, which four elements of
// the result, from i on, go through.

struct Uniforms {
  vectors: u32,
  scale: f32,
}

@group(0) @binding(0) var<storage, read> a: array<vec4f>;
@group(0) @binding(1) var<storage, read> b: array<vec4f>;
@group(0) @binding(2) var<storage, read> gradient: array<f32>;
@group(0) @binding(3) var<storage, read_write> result: array<vec4f>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.vectors) { return; }
  let x = a[i];
  let y = b[i];
  let dy = gradient[0] * uniforms.scale;
  let four = vec4f(combine(x.x, y.x, dy), combine(x.y, y.y, dy), combine(x.z, y.z, dy), combine(x.w, y.w, dy));
  result[i] = finishFour(four, 4u * i);
}
