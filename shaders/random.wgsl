// Fills a tensor with random numbers, a block of four a thread.
// In front: fn numbers(words: vec4u) -> vec4f, which names one of the distributions below.

struct Uniforms {
  draw: vec4u,       // see randomWords
  parameters: vec4f, // of the distribution
  firstVector: u32,  // where this slice begins in the tensor
  vectors: u32,
}

@group(0) @binding(0) var<storage, read_write> result: array<vec4f>;

// The parameters are low and high. 24 bits of each word give [0, 1) exactly; only the scaling can round up to high.
fn uniformNumbers(words: vec4u) -> vec4f {
  let low = uniforms.parameters.x;
  let high = uniforms.parameters.y;
  let values = low + (high - low) * (vec4f(words >> vec4u(8u)) * 0x1p-24);
  return select(vec4f(low), values, values < vec4f(high));
}

// The parameters are mean and standard deviation. Box and Muller: A note on the generation of random normal
// deviates (1958). All 32 bits of a word and half a step give (0, 1]: the logarithm stays finite.
fn normalNumbers(words: vec4u) -> vec4f {
  let logarithms = log(vec2f(words.xz) * 0x1p-32 + 0x1p-33);
  let radii = sqrt(max(vec2f(0.0), -2.0 * logarithms));
  let angles = 6.2831853 * (vec2f(words.yw) * 0x1p-32 - 0.5);
  return uniforms.parameters.x + uniforms.parameters.y * vec4f(radii * cos(angles), radii * sin(angles));
}

// The parameter is how many of the 2^24 values of a word's upper 24 bits count as a 1.
fn bernoulliNumbers(words: vec4u) -> vec4f {
  return vec4f(vec4f(words >> vec4u(8u)) < vec4f(uniforms.parameters.x));
}

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.vectors) { return; }
  result[i] = numbers(randomWords(uniforms.firstVector + i, uniforms.draw));
}
