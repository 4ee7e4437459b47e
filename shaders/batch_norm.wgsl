// (x - mean) / sqrt(variance + epsilon) · weight + bias, with the numbers of x's channel.
// In front: channel_threads.wgsl and what it needs; const isAffine: whether there are weight and bias.

@group(0) @binding(0) var<storage, read> x: array<Element>;
@group(0) @binding(1) var<storage, read> means: array<f32>;
@group(0) @binding(2) var<storage, read> variances: array<f32>;
@group(0) @binding(3) var<storage, read> weight: array<f32>;
@group(0) @binding(4) var<storage, read> bias: array<f32>;
@group(0) @binding(5) var<storage, read_write> result: array<Element>;

fn main(workgroup: u32, local: u32) {
  let i = workgroup * 64u + local;
  if (i >= uniforms.threads) { return; }
  let strip = stripOf(i);
  let mean = means[strip.channel];
  var scale = inverseSqrt(variances[strip.channel] + uniforms.epsilon);
  var add = 0.0;
  if (isAffine) {
    scale *= weight[strip.channel];
    add = bias[strip.channel];
  }
  for (var k = strip.first; k < strip.end; k += uniforms.threadsPerPlane) {
    result[k] = finished((x[k] - mean) * scale + add, k);
  }
}
