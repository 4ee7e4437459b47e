// For each part of each channel, what the gradients of batchNorm are made of: the sum of dy, which is the bias's gradient,
// and that of dy · normalised x, which is the weight's.
// In front: channel_parts.wgsl and what it needs.

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read> gradients: array<Element>;
@group(0) @binding(2) var<storage, read> means: array<f32>;
@group(0) @binding(3) var<storage, read> variances: array<f32>;
@group(0) @binding(4) var<storage, read_write> sums: array<f32>; // [part][channel]
@group(0) @binding(5) var<storage, read_write> products: array<f32>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.channels * uniforms.parts) { return; }
  let part = partOf(i);
  let mean = means[part.channel];
  var sum = Element();
  var product = Element();
  for (var k = part.first; k < uniforms.elements; k += uniforms.parts) {
    let index = elementIndex(part.channel, k);
    let dy = gradients[index];
    sum += dy;
    product += dy * (x[index] - mean);
  }
  let slot = part.first * uniforms.channels + part.channel;
  sums[slot] = total(sum);
  products[slot] = total(product) * inverseSqrt(variances[part.channel] + uniforms.epsilon);
}
