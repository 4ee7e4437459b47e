// result[o, j, i] = x[o, indices[j], i], or with an index for every element, x[o, indices[o, j, i], i]. An element a
// thread.
// In front: alias Element; hasOwnIndices: whether every element has an index of its own;
// fn missing(index: u32) -> Element: what stands for an element that is not there.

struct Uniforms {
  length: u32, // of x along the axis
  chosen: u32, // of the result along the axis
  inner: u32,  // elements behind the axis
  count: u32,  // of the result's elements
}

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read> indices: array<u32>; // a negative one is a large one
@group(0) @binding(2) var<storage, read_write> result: array<Element>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.count) { return; }
  let line = i / uniforms.inner;
  let index = indices[select(line % uniforms.chosen, i, hasOwnIndices)];
  if (index < uniforms.length) {
    result[i] = x[(line / uniforms.chosen * uniforms.length + index) * uniforms.inner + i % uniforms.inner];
  } else {
    result[i] = missing(index);
  }
}
