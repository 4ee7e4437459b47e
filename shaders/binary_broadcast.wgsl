// result = combine(a, b, dy) for operands that broadcast: each is walked by its own strides, 0 along stretched axes.
// In front: alias Input, alias Output, fn combine(a: Input, b: Input, dy: Input) -> Output, const rank,
// fn finish(value: Output, i: u32) -> Output, which element i of the result goes through.

struct Uniforms {
  sizes: array<vec4u, 2>,
  stridesA: array<vec4u, 2>,
  stridesB: array<vec4u, 2>,
  count: u32,
}

@group(0) @binding(0) var<storage, read> a: array<Input>;
@group(0) @binding(1) var<storage, read> b: array<Input>;
@group(0) @binding(2) var<storage, read> gradients: array<Input>;
@group(0) @binding(3) var<storage, read_write> result: array<Output>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.count) { return; }
  var rest = i;
  var offsetA = 0u;
  var offsetB = 0u;
  for (var left = rank; left > 0u; left--) {
    let axis = left - 1u;
    let size = component(uniforms.sizes, axis);
    let index = rest % size;
    rest /= size;
    offsetA += index * component(uniforms.stridesA, axis);
    offsetB += index * component(uniforms.stridesB, axis);
  }
  result[i] = finish(combine(a[offsetA], b[offsetB], gradients[i]), i);
}
