// Moves averages towards values: by a share of the way, in place; all of it leaves the values as they are, unrounded.

struct Uniforms {
  share: f32,
  vectors: u32,
}

@group(0) @binding(0) var<storage, read> values: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> averages: array<vec4f>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.vectors) { return; }
  let average = averages[i];
  let moved = average + uniforms.share * (values[i] - average);
  averages[i] = select(moved, values[i], uniforms.share == 1.0);
}
