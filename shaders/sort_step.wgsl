// One step of the bitonic sort of sort_runs.wgsl whose pairs are too far apart for one workgroup; a comparison a thread.

struct Uniforms {
  run: u32,
  apart: u32,
  comparisons: u32,
}

@group(0) @binding(0) var<storage, read_write> pairs: array<vec2u>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.comparisons) { return; }
  let low = lowerOf(i, uniforms.apart);
  let a = pairs[low];
  let b = pairs[low + uniforms.apart];
  if (isAfter(a, b) == isAscending(low, uniforms.run)) {
    pairs[low] = b;
    pairs[low + uniforms.apart] = a;
  }
}
