// dx of a gather with few indices along the axis: every element of x walks them and adds up dy where it was chosen.
// In front: hasOwnIndices: whether every element of dy has an index of its own.

struct Uniforms {
  length: u32, // of x along the axis
  chosen: u32, // of dy along the axis
  inner: u32,  // elements behind the axis
  count: u32,  // of x's elements
}

@group(0) @binding(0) var<storage, read> gradients: array<f32>;
@group(0) @binding(1) var<storage, read> indices: array<u32>;
@group(0) @binding(2) var<storage, read_write> result: array<f32>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.count) { return; }
  let line = i / uniforms.inner;
  let own = line % uniforms.length;
  let start = line / uniforms.length * uniforms.chosen * uniforms.inner + i % uniforms.inner;
  var sum = 0.0;
  for (var j = 0u; j < uniforms.chosen; j++) {
    let at = start + j * uniforms.inner;
    if (indices[select(j, at, hasOwnIndices)] == own) { sum += gradients[at]; }
  }
  result[i] = sum;
}
