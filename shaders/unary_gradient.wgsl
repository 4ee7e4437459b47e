// dx = backward(x, y, dy), four elements a thread.
// In front: alias Element; fn backward(x: f32, y: f32, dy: f32, parameters: vec4f) -> f32, of which what the formula does
// not use is not read; fn finishFour(v: vec4<Element>, i: u32) -> vec4<Element>, which four elements of dx, from i on, go through.

struct Uniforms {
  parameters: vec4f,
  vectors: u32,
}

@group(0) @binding(0) var<storage, read> inputs: array<vec4<Element>>;
@group(0) @binding(1) var<storage, read> outputs: array<vec4<Element>>;
@group(0) @binding(2) var<storage, read> gradients: array<vec4<Element>>;
@group(0) @binding(3) var<storage, read_write> result: array<vec4<Element>>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.vectors) { return; }
  let x = vec4f(inputs[i]);
  let y = vec4f(outputs[i]);
  let dy = vec4f(gradients[i]);
  let p = uniforms.parameters;
  let four = vec4f(
    backward(x.x, y.x, dy.x, p),
    backward(x.y, y.y, dy.y, p),
    backward(x.z, y.z, dy.z, p),
    backward(x.w, y.w, dy.w, p),
  );
  result[i] = finishFour(vec4<Element>(four), 4u * i);
}
