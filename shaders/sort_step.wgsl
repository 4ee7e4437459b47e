// One step of the bitonic sort of sort_runs.wgsl whose pairs are too far apart for one workgroup; a comparison a thread.

struct Uniforms {
  run: u32,
  apart: u32,
  comparisons: u32,
}

@group(0) @binding(8) var<uniform> uniforms: Uniforms;
@group(0) @binding(0) var<storage, read_write> pairs: array<vec2u>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = workgroupIndex(workgroup, workgroups) * 64u + local;
  if (i >= uniforms.comparisons) { return; }
  let low = lowerOf(i, uniforms.apart);
  let a = pairs[low];
  let b = pairs[low + uniforms.apart];
  if (isAfter(a, b) == isAscending(low, uniforms.run)) {
    pairs[low] = b;
    pairs[low + uniforms.apart] = a;
  }
}
