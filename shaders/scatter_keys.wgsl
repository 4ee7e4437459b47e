// What is to be sorted for the gradient of a gather: for every index the element of x (or the slice of x along the axis)
// that it chose, and its own position. What chose nothing, and what fills up the last run of the sort, comes last.

struct Uniforms {
  length: u32, // of x along the axis
  chosen: u32, // of the indices along the axis
  inner: u32,  // indices behind the axis
  count: u32,  // of indices
  padded: u32, // of pairs
}

@group(0) @binding(0) var<storage, read> indices: array<u32>;
@group(0) @binding(1) var<storage, read_write> pairs: array<vec2u>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.padded) { return; }
  var key = 0xffffffffu;
  if (i < uniforms.count && indices[i] < uniforms.length) {
    let outer = i / (uniforms.chosen * uniforms.inner);
    key = (outer * uniforms.length + indices[i]) * uniforms.inner + i % uniforms.inner;
  }
  pairs[i] = vec2u(key, i);
}
