// result = combine(a, b, dy) for operands of one shape, four elements a thread. dy is the output's gradient where this
// computes a gradient; a forward pass binds a in its place and does not read it.
// In front: alias Input, alias Output, fn combine(a: Input, b: Input, dy: Input) -> Output,
// fn finishFour(v: vec4<Output>, i: u32) -> vec4<Output>, which four elements of the result, from i on, go through.

struct Uniforms {
  vectors: u32,
}

@group(0) @binding(0) var<storage, read> a: array<vec4<Input>>;
@group(0) @binding(1) var<storage, read> b: array<vec4<Input>>;
@group(0) @binding(2) var<storage, read> gradients: array<vec4<Input>>;
@group(0) @binding(3) var<storage, read_write> result: array<vec4<Output>>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.vectors) { return; }
  let x = a[i];
  let y = b[i];
  let dy = gradients[i];
  let four = vec4<Output>(
    combine(x.x, y.x, dy.x),
    combine(x.y, y.y, dy.y),
    combine(x.z, y.z, dy.z),
    combine(x.w, y.w, dy.w),
  );
  result[i] = finishFour(four, 4u * i);
}
