// y = 0 where the draw says so, scale · x elsewhere; the mask is 0 and 1. Four elements a thread.
// In front: alias Element.

struct Uniforms {
  draw: vec4u,  // see randomWords
  dropped: u32, // how many of the 2^24 values of a word's upper 24 bits drop the element
  scale: f32,
  firstVector: u32, // where this slice begins in the whole tensor
  vectors: u32,
}

@group(0) @binding(0) var<storage, read> x: array<vec4<Element>>;
@group(0) @binding(1) var<storage, read_write> mask: array<vec4<Element>>;
@group(0) @binding(2) var<storage, read_write> y: array<vec4<Element>>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.vectors) { return; }
  let isDropped = (randomWords(uniforms.firstVector + i, uniforms.draw) >> vec4u(8u)) < vec4u(uniforms.dropped);
  mask[i] = vec4<Element>(!isDropped);
  y[i] = vec4<Element>(select(uniforms.scale * vec4f(x[i]), vec4f(), isDropped));
}
