// result[targetStart + targetStrides · index] = x[start + strides · index] for every index below sizes: permute, expand,
// slice, and the copies of concat and pad. A stride of 0 repeats an element.
// In front: alias Element, const rank.

struct Uniforms {
  sizes: array<vec4u, 2>,
  strides: array<vec4u, 2>,
  targetStrides: array<vec4u, 2>,
  start: u32,
  targetStart: u32,
  count: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read_write> result: array<Element>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.count) { return; }
  var rest = i;
  var source = uniforms.start;
  var destination = uniforms.targetStart;
  for (var left = rank; left > 0u; left--) {
    let axis = left - 1u;
    let size = component(uniforms.sizes, axis);
    let index = rest % size;
    rest /= size;
    source += index * component(uniforms.strides, axis);
    destination += index * component(uniforms.targetStrides, axis);
  }
  result[destination] = x[source];
}
