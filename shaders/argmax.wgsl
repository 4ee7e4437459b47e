// The index of the first largest element along one axis, or of the first NaN; an output a thread.
// In front: alias Element.

struct Uniforms {
  length: u32, // of the axis
  inner: u32,  // elements behind it
  outputs: u32,
}

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read_write> result: array<i32>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.outputs) { return; }
  let base = (i / uniforms.inner) * uniforms.length * uniforms.inner + i % uniforms.inner;
  var best = 0u;
  var largest = x[base];
  for (var k = 1u; k < uniforms.length; k++) {
    let value = x[base + k * uniforms.inner];
    if ((value > largest) | (isNaN(f32(value)) & !isNaN(f32(largest)))) {
      largest = value;
      best = k;
    }
  }
  result[i] = i32(best);
}
