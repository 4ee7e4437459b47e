// y = forward(x), four elements a thread.
// In front: alias Input, alias Output, fn forward(x: Input, parameters: vec4f) -> Output,
// fn finishFour(v: vec4<Output>, i: u32) -> vec4<Output>, which four elements of y, from i on, go through.

struct Uniforms {
  parameters: vec4f, // what else the formula uses: a slope, an exponent
  vectors: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<Input>>;
@group(0) @binding(1) var<storage, read_write> y: array<vec4<Output>>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.vectors) { return; }
  let v = x[i];
  let p = uniforms.parameters;
  y[i] = finishFour(vec4<Output>(forward(v.x, p), forward(v.y, p), forward(v.z, p), forward(v.w, p)), 4u * i);
}
