// Exchanges the numbers of two tensors.

struct Uniforms {
  vectors: u32,
}

@group(0) @binding(0) var<storage, read_write> a: array<vec4f>;
@group(0) @binding(1) var<storage, read_write> b: array<vec4f>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.vectors) { return; }
  let own = a[i];
  a[i] = b[i];
  b[i] = own;
}
