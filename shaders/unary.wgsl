// y = forward(x), four elements a thread.
// In front: alias Input, alias Output, fn forward(x: Input) -> Output.

struct Uniforms {
  parameters: vec4f, // what else the formula uses: a slope, an exponent
  vectors: u32,
}

@group(0) @binding(0) var<uniform> uniforms: Uniforms;
@group(1) @binding(0) var<storage, read> x: array<vec4<Input>>;
@group(1) @binding(1) var<storage, read_write> y: array<vec4<Output>>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) workgroup: vec3u,
  @builtin(num_workgroups) workgroups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = workgroupIndex(workgroup, workgroups) * 64u + local;
  if (i >= uniforms.vectors) { return; }
  let v = x[i];
  y[i] = vec4<Output>(forward(v.x), forward(v.y), forward(v.z), forward(v.w));
}
