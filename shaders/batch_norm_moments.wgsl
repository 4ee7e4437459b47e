// The mean of each part of each channel, and the sum of squared deviations from it. The sums are taken of differences from
// the part's first element: with a mean that is large against the deviations, squares of x itself would lose them.
// In front: channel_parts.wgsl and what it needs.

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read_write> moments: array<vec2f>; // [channel][part]

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.channels * uniforms.parts) { return; }
  let part = partOf(i);
  let origin = total(x[elementIndex(part.channel, part.first)]) / f32(width);
  var differences = Element();
  var squares = Element();
  var count = 0u;
  for (var k = part.first; k < uniforms.elements; k += uniforms.parts) {
    let difference = x[elementIndex(part.channel, k)] - origin;
    differences += difference;
    squares += difference * difference;
    count += width;
  }
  let shift = total(differences) / f32(count);
  moments[part.channel * uniforms.parts + part.first] =
    vec2f(origin + shift, max(0.0, total(squares) - shift * total(differences)));
}
