// Sets every element to one value.
// In front: alias Element.

struct Uniforms {
  value: f32,
  vectors: u32,
}

@group(0) @binding(0) var<storage, read_write> result: array<vec4<Element>>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.vectors) { return; }
  result[i] = vec4<Element>(Element(uniforms.value));
}
