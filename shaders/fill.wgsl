// Sets every element to one value.
// In front: alias Element.

struct Uniforms {
  value: f32,
  vectors: u32,
}

@group(0) @binding(8) var<uniform> uniforms: Uniforms;
@group(0) @binding(0) var<storage, read_write> result: array<vec4<Element>>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = workgroupIndex(workgroup, workgroups) * 64u + local;
  if (i >= uniforms.vectors) { return; }
  result[i] = vec4<Element>(Element(uniforms.value));
}
